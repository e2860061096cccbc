-- target: projections
-- expect: either
-- names: torture_language
-- hazard: A-EXPR, A-OP, A-CAST. Kept objects of kinds that closures forget need something in a projection schema: a language, an access method, a cast, an operator family, extended statistics, a text search configuration, an event trigger.
CREATE FUNCTION users.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE torture_language HANDLER users.handler;
CREATE FUNCTION system.one() RETURNS int LANGUAGE torture_language AS 'BEGIN RETURN 1; END';
CREATE FUNCTION users.indexing(internal) RETURNS index_am_handler LANGUAGE internal AS 'bthandler';
CREATE ACCESS METHOD torture_method TYPE INDEX HANDLER users.indexing;
CREATE TYPE system.grade AS ENUM ('a');
CREATE FUNCTION users.to_int(system.grade) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE CAST (system.grade AS int) WITH FUNCTION users.to_int(system.grade);
CREATE FUNCTION users.compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE OPERATOR FAMILY system.family USING btree;
ALTER OPERATOR FAMILY system.family USING btree ADD FUNCTION 1 (int, int) users.compare(int, int);
CREATE FUNCTION users.folded(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE STATISTICS system.names ON (users.folded(username)), id FROM system.users;
CREATE TEXT SEARCH CONFIGURATION public.cfg (COPY = english);
ALTER TABLE system.users ADD words tsvector GENERATED ALWAYS AS (to_tsvector('public.cfg', username)) STORED;
CREATE FUNCTION users.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER torture_watch ON ddl_command_end EXECUTE FUNCTION users.watch();
