-- target: projections
-- expect: success
-- hazard: G-GUC. Settings of the database that change what SQL means.
DO $$ DECLARE s text; BEGIN FOREACH s IN ARRAY ARRAY['quote_all_identifiers = on', 'standard_conforming_strings = off', 'array_nulls = off', 'transform_null_equals = on', $x$search_path = ''$x$, $x$default_transaction_isolation = 'serializable'$x$, $x$DateStyle = 'German, DMY'$x$, $x$IntervalStyle = 'sql_standard'$x$, $x$bytea_output = 'escape'$x$, $x$timezone = 'Pacific/Chatham'$x$, $x$statement_timeout = '5s'$x$, $x$default_transaction_deferrable = on$x$, 'exit_on_error = on'] LOOP EXECUTE format('ALTER DATABASE %I SET %s', current_database(), s); END LOOP; END $$;
