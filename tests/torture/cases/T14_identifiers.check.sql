CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM "Users".subscriptions) AND (SELECT count(*) = 1 FROM "users.subscriptions".t), 'T14-a a schema with a similar name was emptied');
PERFORM pg_temp.must(to_regclass('system.play_tokens') IS NOT NULL, 'T14-b a name was executed');
  NULL;
END $$;
RESET search_path;
