-- target: projections
-- expect: either
-- names: system.down
-- hazard: Blind spot of the fingerprint, as T54: sequences that go down, or round and round, are set back when a projection is emptied or dropped.
CREATE SEQUENCE system.down INCREMENT -1; CREATE SEQUENCE system.round MAXVALUE 100 CYCLE;
SELECT nextval('system.down'), nextval('system.round') FROM generate_series(1, 9);
CREATE FUNCTION system.set_back() RETURNS void LANGUAGE sql AS $$ SELECT setval('system.down', -1), setval('system.round', 1, false) $$;
CREATE FUNCTION system.emptied() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM system.set_back(); RETURN NULL; END $$;
CREATE TRIGGER emptied AFTER TRUNCATE ON users.subscriptions EXECUTE FUNCTION system.emptied();
CREATE FUNCTION system.dropped() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM system.set_back(); END $$;
CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE FUNCTION system.dropped();
