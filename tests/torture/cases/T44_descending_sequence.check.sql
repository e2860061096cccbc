CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must((SELECT last_value <= -9 FROM system.down), 'T44-a a descending sequence was set back: its next values exist');
  PERFORM pg_temp.must((SELECT last_value >= 9 AND is_called FROM system.round), 'T44-b a cycling sequence was set back');
END $$;
RESET search_path;
