-- The trigger function that stamps updated_at, in UTC, as the application does.
-- It lives beside the tables that use it: in another schema, dropping that schema would take their triggers along.
-- What it calls is qualified, so that the caller's search_path does not matter.

create function update_updated_at_column()
returns trigger
language plpgsql
as $$
begin
  new.updated_at := pg_catalog.timezone('UTC', pg_catalog.now());
  return new;
end
$$;
