-- How far a user has listened to an episode.
-- Two unique indexes cover the same columns: Balados Sync has both.

create table play_statuses (
  id uuid primary key,
  user_id varchar(255) not null,
  rss_source_feed text,
  rss_source_item text not null,
  rss_feed_title text,
  rss_item_title text,
  played boolean default false,
  position integer default 0,
  rss_enclosure jsonb,
  updated_at timestamp(0) not null
);

create unique index play_statuses_user_id_rss_source_item_index
  on play_statuses (user_id, rss_source_item);

create unique index play_statuses_user_item_unique
  on play_statuses (user_id, rss_source_item);

create index play_statuses_user_id_index
  on play_statuses (user_id);

create index play_statuses_rss_source_item_index
  on play_statuses (rss_source_item);

create index play_statuses_user_id_updated_at_index
  on play_statuses (user_id, updated_at);

create index play_statuses_user_id_played_index
  on play_statuses (user_id, played)
  where played = false
    and position > 0;
