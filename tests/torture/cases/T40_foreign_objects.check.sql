CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT relowner::regrole::text = 'torture_app' FROM pg_class WHERE oid = 'users.playlists'::regclass), 'T40-a the owner of a projection table is lost');
  NULL;
END $$;
RESET search_path;
