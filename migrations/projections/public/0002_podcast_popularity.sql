-- How popular a podcast is, now and at the last recalculation.
-- Six indexes: each counter alone, for rankings, and beside its previous value, for trends.

create table podcast_popularity (
  rss_source_feed text primary key,
  feed_title text,
  feed_author text,
  feed_description text,
  feed_cover jsonb,
  score integer not null default 0,
  score_previous integer not null default 0,
  plays integer not null default 0,
  plays_previous integer not null default 0,
  plays_people varchar(255)[] not null default '{}',
  likes integer not null default 0,
  likes_previous integer not null default 0,
  likes_people varchar(255)[] not null default '{}',
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index podcast_popularity_score_index
  on podcast_popularity (score);

create index podcast_popularity_plays_index
  on podcast_popularity (plays);

create index podcast_popularity_likes_index
  on podcast_popularity (likes);

create index podcast_popularity_score_score_previous_index
  on podcast_popularity (score, score_previous);

create index podcast_popularity_plays_plays_previous_index
  on podcast_popularity (plays, plays_previous);

create index podcast_popularity_likes_likes_previous_index
  on podcast_popularity (likes, likes_previous);
