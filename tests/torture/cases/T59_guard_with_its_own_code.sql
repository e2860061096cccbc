-- target: projections
-- expect: either
-- names: users.subscriptions guard
-- hazard: F-TRG. A guard on a projection refuses TRUNCATE with an SQLSTATE of its own: that is the database refusing (5), whatever the code.
CREATE FUNCTION system.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not while the audit runs' USING ERRCODE = 'object_in_use'; END $$;
CREATE TRIGGER guard BEFORE TRUNCATE ON users.subscriptions EXECUTE FUNCTION system.refuse();
