CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  IF current_setting('torture.outcome') = 'success' AND to_regclass('public.a_feeds') IS NOT NULL THEN PERFORM pg_temp.must((SELECT count(*) = 0 FROM public.a_feeds), 'T55-a the outermost view still shows rows that are gone'); PERFORM pg_temp.must((SELECT count(*) = 0 FROM public.b_feeds), 'T55-b a view still shows rows that are gone'); END IF;
END $$;
RESET search_path;
