-- Takes back 0001_public_events.
drop table public_events;
