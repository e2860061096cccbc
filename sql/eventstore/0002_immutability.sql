-- Events are never changed, and deleted only by a session that says so.
-- The triggers fire once per statement, so that even one that matches no row is refused.

create function {event_store}.event_store_exception()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $body$
begin
  raise exception 'EventStore: %', tg_argv[0];
end
$body$;

create function {event_store}.event_store_delete()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $body$
begin
  if 'on' in (
    current_setting('eventstore.enable_hard_deletes', true),
    current_setting('eventstore.reset', true)
  ) then
    return null;
  end if;

  raise exception 'EventStore: %', tg_argv[0]
    using errcode = 'feature_not_supported';
end
$body$;

create trigger no_update_events
  before update on {event_store}.events
  for each statement
  execute function {event_store}.event_store_exception('Cannot update events');

create trigger no_delete_events
  before delete on {event_store}.events
  for each statement
  execute function {event_store}.event_store_delete('Cannot delete events');

create trigger no_update_stream_events
  before update on {event_store}.stream_events
  for each statement
  execute function {event_store}.event_store_exception('Cannot update stream events');

create trigger no_delete_stream_events
  before delete on {event_store}.stream_events
  for each statement
  execute function {event_store}.event_store_delete('Cannot delete stream events');

create trigger no_delete_streams
  before delete on {event_store}.streams
  for each statement
  execute function {event_store}.event_store_delete('Cannot delete streams');
