-- Takes back 0002_podcast_popularity.
drop table podcast_popularity;
