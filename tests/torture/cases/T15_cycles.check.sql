CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  IF current_setting('torture.outcome') = 'success' AND to_regclass('users.counted') IS NOT NULL THEN PERFORM pg_temp.must((SELECT n = 0 FROM users.counted), 'T15-a a materialized view still shows the old rows'); END IF;
  NULL;
END $$;
RESET search_path;
