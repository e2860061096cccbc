CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 3 FROM events.subscriptions WHERE stream_uuid = 'mails'), 'T43-a POSITION LOST: of a name that only its collation takes for the projector''s');
END $$;
RESET search_path;
