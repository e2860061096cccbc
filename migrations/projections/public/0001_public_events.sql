-- The public feed of activity: what users did, as far as their privacy lets it be seen.
-- user_id is null where the user is anonymous, so the two indexes on it are partial.

create table public_events (
  id uuid primary key,
  user_id varchar(255),
  event_type varchar(255) not null,
  rss_source_feed text,
  rss_source_item text,
  privacy varchar(255) not null,
  event_data jsonb default '{}',
  event_timestamp timestamp(0) not null,
  inserted_at timestamp(0) not null
);

create index public_events_event_type_index
  on public_events (event_type);

create index public_events_user_id_index
  on public_events (user_id)
  where user_id is not null;

create index public_events_rss_source_feed_index
  on public_events (rss_source_feed);

create index public_events_rss_source_item_index
  on public_events (rss_source_item);

create index public_events_event_timestamp_index
  on public_events (event_timestamp);

create index public_events_privacy_index
  on public_events (privacy);

create index public_events_timeline_idx
  on public_events (event_timestamp, event_type);

create index public_events_user_id_event_timestamp_index
  on public_events (user_id, event_timestamp)
  where user_id is not null;
