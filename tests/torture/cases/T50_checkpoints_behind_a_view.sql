-- target: projections
-- expect: either
-- names: events.projection_versions
-- hazard: P-BOTH. The checkpoint table was renamed and a view of its old name stands before it: rows are emptied, and no position may stay where the application finds it.
ALTER TABLE events.projection_versions RENAME TO projection_versions_v2;
CREATE VIEW events.projection_versions AS SELECT * FROM events.projection_versions_v2;
