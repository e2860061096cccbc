-- target: projections
-- expect: refuse
-- names: system.subscriptions_history
-- hazard: A-INH, P-BOTH. A permanent archive INHERITS from the table of positions: a DELETE there reaches its rows without any CASCADE, and ONLY would leave an old position that the application still reads.
CREATE TABLE system.subscriptions_history (closed_at timestamptz NOT NULL DEFAULT now()) INHERITS (events.subscriptions);
INSERT INTO system.subscriptions_history (stream_uuid, subscription_name, last_seen) VALUES ('$all', 'PopularityProjector', 40), ('$all', 'WelcomeMailer', 41);
