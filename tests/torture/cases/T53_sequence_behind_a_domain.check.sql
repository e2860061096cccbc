CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  IF current_setting('torture.outcome') = 'success' THEN INSERT INTO system.orders (n) VALUES (4); INSERT INTO system.invoices (n) VALUES (4); END IF;
  PERFORM pg_temp.must((SELECT count(*) >= 3 FROM system.orders), 'T53-b permanent rows lost');
END $$;
RESET search_path;
