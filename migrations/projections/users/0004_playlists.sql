-- Playlists and the episodes in them.
-- Two unique indexes of playlist_items cover the same four columns in different order: Balados Sync has both.
-- depends: 0001_updated_at

create table playlists (
  id uuid primary key,
  user_id varchar(255) not null,
  name varchar(255) not null,
  description text,
  deleted_at timestamp(0),
  is_public boolean not null default false,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index playlists_user_id_index
  on playlists (user_id);

create index playlists_user_id_name_index
  on playlists (user_id, name);

create index playlists_active_idx
  on playlists (user_id, deleted_at)
  where deleted_at is null;

create index playlists_user_id_is_public_index
  on playlists (user_id, is_public);

create unique index playlists_id_user_id_unique
  on playlists (id, user_id);

create trigger update_playlists_updated_at
  before update on playlists
  for each row
  execute function update_updated_at_column();

create table playlist_items (
  id uuid primary key,
  playlist_id uuid not null references playlists (id) on delete cascade,
  rss_source_feed text,
  rss_source_item text not null,
  item_title text,
  feed_title text,
  deleted_at timestamp(0),
  user_id varchar(255),
  position integer,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index playlist_items_playlist_id_index
  on playlist_items (playlist_id);

create index playlist_items_rss_source_item_index
  on playlist_items (rss_source_item);

create index playlist_items_playlist_id_deleted_at_index
  on playlist_items (playlist_id, deleted_at)
  where deleted_at is null;

create unique index playlist_items_unique_idx
  on playlist_items (user_id, playlist_id, rss_source_feed, rss_source_item);

create unique index playlist_items_composite_unique
  on playlist_items (playlist_id, rss_source_feed, rss_source_item, user_id);

create index playlist_items_user_playlist_idx
  on playlist_items (user_id, playlist_id);

create trigger update_playlist_items_updated_at
  before update on playlist_items
  for each row
  execute function update_updated_at_column();
