-- select_dependents --
-- Everything outside these schemas that PostgreSQL would remove if their contents were dropped CASCADE, and what it needs there.
-- Contents do not include extensions, their members, default privileges, publication entries and the `kept` relations.
-- Reads pg_catalog only, needs no superuser, locks nothing.
WITH RECURSIVE
 s AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY (%(schemas)s::pg_catalog.name[])),
 seed(classid, objid, objsubid) AS (
   SELECT d.classid, d.objid, d.objsubid
     FROM pg_catalog.pg_depend d JOIN s ON d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = s.oid
    WHERE d.classid NOT IN ('pg_catalog.pg_extension'::pg_catalog.regclass, 'pg_catalog.pg_default_acl'::pg_catalog.regclass,
                            'pg_catalog.pg_publication_namespace'::pg_catalog.regclass)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
      AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = ANY (%(kept)s::oid[]))
 ),
 doomed(classid, objid, objsubid) AS (
   SELECT * FROM seed
   UNION
   SELECT n.classid, n.objid, n.objsubid
     FROM doomed x
     CROSS JOIN LATERAL (
       -- 1. dependents, of every dependency type: with CASCADE nothing stops them
       SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
        WHERE d.refclassid = x.classid AND d.refobjid = x.objid AND (x.objsubid = 0 OR d.refobjsubid = x.objsubid)
       UNION ALL
       -- 2. owners: dropping an internal part / extension member takes its owner with it
       SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d
        WHERE d.classid = x.classid AND d.objid = x.objid AND d.deptype IN ('i','e') AND x.objsubid IN (0, d.objsubid)
     ) n
 ),
 -- Columns of a doomed table are not separate losses
 obj AS (
   SELECT x.* FROM doomed x
    WHERE NOT (x.objsubid <> 0 AND EXISTS (SELECT FROM doomed y WHERE y.classid = x.classid AND y.objid = x.objid AND y.objsubid = 0))
 ),
 located AS (
   SELECT o.*, CASE o.classid
     WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = objid)
     WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN (SELECT typnamespace FROM pg_catalog.pg_type WHERE oid = objid)
     WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN (SELECT pronamespace FROM pg_catalog.pg_proc WHERE oid = objid)
     WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN (SELECT oprnamespace FROM pg_catalog.pg_operator WHERE oid = objid)
     WHEN 'pg_catalog.pg_opclass'::pg_catalog.regclass THEN (SELECT opcnamespace FROM pg_catalog.pg_opclass WHERE oid = objid)
     WHEN 'pg_catalog.pg_opfamily'::pg_catalog.regclass THEN (SELECT opfnamespace FROM pg_catalog.pg_opfamily WHERE oid = objid)
     WHEN 'pg_catalog.pg_amop'::pg_catalog.regclass THEN (SELECT opfnamespace FROM pg_catalog.pg_amop a JOIN pg_catalog.pg_opfamily f ON f.oid = amopfamily WHERE a.oid = objid)
     WHEN 'pg_catalog.pg_amproc'::pg_catalog.regclass THEN (SELECT opfnamespace FROM pg_catalog.pg_amproc a JOIN pg_catalog.pg_opfamily f ON f.oid = amprocfamily WHERE a.oid = objid)
     WHEN 'pg_catalog.pg_collation'::pg_catalog.regclass THEN (SELECT collnamespace FROM pg_catalog.pg_collation WHERE oid = objid)
     WHEN 'pg_catalog.pg_conversion'::pg_catalog.regclass THEN (SELECT connamespace FROM pg_catalog.pg_conversion WHERE oid = objid)
     WHEN 'pg_catalog.pg_ts_config'::pg_catalog.regclass THEN (SELECT cfgnamespace FROM pg_catalog.pg_ts_config WHERE oid = objid)
     WHEN 'pg_catalog.pg_ts_dict'::pg_catalog.regclass THEN (SELECT dictnamespace FROM pg_catalog.pg_ts_dict WHERE oid = objid)
     WHEN 'pg_catalog.pg_ts_parser'::pg_catalog.regclass THEN (SELECT prsnamespace FROM pg_catalog.pg_ts_parser WHERE oid = objid)
     WHEN 'pg_catalog.pg_ts_template'::pg_catalog.regclass THEN (SELECT tmplnamespace FROM pg_catalog.pg_ts_template WHERE oid = objid)
     WHEN 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass THEN (SELECT stxnamespace FROM pg_catalog.pg_statistic_ext WHERE oid = objid)
     WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN (SELECT connamespace FROM pg_catalog.pg_constraint WHERE oid = objid)
     WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN (SELECT relnamespace FROM pg_catalog.pg_attrdef a JOIN pg_catalog.pg_class c ON c.oid = adrelid WHERE a.oid = objid)
     WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN -- a foreign key's own trigger on the table it points at is a part of that foreign key
       (SELECT relnamespace FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = coalesce((SELECT k.conrelid FROM pg_catalog.pg_constraint k WHERE k.oid = t.tgconstraint AND t.tgisinternal), tgrelid) WHERE t.oid = objid)
     WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN (SELECT relnamespace FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = ev_class WHERE r.oid = objid)
     WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN (SELECT relnamespace FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = polrelid WHERE p.oid = objid)
     WHEN 'pg_catalog.pg_default_acl'::pg_catalog.regclass THEN (SELECT defaclnamespace FROM pg_catalog.pg_default_acl WHERE oid = objid)
     -- a cast of a doomed type is part of that type, unless somebody else's function does the work
     WHEN 'pg_catalog.pg_cast'::pg_catalog.regclass THEN (SELECT t.typnamespace FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_type t ON t.oid IN (castsource, casttarget) AND t.typnamespace IN (SELECT oid FROM s)
            WHERE c.oid = objid AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc f WHERE f.oid = castfunc AND f.oid >= 16384 AND f.pronamespace NOT IN (SELECT oid FROM s)) LIMIT 1)
     WHEN 'pg_catalog.pg_namespace'::pg_catalog.regclass THEN objid
     -- a table's membership in a publication is given back with the table
     WHEN 'pg_catalog.pg_publication_rel'::pg_catalog.regclass THEN (SELECT relnamespace FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_class c ON c.oid = prrelid WHERE r.oid = objid)
   END AS nsp,
   CASE o.classid
     WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN objid
     WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN (SELECT conrelid FROM pg_catalog.pg_constraint WHERE oid = objid)
     WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN (SELECT adrelid FROM pg_catalog.pg_attrdef WHERE oid = objid)
     WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN (SELECT tgrelid FROM pg_catalog.pg_trigger WHERE oid = objid)
     WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN (SELECT polrelid FROM pg_catalog.pg_policy WHERE oid = objid)
     WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN (SELECT ev_class FROM pg_catalog.pg_rewrite WHERE oid = objid)
   END AS relation  -- NULL: casts, event triggers, extensions, publication members, servers, mappings, ...: always outside
   FROM obj o
 )
