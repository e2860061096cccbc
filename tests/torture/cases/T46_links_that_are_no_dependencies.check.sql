CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT oprcom <> 0 FROM pg_operator WHERE oid = 'system.>>>(int,int)'::regoperator), 'T46-a an operator lost its commutator');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_statistic_ext WHERE stxname = 'pairs'), 'T46-b statistics fell with a projection');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_trigger WHERE tgname = 'watched'), 'T46-c a constraint trigger fell with a projection');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_transform WHERE trftype = 'system.grade'::regtype), 'T46-d a transform fell with its function');
  PERFORM pg_temp.must((SELECT count(*) = 1 FROM pg_cast WHERE castsource = 'bigint'::regtype AND casttarget = 'inet'::regtype), 'T46-e a cast fell with its function');
  PERFORM pg_temp.must((SELECT rngsubdiff <> 0 FROM pg_range WHERE rngtypid = 'system.span'::regtype), 'T46-f a range lost its distance');
END $$;
RESET search_path;
