-- target: projections
-- expect: either
-- names: public.average
-- hazard: F-MV. A materialized view divides by the number of rows: it cannot be refreshed over an emptied table. Refused, not failed.
CREATE MATERIALIZED VIEW public.average AS SELECT 100 / count(*) AS share FROM public.podcast_popularity;
