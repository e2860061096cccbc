-- target: projections
-- expect: refuse
-- names: events.activity_raw
-- hazard: A-PART. A projection is partitioned, and one partition lives in a permanent schema: DROP and TRUNCATE of the parent take it along without a word.
CREATE TABLE public.activity (kind int, n int) PARTITION BY LIST (kind);
CREATE TABLE public.activity_1 PARTITION OF public.activity FOR VALUES IN (1);
CREATE TABLE events.activity_raw PARTITION OF public.activity FOR VALUES IN (2);
INSERT INTO public.activity SELECT 1 + i % 2, i FROM generate_series(1, 10) i;
