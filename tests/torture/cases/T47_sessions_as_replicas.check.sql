CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM system.bookmarks b JOIN events.projection_versions p ON p.projection_name = b.name), 'T47-a a permanent row references a position that is gone');
END $$;
RESET search_path;
