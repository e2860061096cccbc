-- How popular an episode is, now and at the last recalculation.
-- Nine indexes: the podcast; each counter alone and beside its previous value; score and plays within a podcast.

create table episode_popularity (
  rss_source_item text primary key,
  rss_source_feed text,
  episode_title text,
  episode_author text,
  episode_description text,
  episode_cover jsonb,
  score integer not null default 0,
  score_previous integer not null default 0,
  plays integer not null default 0,
  plays_previous integer not null default 0,
  plays_people varchar(255)[] not null default '{}',
  likes integer not null default 0,
  likes_previous integer not null default 0,
  likes_people varchar(255)[] not null default '{}',
  podcast_title varchar(255),
  episode_link varchar(255),
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index episode_popularity_rss_source_feed_index
  on episode_popularity (rss_source_feed);

create index episode_popularity_score_index
  on episode_popularity (score);

create index episode_popularity_plays_index
  on episode_popularity (plays);

create index episode_popularity_likes_index
  on episode_popularity (likes);

create index episode_popularity_score_score_previous_index
  on episode_popularity (score, score_previous);

create index episode_popularity_plays_plays_previous_index
  on episode_popularity (plays, plays_previous);

create index episode_popularity_likes_likes_previous_index
  on episode_popularity (likes, likes_previous);

create index episode_popularity_rss_source_feed_score_index
  on episode_popularity (rss_source_feed, score);

create index episode_popularity_rss_source_feed_plays_index
  on episode_popularity (rss_source_feed, plays);
