CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM system.seen), 'T75-a permanent rows lost');
  PERFORM pg_temp.must((SELECT count(*) = 2 FROM pg_constraint WHERE conrelid = 'system.seen'::regclass AND contype = 'f'), 'T75-b a foreign key is lost');
END $$;
RESET search_path;
