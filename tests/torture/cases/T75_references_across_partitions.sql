-- target: projections
-- expect: either
-- names: system.seen
-- hazard: A-FK. Permanent tables reference a single partition of a projection, and a projection by a constraint that was never validated.
CREATE TABLE public.activity (k int PRIMARY KEY) PARTITION BY LIST (k);
CREATE TABLE public.activity_1 PARTITION OF public.activity FOR VALUES IN (1);
INSERT INTO public.activity VALUES (1);
CREATE TABLE system.seen (k int REFERENCES public.activity_1, feed text);
INSERT INTO system.seen VALUES (1, 'unknown');
ALTER TABLE system.seen ADD CONSTRAINT late FOREIGN KEY (feed) REFERENCES public.podcast_popularity NOT VALID;
