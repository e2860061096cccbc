-- target: projections
-- expect: refuse
-- names: SubscriptionsProjector events.snapshots
-- session: T52_store_not_recognised.session.sql
-- hazard: P-RACE. One of the tables that prove the event store is a view, so the store is not recognised: a running projector must be seen all the same, its memory would skip history.
ALTER TABLE events.snapshots RENAME TO snapshots_v2;
CREATE VIEW events.snapshots AS SELECT * FROM events.snapshots_v2;
