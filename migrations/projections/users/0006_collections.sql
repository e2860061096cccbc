-- Collections: podcasts that a user keeps together; one of them is the default.

create table collections (
  id uuid primary key,
  user_id text not null,
  title text not null,
  deleted_at timestamp(0),
  is_default boolean not null default false,
  description text,
  color text,
  is_public boolean not null default false,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index collections_user_id_index
  on collections (user_id);

create unique index collections_user_id_is_default_index
  on collections (user_id, is_default)
  where is_default;

create index collections_user_id_is_public_index
  on collections (user_id, is_public);

create table collection_subscriptions (
  id uuid primary key,
  collection_id uuid not null references collections (id) on delete cascade,
  rss_source_feed text not null,
  position integer not null default 0,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index collection_subscriptions_collection_id_index
  on collection_subscriptions (collection_id);

create unique index collection_subscriptions_collection_id_rss_source_feed_index
  on collection_subscriptions (collection_id, rss_source_feed);

create index collection_subscriptions_collection_id_position_index
  on collection_subscriptions (collection_id, position);
