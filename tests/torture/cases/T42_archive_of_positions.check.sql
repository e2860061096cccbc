CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 2 FROM system.subscriptions_history), 'T42-a DATA LOSS: archived positions were deleted');
END $$;
RESET search_path;
