-- select_schemas --
-- Every schema that is not PostgreSQL's own; every database is born with an empty one.
select nspname as name,
       oid::bigint as oid,
       pg_catalog.pg_get_userbyid(nspowner) as owner,
       nspname = 'public' and not exists (select from pg_catalog.pg_class c
                                           where c.relnamespace = n.oid
                                             and not exists (select from pg_catalog.pg_depend d
                                                              where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                                                and d.objid = c.oid and d.deptype = 'e')) as born_empty
  from pg_catalog.pg_namespace n
 where nspname !~ '^pg_'
   and nspname <> 'information_schema'
 order by nspname

-- select_relations --
-- Tables, views, sequences and their kin in these schemas. -1 rows means unknown, not none.
select n.nspname as schema,
       c.relname as name,
       c.oid::bigint as oid,
       c.relkind::text as kind,
       c.reltuples::bigint as estimate,
       coalesce(case when c.relkind in ('r', 'm', 'p') then pg_catalog.pg_total_relation_size(c.oid) end, 0) as bytes,
       c.relispartition as is_partition,
       c.relispopulated as populated,
       (select pg_catalog.count(*) from pg_catalog.pg_index i where i.indrelid = c.oid)::int as indexes,
       c.reltoastrelid <> 0 as toast,
       case when c.relkind in ('r', 'p') then
         (select pg_catalog.count(*) from pg_catalog.pg_depend d join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
           where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = c.oid
             and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i'))::int else 0 end as sequences,
       exists (select from pg_catalog.pg_depend d
                where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e') as extension,
       exists (select from pg_catalog.pg_depend d
                where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and c.relkind = 'S'
                  and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i')) as owned,
       c.relkind not in ('r', 'p') or pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') as may_empty,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') as may_drop,
       c.relkind not in ('r', 'p') or pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') as lockable,
       c.relkind in ('r', 'p') and pg_catalog.has_table_privilege(c.oid, 'SELECT')
         and pg_catalog.has_schema_privilege(n.oid, 'USAGE') and not pg_catalog.row_security_active(c.oid) as countable,
       (select pg_catalog.array_agg(a.attname::text order by a.attname)
          from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and c.relname = any (%(histories)s)) as columns
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (%(schemas)s)
   and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
 order by n.nspname, c.relname

-- select_ties --
-- How the relations of these schemas hang together: what views read, partitions, foreign keys. Views may lie anywhere, and
-- read through functions: of a body in quotes the server knows nothing, of `begin atomic` everything.
with recursive reading as (
         select r.ev_class as one, d.refclassid as class, d.refobjid as other
           from pg_catalog.pg_rewrite r
           join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
          where r.ev_type = '1'
            and r.ev_class >= 16384
          union
         select g.one, d.refclassid, d.refobjid
           from reading g
           join pg_catalog.pg_depend d on d.classid = g.class and d.objid = g.other
          where g.class = 'pg_catalog.pg_proc'::pg_catalog.regclass
            and d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_class'::pg_catalog.regclass)
)
select t.tie,
       n.nspname as schema, c.relname as name,
       m.nspname as other_schema, o.relname as other_name
  from (
         select distinct 'views' as tie, g.one, g.other
           from reading g
          where g.class = 'pg_catalog.pg_class'::pg_catalog.regclass
            and g.other <> g.one
         union all
         select 'partitions', i.inhparent, i.inhrelid
           from pg_catalog.pg_inherits i
           join pg_catalog.pg_class p on p.oid = i.inhrelid and p.relispartition and p.relkind in ('r', 'p', 'f')
         union all
         select distinct 'references', k.conrelid, k.confrelid
           from pg_catalog.pg_constraint k
          where k.contype = 'f'
            and k.conrelid <> k.confrelid
       ) t
  join pg_catalog.pg_class c on c.oid = t.one
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class o on o.oid = t.other
  join pg_catalog.pg_namespace m on m.oid = o.relnamespace
 where t.tie = 'views'
    or m.nspname = any (%(schemas)s)
 order by 1, 2, 3, 4, 5

-- select_other_objects --
-- What a schema contains besides relations. Types of tables and arrays, and members of extensions, are not contents.
select n.nspname as schema,
       -- one of these and its input function need each other: only CASCADE drops them
       case when b.oid is null then i.type else 'base type' end as type,
       i.identity as identity,
       coalesce(not pg_catalog.pg_has_role(x.owner, 'USAGE') and not pg_catalog.pg_has_role(n.nspowner, 'USAGE'), false) as foreign_owner
  from pg_catalog.pg_depend d
  join pg_catalog.pg_namespace n on n.oid = d.refobjid
  cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
  left join lateral (
         select proowner as owner from pg_catalog.pg_proc where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and oid = d.objid
          union all
         select typowner from pg_catalog.pg_type where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and oid = d.objid
          union all
         select relowner from pg_catalog.pg_class where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and oid = d.objid
       ) x on true
  left join pg_catalog.pg_type b on d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and b.oid = d.objid and b.typtype = 'b'
 where d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
   and n.nspname = any (%(schemas)s)
   and d.classid <> 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.classid <> all (array['pg_catalog.pg_extension', 'pg_catalog.pg_default_acl',
                               'pg_catalog.pg_publication_namespace']::pg_catalog.regclass[])
   and not exists (select from pg_catalog.pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e')
   and not exists (select from pg_catalog.pg_depend i2 where i2.classid = d.classid and i2.objid = d.objid
                      and i2.deptype = 'i' and (i2.refclassid, i2.refobjid) <> (d.classid, d.objid))
 order by 1, 2, 3

-- select_extensions --
-- Extensions installed in these schemas: they stay, whatever happens to the contents.
select n.nspname as schema, e.extname as name
  from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace
 where n.nspname = any (%(schemas)s)
 order by 1, 2

-- select_not_restorable --
-- Owners and publication members that this role could not give back to what it recreates. Giving an owner takes that this role
-- may become it, and that the owner may create in the schema; a superuser may do anything.
with me as (select rolsuper as all_powerful from pg_catalog.pg_roles where rolname = current_user),
     owned (schema, nsp, name, owner) as (
  select n.nspname, n.oid, n.nspname || '.' || c.relname, c.relowner
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where n.nspname = any (%(schemas)s)
     and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                        and (d.deptype = 'e' or c.relkind = 'S' and d.refclassid = d.classid and d.deptype in ('a', 'i')))
  union all
  select n.nspname, n.oid, i.identity, p.proowner
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0) i
   where n.nspname = any (%(schemas)s)
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype in ('e', 'i'))
  union all
  select n.nspname, n.oid, i.identity, t.typowner
    from pg_catalog.pg_type t
    join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    left join pg_catalog.pg_class c on c.oid = t.typrelid
   cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0) i
   where n.nspname = any (%(schemas)s)
     and (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c'))
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.objid = t.oid and d.deptype = 'e')
)
select o.schema, o.name, 'owner ' || pg_catalog.pg_get_userbyid(o.owner) as fact
  from owned o, me
 where not me.all_powerful
   and pg_catalog.pg_get_userbyid(o.owner) <> current_user
   and not (pg_catalog.pg_has_role(o.owner, case when pg_catalog.current_setting('server_version_num')::int >= 160000
                                                 then 'SET' else 'MEMBER' end)
            and pg_catalog.has_schema_privilege(o.owner, o.nsp, 'CREATE'))
