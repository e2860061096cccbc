CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must(((current_setting('torture.outcome') = 'success') = (NOT EXISTS (SELECT FROM events.subscriptions_v2 WHERE subscription_name ~ 'Projector$'))), 'T51-a the positions behind the view are not what the outcome says');
END $$;
RESET search_path;
