-- target: projections
-- expect: either
-- names: pg_largeobject
-- hazard: A-LO. Large objects belong to no schema and their contents are in no table that is kept: triggers write into a permanent one when a projection is emptied or dropped.
CREATE TABLE system.files (id int PRIMARY KEY, content oid NOT NULL);
INSERT INTO system.files VALUES (1, lo_from_bytea(0, 'precious'));
CREATE FUNCTION system.ruin() RETURNS void LANGUAGE sql AS $$ SELECT lo_put(content, 0, 'ruined!!') FROM system.files $$;
CREATE FUNCTION system.emptied() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM system.ruin(); RETURN NULL; END $$;
CREATE TRIGGER emptied AFTER TRUNCATE ON users.subscriptions EXECUTE FUNCTION system.emptied();
CREATE FUNCTION system.dropped() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM system.ruin(); END $$;
CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE FUNCTION system.dropped();
