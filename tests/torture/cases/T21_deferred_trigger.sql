-- target: projections
-- expect: either
-- names: system.app_tokens
-- hazard: G-DEFER. A deferred constraint trigger on the checkpoint table deletes permanent rows at COMMIT, after any check.
CREATE FUNCTION system.reach() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM system.app_tokens; RETURN NULL; END';
CREATE CONSTRAINT TRIGGER late AFTER DELETE ON events.projection_versions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION system.reach();
