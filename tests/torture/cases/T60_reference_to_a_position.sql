-- target: projections
-- expect: either
-- names: subscription_notes
-- hazard: A-FK. A permanent table references the rows that are to be forgotten, without a cascade: refused, naming it.
CREATE TABLE events.subscription_notes (id bigint REFERENCES events.subscriptions, note text);
INSERT INTO events.subscription_notes SELECT subscription_id, 'a note' FROM events.subscriptions;
