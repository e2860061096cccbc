-- empty_tables --
-- ONLY but for partitioned parents; RESTRICT is the default and is what we mean.
truncate table {tables} restart identity

-- select_owned_sequences --
-- The sequences that go with these tables' columns.
select sn.nspname as schema, s.relname as name
  from pg_catalog.pg_depend d
  join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
  join pg_catalog.pg_class c on c.oid = d.refobjid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
    on wanted.schema = n.nspname and wanted.name = c.relname
 where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.deptype in ('a', 'i')
 order by 1, 2

-- restart_sequence --
-- Part of the transaction, unlike setval.
alter sequence {sequence} restart

-- refresh_view --
refresh materialized view {view}

-- set_local --
-- A setting for this transaction alone.
select pg_catalog.set_config(%(name)s, %(value)s, true)

-- settle_constraints --
-- Deferred triggers and constraints fire now, where their damage is still seen.
set constraints all immediate

-- select_contents --
-- What schemas contain, each with the statement that drops it, the newest first: it needs the older ones, hardly ever the other
-- way round. Parts of something else (partitions are not) go with their owner.
select i.type as type,
       i.identity as identity,
       d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass as is_relation,
       pg_catalog.format('drop %%s if exists %%s restrict', pg_catalog.replace(i.type, ' object', ''), i.identity) as statement
  from pg_catalog.pg_depend d
 cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
 where d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
   and d.refobjid = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s))
   and d.classid <> all (array['pg_catalog.pg_extension', 'pg_catalog.pg_default_acl',
                               'pg_catalog.pg_publication_namespace']::pg_catalog.regclass[])
   and not exists (select from pg_catalog.pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e')
   and not exists (select from pg_catalog.pg_depend p where p.classid = d.classid and p.objid = d.objid
                      and p.deptype = 'i' and (p.refclassid, p.refobjid) <> (d.classid, d.objid))
   and not (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = any (%(keep)s::oid[]))
   and not exists (select from pg_catalog.pg_depend o
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and o.classid = d.classid and o.objid = d.objid
                      and o.refclassid = d.classid and o.deptype in ('a', 'i')
                      and exists (select from pg_catalog.pg_class s where s.oid = o.objid and s.relkind = 'S'))
 order by case i.type when 'view' then 1 when 'materialized view' then 2 when 'foreign table' then 3
                      when 'table' then 4 when 'sequence' then 5 else 6 end, d.objid desc

-- select_relation_drops --
-- Those of these relations that are still there, each with the statement that drops it.
select i.type as type,
       i.identity as identity,
       pg_catalog.format('drop %%s if exists %%s restrict', i.type, i.identity) as statement
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
    on wanted.schema = n.nspname and wanted.name = c.relname
 cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0) i
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
 order by case i.type when 'view' then 1 when 'materialized view' then 2 when 'foreign table' then 3
                      when 'table' then 4 when 'sequence' then 5 else 6 end, c.oid desc

-- select_foreign_keys_into --
-- Foreign keys from tables of the schemas that are dropped to some of these relations.
select pg_catalog.format('alter table %%s drop constraint if exists %%I restrict', k.conrelid::pg_catalog.regclass, k.conname) as statement
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
  join pg_catalog.pg_class r on r.oid = k.confrelid
  join pg_catalog.pg_namespace n on n.oid = r.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
    on wanted.schema = n.nspname and wanted.name = r.relname
 where k.contype = 'f'
   and k.coninhcount = 0
   and k.conparentid = 0
   and cn.nspname = any (%(inside)s)

-- select_knots --
-- What ties the contents of schemas into circles: taken off one by one when nothing can be dropped any more.
select pg_catalog.format('alter table %%s drop constraint if exists %%I restrict', k.conrelid::pg_catalog.regclass, k.conname) as statement
  from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
 where c.relnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s))
   and k.contype in ('c', 'f', 'x') and k.coninhcount = 0 and k.conparentid = 0 and c.oid <> all (%(keep)s::oid[])
union all
select pg_catalog.format('alter domain %%s drop constraint if exists %%I restrict', k.contypid::pg_catalog.regtype, k.conname)
  from pg_catalog.pg_constraint k join pg_catalog.pg_type t on t.oid = k.contypid
 where t.typnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s)) and k.contype = 'c'
union all
select pg_catalog.format('alter domain %%s drop default', t.oid::pg_catalog.regtype)
  from pg_catalog.pg_type t
 where t.typnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s)) and t.typtype = 'd' and t.typdefault is not null
union all
select pg_catalog.format('drop trigger if exists %%I on %%s restrict', t.tgname, t.tgrelid::pg_catalog.regclass)
  from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
 where c.relnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s))
   and not t.tgisinternal and t.tgparentid = 0 and c.oid <> all (%(keep)s::oid[])
union all
select pg_catalog.format('drop policy if exists %%I on %%s', p.polname, p.polrelid::pg_catalog.regclass)
  from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
 where c.relnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s)) and c.oid <> all (%(keep)s::oid[])
union all
select pg_catalog.format('drop rule if exists %%I on %%s restrict', r.rulename, r.ev_class::pg_catalog.regclass)
  from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class
 where c.relnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s))
   and r.rulename <> '_RETURN' and c.oid <> all (%(keep)s::oid[])
union all
select pg_catalog.format('alter table %%s alter column %%I %%s', a.attrelid::pg_catalog.regclass, a.attname,
                         case when a.attgenerated = '' then 'drop default' else 'drop expression' end)
  from pg_catalog.pg_attrdef d
  join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  join pg_catalog.pg_class c on c.oid = a.attrelid
 where c.relnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s))
   and c.relkind in ('r', 'p') and a.attgenerated in ('', 's') and c.oid <> all (%(keep)s::oid[])

