-- target: projections
-- expect: success
-- hazard: F-MV. Materialized views that read one another, deeper than two and against the order of their names: each must be refreshed after what it reads.
CREATE MATERIALIZED VIEW public.d_feeds AS SELECT * FROM public.podcast_popularity;
CREATE MATERIALIZED VIEW public.c_feeds AS SELECT * FROM public.d_feeds;
CREATE MATERIALIZED VIEW public.b_feeds AS SELECT * FROM public.c_feeds;
CREATE MATERIALIZED VIEW public.a_feeds AS SELECT * FROM public.b_feeds;
