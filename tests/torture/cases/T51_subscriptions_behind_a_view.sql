-- target: projections
-- expect: either
-- names: events.subscriptions
-- hazard: P-BOTH. The event store's own table of positions is a view over a renamed one, so the store is not recognised; its positions must not be left while the rows go.
ALTER TABLE events.subscriptions RENAME TO subscriptions_v2;
CREATE VIEW events.subscriptions AS SELECT * FROM events.subscriptions_v2;
