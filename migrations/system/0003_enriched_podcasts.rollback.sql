-- Takes back 0003_enriched_podcasts.
drop table enriched_podcasts;
