-- What a user lets others see: of everything (feed and item empty), of one podcast, or of one episode.

create table user_privacy (
  user_id varchar(255),
  rss_source_feed text default '',
  rss_source_item text default '',
  privacy varchar(255) not null default 'public',
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null,
  primary key (user_id, rss_source_feed, rss_source_item),
  constraint valid_privacy check (privacy in ('public', 'anonymous', 'private'))
);

create index user_privacy_privacy_index
  on user_privacy (privacy);

create index user_privacy_user_id_index
  on user_privacy (user_id);

create index user_privacy_user_id_rss_source_feed_index
  on user_privacy (user_id, rss_source_feed);
