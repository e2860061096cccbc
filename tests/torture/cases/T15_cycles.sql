-- target: projections
-- expect: success
-- hazard: E-ORDER, F-MV. Circles among the doomed objects: foreign keys, function and default, domain and function, view over function; a materialized view, rules, policies, partitions, operators, aggregates, casts, text search.
CREATE TABLE public.ring_a (id int PRIMARY KEY, b int); CREATE TABLE public.ring_b (id int PRIMARY KEY, a int REFERENCES public.ring_a); ALTER TABLE public.ring_a ADD FOREIGN KEY (b) REFERENCES public.ring_b;
CREATE TABLE public.self (id int PRIMARY KEY, up int REFERENCES public.self); INSERT INTO public.self VALUES (1, NULL), (2, 1);
CREATE FUNCTION public.next_label() RETURNS text LANGUAGE sql AS $$SELECT 'l'$$; CREATE TABLE public.labelled (id int, label text DEFAULT public.next_label());
CREATE FUNCTION public.count_labels(public.labelled) RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER TABLE public.labelled ADD other int DEFAULT 0 CHECK (other >= 0);
CREATE FUNCTION public.is_small(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 < 100'; CREATE DOMAIN public.small AS int CHECK (public.is_small(VALUE)); CREATE FUNCTION public.make_small() RETURNS public.small LANGUAGE sql AS 'SELECT 1::public.small';
CREATE TABLE public.typed (s public.small DEFAULT public.make_small()); CREATE VIEW public.typed_view AS SELECT public.make_small() AS s, l.* FROM public.labelled l; CREATE FUNCTION public.read_view() RETURNS SETOF public.typed_view LANGUAGE sql AS 'SELECT * FROM public.typed_view';
CREATE MATERIALIZED VIEW users.counted AS SELECT count(*) AS n FROM users.subscriptions; CREATE UNIQUE INDEX ON users.counted (n); CREATE MATERIALIZED VIEW users.empty_one AS SELECT 1 AS one WITH NO DATA;
CREATE TABLE public.logged (id int) PARTITION BY RANGE (id); CREATE TABLE public.logged_1 PARTITION OF public.logged FOR VALUES FROM (0) TO (10); INSERT INTO public.logged VALUES (1); CREATE INDEX ON public.logged (id);
CREATE RULE keep AS ON DELETE TO public.labelled DO ALSO NOTHING; ALTER TABLE public.labelled ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON public.labelled USING (public.is_small(id));
CREATE TYPE public.pair AS (a int, b int); CREATE TYPE public.colour AS ENUM ('red'); CREATE TYPE public.span AS RANGE (subtype = int); CREATE CAST (public.pair AS text) WITH INOUT;
CREATE FUNCTION public.add_pair(public.pair, public.pair) RETURNS public.pair LANGUAGE sql AS 'SELECT $1'; CREATE OPERATOR public.=== (LEFTARG = public.pair, RIGHTARG = public.pair, FUNCTION = public.add_pair); CREATE AGGREGATE public.sum_pair(public.pair) (SFUNC = public.add_pair, STYPE = public.pair);
CREATE TEXT SEARCH CONFIGURATION public.plain (COPY = pg_catalog.simple); CREATE COLLATION public.c2 FROM "C"; CREATE SEQUENCE public.free; CREATE PROCEDURE public.act() LANGUAGE sql AS 'SELECT 1'; CREATE STATISTICS public.st ON id, label FROM public.labelled;
CREATE TABLE users.uses_public (c public.colour, p public.pair); CREATE TABLE public.child () INHERITS (public.podcast_popularity);
