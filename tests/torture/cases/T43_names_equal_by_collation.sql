-- target: projections
-- expect: success
-- hazard: P-HANDLER. The column of names has a collation that tells no capitals apart (ICU; without it the names merely look alike): the position of a handler whose name differs by capitals is another one's, and a row without a name is nobody's.
DO $$ BEGIN
  CREATE COLLATION system.no_capitals (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  ALTER TABLE events.subscriptions ALTER subscription_name TYPE text COLLATE system.no_capitals;
EXCEPTION WHEN feature_not_supported THEN RAISE NOTICE 'this server has no ICU';
END $$;
ALTER TABLE events.subscriptions ALTER subscription_name DROP NOT NULL;
INSERT INTO events.subscriptions (stream_uuid, subscription_name, last_seen) VALUES ('mails', 'POPULARITYPROJECTOR', 55), ('mails', 'popularityprojector ', 56), ('mails', NULL, 57);
