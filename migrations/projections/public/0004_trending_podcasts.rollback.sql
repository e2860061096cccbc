-- Takes back 0004_trending_podcasts.
drop materialized view trending_podcasts;
