CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
CREATE OR REPLACE FUNCTION pg_temp.n(q text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE r bigint; BEGIN EXECUTE q INTO r; RETURN r; END $$;
CREATE OR REPLACE FUNCTION pg_temp.s(q text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE q INTO r; RETURN r; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT count(*) = 2 FROM pg_extension WHERE extname IN ('citext','pg_stat_statements')), 'T22-a an extension is gone (pg_stat_statements cannot be recreated by this role)');
  PERFORM pg_temp.must((SELECT extowner::regrole::text <> 'torture_owner' FROM pg_extension WHERE extname = 'citext'), 'T22-b the extension was dropped and recreated');
  PERFORM pg_temp.must((SELECT nspowner::regrole::text = 'pg_database_owner' FROM pg_namespace WHERE nspname = 'public'), 'T22-c owner of public changed');
  PERFORM pg_temp.must((SELECT count(*) = 0 FROM pg_class WHERE relnamespace::regnamespace::text IN ('users') AND relowner::regrole::text <> 'torture_owner'), 'T22-d owners changed');
END $$;
RESET search_path;
