CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  IF to_regclass('public.log') IS NOT NULL AND current_setting('torture.outcome') = 'success' THEN PERFORM pg_temp.must((SELECT count(*) = 0 FROM public.log) AND (SELECT count(*) = 0 FROM public.child) AND (SELECT count(*) = 0 FROM users.fast) AND (SELECT count(*) = 0 FROM public.mv) AND (SELECT count(*) = 0 FROM public.docs), 'T70-a rows are left'); END IF;
  PERFORM pg_temp.must((to_regclass('public.log') IS NULL) = (to_regtype('users.mood') IS NULL), 'T70-b only a part of the contents was dropped');
END $$;
RESET search_path;
