CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT system.one() = 1), 'T71-a a function lost its language');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_am WHERE amname = 'torture_method'), 'T71-b an access method is lost');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_cast WHERE castsource = 'system.grade'::regtype), 'T71-c a cast is lost');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_amproc p JOIN pg_opfamily f ON f.oid = p.amprocfamily WHERE f.opfname = 'family'), 'T71-d a member of an operator family is lost');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_statistic_ext WHERE stxname = 'names'), 'T71-e extended statistics are lost');
  PERFORM pg_temp.must((SELECT count(*) = 5 FROM system.users WHERE words IS NOT NULL), 'T71-f a generated column is lost');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_event_trigger WHERE evtname = 'torture_watch'), 'T71-g an event trigger is lost');
END $$;
RESET search_path;
