-- Podcasts that a user follows or followed.
-- Two unique indexes cover the same columns: Balados Sync has both, and its upserts name them.
-- depends: 0001_updated_at

create table subscriptions (
  id uuid primary key,
  user_id varchar(255) not null,
  rss_source_feed text not null,
  rss_source_id text,
  rss_feed_title text,
  subscribed_at timestamp(0),
  unsubscribed_at timestamp(0),
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create unique index subscriptions_user_id_rss_source_feed_index
  on subscriptions (user_id, rss_source_feed);

create unique index subscriptions_user_feed_unique
  on subscriptions (user_id, rss_source_feed);

create index subscriptions_user_id_index
  on subscriptions (user_id);

create index subscriptions_rss_source_feed_index
  on subscriptions (rss_source_feed);

create index subscriptions_active_idx
  on subscriptions (user_id, subscribed_at, unsubscribed_at)
  where unsubscribed_at is null
     or subscribed_at > unsubscribed_at;

create trigger update_subscriptions_updated_at
  before update on subscriptions
  for each row
  execute function update_updated_at_column();
