CREATE OR REPLACE FUNCTION pg_temp.must(ok boolean, msg text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF ok IS NOT TRUE THEN RAISE EXCEPTION '%', msg; END IF; END $$;
SET search_path = pg_catalog, pg_temp;
DO $$ BEGIN
  PERFORM pg_temp.must(has_table_privilege('torture_app', 'users.subscriptions', 'SELECT WITH GRANT OPTION'), 'T12-a a table grant is lost');
PERFORM pg_temp.must(has_column_privilege('torture_ro', 'users.user_privacy', 'user_id', 'SELECT') AND has_column_privilege('torture_ro', 'users.user_privacy', 'privacy', 'UPDATE'), 'T12-b a column grant is lost');
PERFORM pg_temp.must(has_sequence_privilege('torture_app', 'users.subscriptions_id_seq', 'USAGE'), 'T12-c a sequence grant is lost');
PERFORM pg_temp.must(has_table_privilege('torture_ro', 'public.trending', 'SELECT') AND has_table_privilege('torture_app', 'public.public_events', 'INSERT'), 'T12-d a grant in public is lost');
PERFORM pg_temp.must(NOT has_table_privilege('torture_ro', 'users.subscriptions', 'SELECT'), 'T12-e more rights than before');
  NULL;
END $$;
RESET search_path;
