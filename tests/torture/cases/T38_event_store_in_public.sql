-- target: projections
-- expect: refuse
-- names: public
-- hazard: M-CLASS. The event store lives in `public`, which the manifest calls a projection: resetting it would delete the source of truth.
DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY ARRAY['streams', 'events', 'stream_events', 'subscriptions', 'snapshots'] LOOP EXECUTE format('CREATE TABLE public.%I (LIKE events.%I INCLUDING ALL)', t, t); EXECUTE format('INSERT INTO public.%I SELECT * FROM events.%I', t, t); END LOOP; END $$;
