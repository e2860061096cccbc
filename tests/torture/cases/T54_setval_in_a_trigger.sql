-- target: projections
-- expect: either
-- names: system.users_id_seq renumber
-- hazard: Blind spot of the fingerprint. A trigger sets a permanent table's sequence back when a projection is emptied; setval() is in no catalog, is no row, and no rollback undoes it.
CREATE FUNCTION system.renumber() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM setval('system.users_id_seq', 1, false); RETURN NULL; END $$;
CREATE TRIGGER renumber AFTER TRUNCATE ON users.subscriptions EXECUTE FUNCTION system.renumber();
