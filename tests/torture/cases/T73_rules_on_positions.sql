-- target: projections
-- expect: either
-- names: system.app_tokens events.projection_versions
-- hazard: F-TRG. Forgetting a position fires a rule: it keeps the row in one table and deletes permanent rows by the other.
CREATE RULE keep AS ON DELETE TO events.projection_versions DO INSTEAD NOTHING;
CREATE RULE reach AS ON DELETE TO events.subscriptions DO ALSO DELETE FROM system.app_tokens;
