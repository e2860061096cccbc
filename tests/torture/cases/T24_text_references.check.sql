CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must(system.top() = 0 AND system.top2() = 0 OR current_setting('torture.outcome') <> 'success', 'T24-a a function that names a projection does not work any more');
  NULL;
END $$;
RESET search_path;