union all
select pg_catalog.format('drop %%s if exists %%s restrict', i.type, i.identity)
  from (select 'pg_catalog.pg_cast'::pg_catalog.regclass as classid, oid as objid, castsource as one, casttarget as other from pg_catalog.pg_cast
         union all
        select 'pg_catalog.pg_transform'::pg_catalog.regclass, oid, trftype, trftype from pg_catalog.pg_transform) x
 cross join lateral pg_catalog.pg_identify_object(x.classid, x.objid, 0) i
 where x.objid >= 16384
   and exists (select from pg_catalog.pg_type t
                where t.oid in (x.one, x.other)
                  and t.typnamespace = any (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s)))
   and not exists (select from pg_catalog.pg_depend e where e.classid = x.classid and e.objid = x.objid and e.deptype = 'e')

-- select_rights --
-- Owners and effective grants (an ACL that is NULL means the default one) of what a schema contains, as rows: at least one an
-- object, one a grant. `owner_word` is absent where the owner follows that of a table.
with own as materialized (select oid, nspname from pg_catalog.pg_namespace where nspname = %(schema)s),
     objects (object, name, attname, word, owner_word, owner, acl) as (
  select pg_catalog.format('%%I.%%I', o.nspname, c.relname), o.nspname || '.' || c.relname, null::name,
         case c.relkind when 'S' then 'sequence' else 'table' end,
         case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then
           case when not exists (select from pg_catalog.pg_depend d
                                  where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                                    and d.refclassid = d.classid and d.deptype in ('a', 'i')) then 'sequence' end
           else 'table' end,
         c.relowner,
         coalesce(c.relacl, pg_catalog.acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
    from pg_catalog.pg_class c
    join own o on o.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
     and c.relname <> all (%(keep)s)
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
  union all
  select pg_catalog.format('%%I.%%I', o.nspname, c.relname), o.nspname || '.' || c.relname, t.attname, 'table', null, c.relowner,
         t.attacl
    from pg_catalog.pg_class c
    join own o on o.oid = c.relnamespace
    join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped and t.attacl is not null
   where c.relkind in ('r', 'p', 'v', 'm', 'f')
     and c.relname <> all (%(keep)s)
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
  union all
  select i.identity, i.identity, null, case p.prokind when 'p' then 'procedure' else 'function' end,
         case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end, p.proowner,
         coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    from pg_catalog.pg_proc p
    join own o on o.oid = p.pronamespace
   cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0) i
   where not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype in ('e', 'i'))
  union all
  select i.identity, i.identity, null, 'type', 'type', t.typowner, coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))
    from pg_catalog.pg_type t
    join own o on o.oid = t.typnamespace
    left join pg_catalog.pg_class c on c.oid = t.typrelid
   cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0) i
   where (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c'))
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.objid = t.oid and d.deptype = 'e')
)
select x.object, x.name, x.attname as column, x.word, x.owner_word,
       pg_catalog.pg_get_userbyid(x.owner)::text as owner,
       case when a.grantee = 0 then null else pg_catalog.pg_get_userbyid(a.grantee)::text end as grantee,
       coalesce(a.grantee = x.owner, false) as is_owner,
       a.privilege_type as privilege,
       coalesce(a.is_grantable and a.grantee <> x.owner, false) as grantable,
       -- whoever passed it on: with that right his grant ends as well
       case when a.grantor <> x.owner then pg_catalog.pg_get_userbyid(a.grantor)::text end as grantor
  from objects x
  left join lateral pg_catalog.aclexplode(x.acl) a on true
 order by x.word, x.object, x.attname nulls first, 7, 9

-- select_memberships --
-- Tables of a schema that publications name one by one, with column lists and row filters.
select p.pubname as publication,
       pg_catalog.format('%%I.%%I', n.nspname, c.relname) as object,
       n.nspname || '.' || c.relname as name,
       (select pg_catalog.array_agg(a.attname::text order by a.attnum)
          from pg_catalog.pg_attribute a
         where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)) as columns,
       pg_catalog.pg_get_expr(r.prqual, r.prrelid) as filter
  from pg_catalog.pg_publication_rel r
  join pg_catalog.pg_publication p on p.oid = r.prpubid
  join pg_catalog.pg_class c on c.oid = r.prrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %(schema)s
   and c.relname <> all (%(keep)s)
 order by 1, 2

-- grant_right --
grant {privilege} on {object} to {grantee}{option}

-- pass_right_on --
set local role {grantor};
grant {privilege} on {object} to {grantee}{option};
reset role

-- revoke_right --
revoke {option}{privilege} on {object} from {grantee}

-- give_owner --
alter {type} {object} owner to {owner}

-- publish_table --
alter publication {publication} add table only {table}{columns}{filter}

-- drop_tables --
drop table if exists {tables} restrict

-- select_kept_tables --
-- Ordinary tables whose rows are to stay, wherever they lie.
select n.nspname as schema, c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r'
   and n.nspname !~ '^pg_'
   and n.nspname not in ('information_schema', %(own)s)
   and c.oid <> all (%(gone)s::oid[])
   and (n.nspname <> all (%(doomed)s) or c.oid = any (%(kept)s::oid[])
        or exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e'))
 order by 1, 2

-- hash_rows --
-- The sum does not depend on the order of the rows.
select pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(t::text, 0))
  from only {table} t

-- notify --
-- Delivered when its transaction commits.
select pg_catalog.pg_notify(%(channel)s, %(payload)s)