SELECT i.type,
       n.nspname AS schema,
       i.identity,
       (SELECT r.type || ' ' || r.identity
          FROM pg_catalog.pg_depend d
          JOIN obj y ON y.classid = d.refclassid AND y.objid = d.refobjid AND y.objsubid IN (0, d.refobjsubid)
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) r
         WHERE d.classid = l.classid AND d.objid = l.objid AND l.objsubid IN (0, d.objsubid)
         ORDER BY r.identity LIMIT 1) AS needs
  FROM located l
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.nsp
  CROSS JOIN LATERAL pg_catalog.pg_identify_object(l.classid, l.objid, l.objsubid) i
 WHERE l.nsp IS NULL
    OR l.relation = ANY (%(kept)s::oid[])
    OR (l.nsp NOT IN (SELECT oid FROM s) AND n.nspname !~ '^pg_toast')
 ORDER BY 1, 3

-- select_inheritance --
-- Parents and children, partitions included, on the two sides of the border: neither TRUNCATE nor DROP stops at it.
select pg_catalog.format('%%I.%%I', cn.nspname, c.relname) as child,
       pg_catalog.format('%%I.%%I', pn.nspname, p.relname) as parent,
       i.inhparent = any (%(doomed)s::oid[]) as parent_inside
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f')
  join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
  join pg_catalog.pg_class p on p.oid = i.inhparent
  join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
 where (i.inhparent = any (%(doomed)s::oid[])) <> (i.inhrelid = any (%(doomed)s::oid[]))
 order by 1, 2

