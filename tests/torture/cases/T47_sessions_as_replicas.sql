-- target: projections
-- expect: refuse
-- names: system.bookmarks
-- hazard: F-REPL. The database makes a replica of every session: no trigger fires, and a permanent row that references a position would silently lose what it references.
CREATE TABLE system.bookmarks (name text PRIMARY KEY REFERENCES events.projection_versions, note text);
INSERT INTO system.bookmarks VALUES ('PopularityProjector', 'here');
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_database()); END $$;
