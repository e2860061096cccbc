-- select_content --
-- How many rows a table holds, and one value for all of them, whatever order they lie in.
select pg_catalog.count(*) as rows,
       pg_catalog.md5(coalesce(pg_catalog.string_agg(pg_catalog.md5(t::text), '' order by pg_catalog.md5(t::text)), '')) as digest
  from {table} t
