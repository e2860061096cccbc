CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = 'system.users'::regclass AND attname IN ('normal', 'nick') AND NOT attisdropped), 'T05-a a generated column is gone');
PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_constraint WHERE conname = 'named') AND to_regclass('system.users_norm') IS NOT NULL, 'T05-b a CHECK or an index is gone');
PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_trigger WHERE tgname = 'stamp'), 'T05-c a trigger of the event store is gone');
  NULL;
END $$;
RESET search_path;
