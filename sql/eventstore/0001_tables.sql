-- Tables of commanded/eventstore, storage 1.3.2, data as bytea: the same columns, keys and index names.
-- One stored event may lie in several streams; stream 0, `$all`, holds every event in global order.

create table {event_store}.streams (
  stream_id bigserial primary key,
  stream_uuid text not null,
  stream_version bigint not null default 0,
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);

create unique index ix_streams_stream_uuid
  on {event_store}.streams (stream_uuid);

create table {event_store}.events (
  event_id uuid primary key,
  event_type text not null,
  causation_id uuid,
  correlation_id uuid,
  data bytea not null,
  metadata bytea,
  created_at timestamptz not null default now()
);

create table {event_store}.stream_events (
  event_id uuid not null references {event_store}.events (event_id),
  stream_id bigint not null references {event_store}.streams (stream_id),
  stream_version bigint not null,
  original_stream_id bigint references {event_store}.streams (stream_id),
  original_stream_version bigint,
  primary key (event_id, stream_id)
);

create unique index ix_stream_events
  on {event_store}.stream_events (stream_id, stream_version);

create table {event_store}.subscriptions (
  subscription_id bigserial primary key,
  stream_uuid text not null,
  subscription_name text not null,
  last_seen bigint,
  created_at timestamptz not null default now()
);

create unique index ix_subscriptions_stream_uuid_subscription_name
  on {event_store}.subscriptions (stream_uuid, subscription_name);

create table {event_store}.snapshots (
  source_uuid text primary key,
  source_version bigint not null,
  source_type text not null,
  data bytea not null,
  metadata bytea,
  created_at timestamptz not null default now()
);

create table {event_store}.schema_migrations (
  major_version int not null,
  minor_version int not null,
  patch_version int not null,
  migrated_at timestamptz not null default now(),
  primary key (major_version, minor_version, patch_version)
);
