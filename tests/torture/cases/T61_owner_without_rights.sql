-- target: projections
-- expect: either
-- names: users.subscriptions
-- hazard: C-TABACL. Rights that an owner gave up on its own table are grants too: a recreated table must not give them back.
ALTER TABLE users.subscriptions OWNER TO torture_app;
REVOKE DELETE, TRUNCATE, UPDATE ON users.subscriptions FROM torture_app;
