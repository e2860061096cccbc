-- select_candidates --
-- Tables whose name is like that of a table of positions, with columns, types, and unique keys without expressions.
select n.nspname as schema,
       c.relname as name,
       array(select a.attname::text from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns,
       array(select pg_catalog.format_type(a.atttypid, null) from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as types,
       array(select pg_catalog.string_agg(a.attname, e'\x1f' order by k.place)
               from pg_catalog.pg_index i
              cross join lateral pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality as k (number, place)
               join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
              where i.indrelid = c.oid and i.indisunique and i.indexprs is null
              group by i.indexrelid
              order by 1) as keys,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') and pg_catalog.has_table_privilege(c.oid, 'SELECT')
         and not pg_catalog.row_security_active(c.oid) as readable
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p')
   and not c.relispartition
   and n.nspname !~ '^pg_'
   and n.nspname not in ('information_schema', %(own)s)
   and (c.relname ~* %(like)s or c.relname = any (%(known)s))
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1, 2

-- select_names --
-- The names in a column, each once.
select distinct {column}::text as name
  from {table}
 where {column} is not null
 order by 1
 limit %(most)s
