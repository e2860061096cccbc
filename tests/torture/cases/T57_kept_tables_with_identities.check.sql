CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  INSERT INTO public.django_migrations (app, name) VALUES ('app', '0003'); INSERT INTO users.goose_db_version (version_id, is_applied) VALUES (2, true);
  PERFORM pg_temp.must((SELECT count(*) = 3 AND max(id) = 3 FROM public.django_migrations), 'T57-b a history is not what it was');
  PERFORM pg_temp.must((SELECT count(*) = 3 AND max(id) = 3 FROM users.goose_db_version), 'T57-c a history is not what it was');
END $$;
RESET search_path;
