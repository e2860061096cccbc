-- target: projections
-- expect: success
-- hazard: P-BOTH. A checkpoint table is partitioned: rows forgotten in a partition are no writes to somebody else's table.
CREATE TEMP TABLE was AS SELECT * FROM events.projection_versions;
DROP TABLE events.projection_versions;
CREATE TABLE events.projection_versions (projection_name text PRIMARY KEY, last_seen_event_number bigint NOT NULL) PARTITION BY HASH (projection_name);
CREATE TABLE events.projection_versions_0 PARTITION OF events.projection_versions FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events.projection_versions_1 PARTITION OF events.projection_versions FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO events.projection_versions SELECT * FROM was;
DROP TABLE was;
