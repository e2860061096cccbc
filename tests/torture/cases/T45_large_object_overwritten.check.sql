CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT convert_from(lo_get(content), 'UTF8') = 'precious' FROM system.files), 'T45-a DATA LOSS: a permanent large object was overwritten');
END $$;
RESET search_path;
