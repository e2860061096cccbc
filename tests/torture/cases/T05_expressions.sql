-- target: projections
-- expect: either
-- names: system.users.normal
-- hazard: A-EXPR. Generated column, default, CHECK, expression index and trigger function of permanent tables live in a doomed schema.
CREATE FUNCTION public.norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.lower($1)';
CREATE FUNCTION public.fresh() RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;
CREATE FUNCTION public.ok(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 IS NOT NULL';
CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER TABLE system.users ADD normal text GENERATED ALWAYS AS (public.norm(username)) STORED, ADD nick text DEFAULT public.fresh(), ADD CONSTRAINT named CHECK (public.ok(username));
CREATE INDEX users_norm ON system.users (public.norm(username));
CREATE TRIGGER stamp BEFORE INSERT ON events.events FOR EACH ROW EXECUTE FUNCTION public.stamp();
CREATE STATISTICS system.guess ON (public.norm(username)), id FROM system.users;
