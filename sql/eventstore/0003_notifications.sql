-- Subscribers hear of new events through NOTIFY.
-- Channel: the schema's name and `.events`. Payload: stream_uuid,stream_id,first_version,last_version.

create function {event_store}.notify_events()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $body$
declare
  first_version bigint := 1;
begin
  if tg_op = 'UPDATE' then
    first_version := old.stream_version + 1;
  end if;

  perform pg_notify(
    tg_table_schema || '.events',
    concat_ws(',', new.stream_uuid, new.stream_id, first_version, new.stream_version)
  );
  return null;
end
$body$;

create trigger event_notification
  after insert or update on {event_store}.streams
  for each row
  execute function {event_store}.notify_events();
