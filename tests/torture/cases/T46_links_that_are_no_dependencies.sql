-- target: projections
-- expect: either
-- names: system.>>> system.pairs watched transform inet
-- hazard: A-OP, A-CAST, A-EXPR. Kept objects that fall, or change, although RESTRICT says nothing of them: an operator's commutator, statistics and a constraint trigger over a projection; and a transform, a cast between the server's own types, a range's distance.
CREATE FUNCTION public.below(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 < $2';
CREATE OPERATOR public.<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = public.below, COMMUTATOR = OPERATOR(system.>>>));
CREATE OPERATOR system.>>> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4gt, COMMUTATOR = OPERATOR(public.<<<));
CREATE STATISTICS system.pairs ON user_id, feed FROM users.subscriptions;
CREATE FUNCTION system.watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE CONSTRAINT TRIGGER watched AFTER INSERT ON system.users FROM users.playlists FOR EACH ROW EXECUTE FUNCTION system.watch();
CREATE TYPE system.grade AS (n int);
CREATE FUNCTION users.to_sql(internal) RETURNS internal LANGUAGE internal STRICT IMMUTABLE AS 'time_support';
CREATE TRANSFORM FOR system.grade LANGUAGE sql (FROM SQL WITH FUNCTION users.to_sql(internal));
CREATE FUNCTION users.to_inet(bigint) RETURNS inet LANGUAGE sql IMMUTABLE AS $$ SELECT '10.0.0.1'::inet $$;
CREATE CAST (bigint AS inet) WITH FUNCTION users.to_inet(bigint);
CREATE FUNCTION users.distance(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE TYPE system.span AS RANGE (subtype = float8, subtype_diff = users.distance);
