-- target: projections
-- expect: success
-- hazard: Projection tables of another role, unlogged tables, a temporary table of the session, comments, toast, storage settings, replica identity.
ALTER TABLE users.playlists OWNER TO torture_app; CREATE UNLOGGED TABLE public.cache (id int PRIMARY KEY); INSERT INTO public.cache VALUES (1); COMMENT ON TABLE users.subscriptions IS 'read model';
ALTER TABLE users.subscriptions SET (fillfactor = 70); ALTER TABLE users.subscriptions REPLICA IDENTITY FULL; CREATE TABLE public.wide (t text); INSERT INTO public.wide SELECT repeat(md5(i::text), 10000) FROM generate_series(1, 3) i;
