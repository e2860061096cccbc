-- target: projections
-- expect: either
-- names: system.key system.orders system.next_key system.invoices
-- hazard: F-SEQ. Permanent tables draw their keys from a projection's sequence, not by a default of their own but by a domain's and by a SQL-standard function: RESTART IDENTITY makes their next insert collide.
CREATE DOMAIN system.key AS bigint DEFAULT nextval('users.subscriptions_id_seq');
CREATE TABLE system.orders (id system.key PRIMARY KEY, n int);
CREATE FUNCTION system.next_key() RETURNS bigint BEGIN ATOMIC SELECT nextval('users.playlists_id_seq'); END;
CREATE TABLE system.invoices (id bigint PRIMARY KEY DEFAULT system.next_key(), n int);
SELECT setval('users.subscriptions_id_seq', 1, false), setval('users.playlists_id_seq', 1, false);
INSERT INTO system.orders (n) SELECT generate_series(1, 3);
INSERT INTO system.invoices (n) SELECT generate_series(1, 3);