union all
select n.nspname, n.nspname || '.' || c.relname, 'membership in publication ' || p.pubname
  from pg_catalog.pg_publication_rel r
  join pg_catalog.pg_publication p on p.oid = r.prpubid
  join pg_catalog.pg_class c on c.oid = r.prrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (%(schemas)s)
   and not pg_catalog.pg_has_role(p.pubowner, 'USAGE')
 order by 1, 2

-- select_tables_named --
-- Which of these (schema, name) pairs are tables. unnest of several arrays is grammar, so it has no schema.
select n.nspname as schema, c.relname as name, c.oid::bigint as oid
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
    on wanted.schema = n.nspname and wanted.name = c.relname
 where c.relkind in ('r', 'p')

-- select_relations_named --
-- Relations by (schema, name), of whatever kind but indexes.
select n.nspname as schema, c.relname as name, c.oid::bigint as oid, c.relkind::text as kind
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
    on wanted.schema = n.nspname and wanted.name = c.relname
 where c.relkind not in ('i', 'I')

-- select_descendants --
-- Tables and their partitions. Whatever else inherits from them is a table of its own.
with recursive tree (oid) as (
  select pg_catalog.unnest(%(parents)s::oid[])
   union
  select i.inhrelid
    from tree
    join pg_catalog.pg_inherits i on i.inhparent = tree.oid
    join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition
)
select oid::bigint as oid from tree

-- count_rows --
-- A bounded exact count: one more than the bound means "more than that".
select pg_catalog.count(*) from (select from {table} limit {bound}) counted

-- create_schema --
create schema {schema}

-- lock_tables --
-- Each name comes with ONLY: a child that lives elsewhere is not ours to lock.
lock table {tables} in {mode} mode
