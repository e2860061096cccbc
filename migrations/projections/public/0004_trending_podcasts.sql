-- The hundred most popular podcasts, and how much each has gained. It shows nothing new until it is refreshed.
-- The unique index lets it be refreshed concurrently.
-- depends: 0002_podcast_popularity

create materialized view trending_podcasts as
select rss_source_feed,
       feed_title,
       feed_author,
       feed_cover,
       score,
       score - score_previous as score_delta,
       plays,
       plays - plays_previous as plays_delta,
       likes,
       likes - likes_previous as likes_delta,
       plays_people,
       updated_at
  from podcast_popularity
 order by score desc,
          rss_source_feed
 limit 100;

create unique index trending_podcasts_feed_idx
  on trending_podcasts (rss_source_feed);
