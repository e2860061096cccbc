CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  IF current_setting('torture.outcome') = 'success' THEN INSERT INTO system.tickets DEFAULT VALUES; END IF;
PERFORM pg_temp.must((SELECT count(*) >= 3 FROM system.tickets), 'T20-a permanent rows lost');
  NULL;
END $$;
RESET search_path;
