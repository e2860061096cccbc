CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must(((current_setting('torture.outcome') = 'success') = (NOT EXISTS (SELECT FROM events.projection_versions WHERE projection_name ~ 'Projector$'))), 'T50-a the positions behind the view are not what the outcome says');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM events.projection_versions_v2 WHERE projection_name = 'WelcomeMailer'), 'T50-b the position of a handler is lost');
END $$;
RESET search_path;
