CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM events.projection_versions WHERE projection_name = 'WelcomeMailer'), 'T58-a the position of a handler is lost');
END $$;
RESET search_path;
