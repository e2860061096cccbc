-- Addition: refuse TRUNCATE of events, which the library guards against UPDATE and DELETE alone.
-- Always enabled: session_replication_role = replica, which silences ordinary triggers, does not silence these.

create or replace function {event_store}.balados_refuse_truncate()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $body$
begin
  if 'on' in (
    current_setting('balados_db.reset', true),
    current_setting('eventstore.reset', true)
  ) then
    return null;
  end if;

  raise exception 'EventStore: Cannot truncate %', tg_table_name
    using errcode = 'feature_not_supported',
          hint = 'Events exist nowhere else. To empty the event store on purpose: balados-db reset --events';
end
$body$;

-- Names are dollar-quoted: a schema's name may hold an apostrophe.
do $body$
declare
  guarded regclass;
begin
  foreach guarded in array array[
    $name${event_store}.streams$name$,
    $name${event_store}.stream_events$name$,
    $name${event_store}.events$name$
  ]::regclass[]
  loop
    if not exists (
      select
        from pg_catalog.pg_trigger
       where tgrelid = guarded
         and tgname = 'balados_no_truncate'
    ) then
      execute pg_catalog.format(
        'create trigger balados_no_truncate before truncate on %s for each statement execute function %s()',
        guarded,
        $name${event_store}.balados_refuse_truncate$name$
      );
    end if;

    if not exists (
      select
        from pg_catalog.pg_trigger
       where tgrelid = guarded
         and tgname = 'balados_no_truncate'
         and tgenabled = 'A'
    ) then
      execute pg_catalog.format('alter table %s enable always trigger balados_no_truncate', guarded);
    end if;
  end loop;
end
$body$;
