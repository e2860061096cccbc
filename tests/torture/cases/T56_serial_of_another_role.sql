-- target: projections
-- expect: either
-- names: subscriptions_id_seq users.subscriptions
-- connect-as: torture_owner
-- hazard: G-PERM. No superuser; a projection table with a serial belongs to another role: what cannot be given back is said or refused, never a failure half way.
DO $$ DECLARE r record; BEGIN
  EXECUTE format('ALTER DATABASE %I OWNER TO torture_owner', current_database());
  FOR r IN SELECT nspname FROM pg_namespace WHERE nspname IN ('system','users','events') LOOP EXECUTE format('ALTER SCHEMA %I OWNER TO torture_owner', r.nspname); END LOOP;
  FOR r IN SELECT c.oid::regclass AS t FROM pg_class c WHERE relnamespace::regnamespace::text IN ('system','users','events','public') AND relkind IN ('r','v') AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') LOOP EXECUTE format('ALTER TABLE %s OWNER TO torture_owner', r.t); END LOOP;
  FOR r IN SELECT p.oid::regprocedure AS f FROM pg_proc p WHERE pronamespace = 'events'::regnamespace LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO torture_owner', r.f); END LOOP;
END $$;
ALTER SCHEMA public OWNER TO torture_owner;
ALTER TABLE users.subscriptions OWNER TO torture_app;
GRANT ALL ON users.subscriptions TO torture_owner;
GRANT ALL ON SEQUENCE users.subscriptions_id_seq TO torture_owner;
