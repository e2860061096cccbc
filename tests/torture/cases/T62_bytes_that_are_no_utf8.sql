-- target: projections
-- expect: either
-- names: UTF8
-- createdb: ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'
-- hazard: G-GUC. An SQL_ASCII database holds bytes that are no UTF-8: in a function's body and in a row of positions.
DO $$ BEGIN EXECUTE format('CREATE FUNCTION users.label() RETURNS text LANGUAGE sql AS %L', 'SELECT ''caf' || chr(233) || '''::text'); END $$;
INSERT INTO events.subscriptions (stream_uuid, subscription_name, last_seen) VALUES ('caf' || chr(233), 'Newsletter', 7);
