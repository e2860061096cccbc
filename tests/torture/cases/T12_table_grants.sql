-- target: projections
-- expect: success
-- hazard: C-TABACL. Grants of tables, columns, sequences and views, and an owner, on recreated objects.
GRANT SELECT ON users.subscriptions TO torture_app WITH GRANT OPTION; GRANT SELECT (user_id), UPDATE (privacy) ON users.user_privacy TO torture_ro;
GRANT USAGE ON SEQUENCE users.subscriptions_id_seq TO torture_app; GRANT SELECT ON public.trending TO PUBLIC;
REVOKE ALL ON users.playlists FROM PUBLIC; GRANT INSERT ON public.public_events TO torture_app;
