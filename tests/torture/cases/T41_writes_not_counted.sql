-- target: projections
-- expect: either
-- names: system.app_tokens
-- hazard: own_writes blind spot. track_counts is off, so the server counts no written rows; a trigger deletes permanent rows when a projection is emptied.
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_counts = off', current_database()); END $$;
CREATE FUNCTION system.reach() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM system.app_tokens; RETURN NULL; END';
CREATE TRIGGER reach AFTER TRUNCATE ON users.subscriptions EXECUTE FUNCTION system.reach();
