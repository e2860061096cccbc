-- target: events
-- expect: either
-- names: system.audit
-- hazard: S-DEP. Permanent data and projections hang on the event store: foreign keys, a view, a trigger.
CREATE TABLE system.audit (event_id uuid REFERENCES events.events ON DELETE CASCADE); INSERT INTO system.audit SELECT event_id FROM events.events LIMIT 5; CREATE VIEW public.latest AS SELECT event_type FROM events.events;
