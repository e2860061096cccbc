-- select_stamp --
-- The environment's stamp, and whether it was written for this very database: a restored copy brings it along.
select e.name,
       e.database_name,
       e.stamped_at,
       e.stamped_by,
       e.system_identifier = (select system_identifier from pg_catalog.pg_control_system())::text
         and e.database_oid = d.oid::bigint
         and e.database_name = d.datname::text as made_here
  from {own}.environment e
 cross join pg_catalog.pg_database d
 where d.datname = pg_catalog.current_database()

-- select_receipts --
-- Every destructive run that was recorded, the newest first.
select id, written_at, command, scope, role, client, digest, destroyed
  from {own}.receipt
 order by id desc

-- select_columns --
-- Columns of tables and views in the order in which they were made, with their types as PostgreSQL writes them.
select n.nspname as schema,
       c.relname as name,
       a.attname as column,
       pg_catalog.format_type(a.atttypid, a.atttypmod) as type
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (%(schemas)s)
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and a.attnum > 0
   and not a.attisdropped
 order by n.nspname, c.relname, a.attnum

-- select_extension_schemas --
-- Schemas that an extension made for itself.
select n.nspname as name, e.extname as extension
  from pg_catalog.pg_depend d
  join pg_catalog.pg_namespace n on n.oid = d.objid
  join pg_catalog.pg_extension e on e.oid = d.refobjid
 where d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
   and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
   and d.deptype = 'e'
 order by 1

-- select_comments --
-- What somebody wrote down about tables.
select n.nspname as schema, c.relname as name, d.description as comment
  from pg_catalog.pg_description d
  join pg_catalog.pg_class c on c.oid = d.objoid and d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where d.objsubid = 0
   and c.relkind in ('r', 'p')
   and n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
 order by 1, 2

-- select_references_between --
-- Foreign keys: from which table to which.
select distinct n.nspname as schema, c.relname as name, tn.nspname as to_schema, t.relname as to_name
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class t on t.oid = k.confrelid
  join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
 where k.contype = 'f'
 order by 1, 2, 3, 4

-- select_unwritten --
-- Tables without a row that never had one, as far as the statistics go.
select n.nspname as schema, c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r'
   and n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
   and pg_catalog.pg_relation_size(c.oid) = 0
   and pg_catalog.pg_stat_get_tuples_inserted(c.oid) = 0
 order by 1, 2
