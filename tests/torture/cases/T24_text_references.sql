-- target: projections
-- expect: success
-- hazard: A-TEXT. References that PostgreSQL does not track: string functions, search_path of functions and roles.
CREATE FUNCTION system.top() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.podcast_popularity'; CREATE FUNCTION system.top2() RETURNS bigint LANGUAGE plpgsql SET search_path = users, public AS 'BEGIN RETURN (SELECT count(*) FROM subscriptions); END';
