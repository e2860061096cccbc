-- target: projections
-- expect: either
-- names: system.tickets
-- hazard: F-SEQ. A sequence owned by a projection also feeds a permanent table: RESTART IDENTITY makes its next insert collide.
CREATE TABLE system.tickets (id bigint PRIMARY KEY DEFAULT nextval('users.subscriptions_id_seq')); INSERT INTO system.tickets SELECT FROM generate_series(1, 3);