-- select_references --
-- Foreign keys of kept tables that point at emptied ones.
select k.conname as name,
       pg_catalog.format('%%I.%%I', n.nspname, c.relname) as from_table,
       pg_catalog.format('%%I.%%I', rn.nspname, r.relname) as to_table,
       n.nspname as schema
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class r on r.oid = k.confrelid
  join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
 where k.contype = 'f'
   and k.confrelid = any (%(emptied)s::oid[])
   and k.conrelid <> all (%(doomed)s::oid[])
 order by 2, 1

-- select_shared_sequences --
-- A sequence that goes back to its start with an emptied table, while a kept table draws its keys from it.
select pg_catalog.format('%%I.%%I', sn.nspname, s.relname) as sequence,
       pg_catalog.format('%%I.%%I', n.nspname, c.relname) as used_by,
       n.nspname as schema
  from pg_catalog.pg_depend o
  join pg_catalog.pg_class s on s.oid = o.objid and s.relkind = 'S'
  join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
  join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = s.oid
                             and d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
  join pg_catalog.pg_attrdef a on a.oid = d.objid
  join pg_catalog.pg_class c on c.oid = a.adrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and o.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and o.deptype in ('a', 'i')
   and o.refobjid = any (%(emptied)s::oid[])
   and a.adrelid <> all (%(doomed)s::oid[])
 order by 1, 2

-- select_lock_too --
-- Kept tables that doomed ones reference: dropping the foreign key locks them as well.
select distinct n.nspname as schema, c.relname as name
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.confrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where k.contype = 'f'
   and k.conrelid = any (%(recreated)s::oid[])
   and k.confrelid <> all (%(doomed)s::oid[])
   and pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
 order by 1, 2

-- select_stale --
-- Kept materialized views over doomed tables, at any depth: they go on showing what was.
with recursive reading (oid) as (
  select pg_catalog.unnest(%(doomed)s::oid[])
   union
  select r.ev_class
    from reading x
    join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = x.oid
                               and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    join pg_catalog.pg_rewrite r on r.oid = d.objid
)
select pg_catalog.format('%%I.%%I', n.nspname, c.relname) as name
  from reading x
  join pg_catalog.pg_class c on c.oid = x.oid and c.relkind = 'm'
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid <> all (%(doomed)s::oid[])
   and c.oid <> all (%(refreshed)s::oid[])
 order by 1

-- select_truncate_triggers --
-- Triggers that fire when these tables are emptied (tgtype bit 5).
select pg_catalog.format('%%I on %%I.%%I', t.tgname, n.nspname, c.relname) as name
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where t.tgrelid = any (%(emptied)s::oid[])
   and not t.tgisinternal
   and t.tgenabled <> 'D'
   and (t.tgtype & 32) <> 0
 order by 1

-- select_published --
-- Publications through which a TRUNCATE of these tables reaches the subscribers' tables.
select distinct p.pubname as name
  from pg_catalog.pg_publication p
  join pg_catalog.pg_class c on c.oid = any (%(emptied)s::oid[]) and c.relkind = 'r' and c.relpersistence = 'p'
 where p.pubtruncate
   and (p.puballtables
        or exists (select from pg_catalog.pg_publication_rel r where r.prpubid = p.oid and r.prrelid = c.oid)
        or exists (select from pg_catalog.pg_publication_namespace n where n.pnpubid = p.oid and n.pnnspid = c.relnamespace))
 order by 1
