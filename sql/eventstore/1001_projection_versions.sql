-- Addition: the checkpoints of commanded_ecto_projections, in the event store's schema.
-- A projection schema would be the wrong home: recreating it would forget positions that are not its own.

create table if not exists {event_store}.projection_versions (
  projection_name text primary key,
  last_seen_event_number bigint,
  inserted_at timestamp not null,
  updated_at timestamp not null
);
