CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 4 FROM pg_publication_rel), 'T72-a a member of a publication is lost');
  PERFORM pg_temp.must((SELECT prattrs::text = '1 2' AND prqual IS NOT NULL FROM pg_publication_rel WHERE prrelid = 'users.subscriptions'::regclass), 'T72-b a column list or a filter is lost');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_publication_namespace), 'T72-c a published schema is lost');
END $$;
RESET search_path;
