-- target: projections
-- expect: success
-- hazard: F-VIEW. An updatable view in a doomed schema over a permanent table: whoever deletes from every relation deletes there.
CREATE VIEW public.members AS SELECT id, user_id, token FROM system.play_tokens; CREATE VIEW public.members2 AS SELECT * FROM public.members;
