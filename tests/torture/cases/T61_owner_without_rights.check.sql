CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT has_table_privilege('torture_app', c.oid, 'INSERT') AND NOT has_table_privilege('torture_app', c.oid, 'DELETE') FROM pg_class c WHERE c.oid = 'users.subscriptions'::regclass), 'T61-a the owner may delete again');
END $$;
RESET search_path;
