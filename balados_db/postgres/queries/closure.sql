-- select_dependents --
-- Everything outside these schemas that PostgreSQL would remove if their contents were dropped CASCADE, and what it needs there.
-- Contents do not include extensions, their members, default privileges, publication entries and the `kept` relations.
-- Reads pg_catalog only, needs no superuser, locks nothing.
WITH RECURSIVE
 -- what stays, with the sequences that go with it
 stay AS MATERIALIZED (
   SELECT oid FROM pg_catalog.unnest(%(kept)s::oid[]) AS k (oid)
   UNION SELECT d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class q ON q.oid = d.objid AND q.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refobjid = ANY (%(kept)s::oid[]) AND d.deptype IN ('a','i')),
 s AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY (%(schemas)s::pg_catalog.name[])),
 seed(classid, objid, objsubid) AS (
   SELECT d.classid, d.objid, d.objsubid
     FROM pg_catalog.pg_depend d JOIN s ON d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = s.oid
    WHERE d.classid NOT IN ('pg_catalog.pg_extension'::pg_catalog.regclass, 'pg_catalog.pg_default_acl'::pg_catalog.regclass,
                            'pg_catalog.pg_publication_namespace'::pg_catalog.regclass)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
      AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid IN (SELECT oid FROM stay))
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
 ),
 -- named by number, so that a part and its whole can be told apart
 outside AS MATERIALIZED (
   SELECT l.*, pg_catalog.row_number() OVER () AS number
     FROM located l
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.nsp
    WHERE l.nsp IS NULL
       OR l.relation IN (SELECT oid FROM stay)
       OR (l.nsp NOT IN (SELECT oid FROM s) AND n.nspname !~ '^pg_toast')
 ),
 -- A view's rule, a table's row type, a column's default, an extension's member: not a loss of its own beside its whole
 part AS MATERIALIZED (
   SELECT DISTINCT x.number, y.number AS whole
     FROM outside x
     JOIN pg_catalog.pg_depend d ON d.classid = x.classid AND d.objid = x.objid AND x.objsubid IN (0, d.objsubid)
     JOIN outside y ON y.classid = d.refclassid AND y.objid = d.refobjid AND y.objsubid IN (0, d.refobjsubid)
    WHERE y.number <> x.number
      AND (d.deptype = 'e' OR (d.deptype IN ('i', 'a') AND x.nsp IS NOT DISTINCT FROM y.nsp))
 ),
 belongs(number, root) AS (
   SELECT number, number FROM outside WHERE number NOT IN (SELECT number FROM part)
   UNION
   SELECT p.number, b.root FROM belongs b JOIN part p ON p.whole = b.number
 ),
 -- What each of them needs: inside, or another one outside that falls itself
 needed AS (
   SELECT DISTINCT b.root, f.number IS NULL AS inside, i.type, i.identity, n.schema
     FROM belongs b
     JOIN outside x ON x.number = b.number
     JOIN pg_catalog.pg_depend d ON d.classid = x.classid AND d.objid = x.objid AND x.objsubid IN (0, d.objsubid)
     JOIN obj y ON y.classid = d.refclassid AND y.objid = d.refobjid AND y.objsubid IN (0, d.refobjsubid)
     LEFT JOIN outside f ON f.classid = y.classid AND f.objid = y.objid AND f.objsubid = y.objsubid
    CROSS JOIN LATERAL (
      -- an array is its element's, a column that is no loss of its own its table's
      SELECT coalesce((SELECT e.typelem FROM pg_catalog.pg_type e
                        WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND e.oid = d.refobjid AND e.typcategory = 'A'),
                      d.refobjid) AS oid
    ) r
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.refclassid, r.oid, y.objsubid) n
    CROSS JOIN LATERAL (
      SELECT n.identity,
             coalesce(
               (SELECT CASE WHEN c.relkind <> 'c' THEN 'row type' WHEN t.typtype IN ('r', 'm') THEN 'range type' END
                  FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
                 WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = r.oid),
               (SELECT CASE o.deptype WHEN 'a' THEN 'owned sequence' ELSE 'identity sequence' END
                  FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_class c ON c.oid = o.objid AND c.relkind = 'S'
                 WHERE o.classid = d.refclassid AND o.objid = d.refobjid AND o.refclassid = o.classid AND o.deptype IN ('a', 'i')
                   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass LIMIT 1),
               n.type) AS type
    ) i
    WHERE (f.number IS NULL OR NOT EXISTS (SELECT FROM belongs m WHERE m.number = f.number AND m.root = b.root))
      AND n.type <> 'index' -- a foreign key needs its target's, beside the target itself
 )
SELECT i.type,
       n.nspname AS schema,
       i.identity,
       CASE WHEN pg_catalog.cardinality(a.object_names) = 3 THEN pg_catalog.format('%%I.%%I', a.object_names[1], a.object_names[2]) END AS table,
       CASE WHEN pg_catalog.cardinality(a.object_names) = 3 THEN pg_catalog.format('%%I', a.object_names[3]) END AS part,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE l.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = l.objid AND k.contype = 'f') AS foreign_key,
       coalesce(x.inside, false) AS inside,
       coalesce(x.types, '{}') AS need_types,
       coalesce(x.identities, '{}') AS need_identities,
       coalesce(x.schemas, '{}') AS need_schemas
  FROM outside l
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.nsp
  CROSS JOIN LATERAL pg_catalog.pg_identify_object(l.classid, l.objid, l.objsubid) i
  CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(l.classid, l.objid, l.objsubid) a
  LEFT JOIN LATERAL (
    -- the cause, if there is one inside: else whom it falls with
    SELECT inside, pg_catalog.array_agg(m.type ORDER BY m.identity, m.type) AS types,
           pg_catalog.array_agg(m.identity ORDER BY m.identity, m.type) AS identities, pg_catalog.array_agg(m.schema ORDER BY m.identity, m.type) AS schemas
      FROM needed m WHERE m.root = l.number GROUP BY inside ORDER BY inside DESC LIMIT 1
  ) x ON true
 WHERE l.number IN (SELECT root FROM belongs)
 ORDER BY 1, 3

-- select_inheritance --
-- Parents and children, partitions included, on the two sides of the border: neither TRUNCATE nor DROP stops at it.
select pg_catalog.format('%%I.%%I', cn.nspname, c.relname) as child,
       pg_catalog.format('%%I.%%I', pn.nspname, p.relname) as parent,
       i.inhparent = any (%(doomed)s::oid[]) as parent_inside,
       c.relispartition as partition,
       case when i.inhparent = any (%(doomed)s::oid[]) then cn.nspname else pn.nspname end as schema
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f')
  join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
  join pg_catalog.pg_class p on p.oid = i.inhparent
  join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
 where (i.inhparent = any (%(doomed)s::oid[])) <> (i.inhrelid = any (%(doomed)s::oid[]))
 order by 1, 2

-- select_heirs --
-- Tables that inherit from a table of positions, and are no partition of it: their rows are read and forgotten as if they were its own.
select pg_catalog.format('%%I.%%I', cn.nspname, c.relname) as child,
       pg_catalog.format('%%I.%%I', pn.nspname, p.relname) as parent,
       true as parent_inside,
       false as partition,
       cn.nspname as schema
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid and not c.relispartition
  join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
  join pg_catalog.pg_class p on p.oid = i.inhparent
  join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as positions (schema, name)
    on positions.schema = pn.nspname and positions.name = p.relname
 where i.inhparent <> all (%(doomed)s::oid[])
   and i.inhrelid <> all (%(doomed)s::oid[])
 order by 1, 2

-- select_linked_operators --
-- Kept operators that know a doomed one as their commutator or negator: no dependency says so, and dropping it cuts the link.
select distinct i.identity, n.nspname as schema, d.identity as need, dn.nspname as need_schema
  from pg_catalog.pg_operator o
  join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
  join pg_catalog.pg_operator x on x.oid in (o.oprcom, o.oprnegate)
  join pg_catalog.pg_namespace dn on dn.oid = x.oprnamespace
 cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, 0) i
 cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_operator'::pg_catalog.regclass, x.oid, 0) d
 where dn.nspname = any (%(schemas)s)
   and n.nspname <> all (%(schemas)s)
 order by 1, 3

-- select_references --
-- Foreign keys of kept tables that point at emptied ones.
select pg_catalog.format('%%I', k.conname) as name,
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
-- A sequence that goes back to its start with an emptied table, while something else draws from it: a kept table by its
-- default, or whatever else names it (a domain's default, a function's body, a view). What is doomed itself does not count.
select pg_catalog.format('%%I.%%I', sn.nspname, s.relname) as sequence,
       case when a.oid is null then i.type else 'table' end as type,
       case when a.oid is null then i.identity else pg_catalog.format('%%I.%%I', n.nspname, c.relname) end as used_by,
       coalesce(n.nspname, i.schema) as schema,
       pg_catalog.quote_ident(u.attname) as column,
       o.deptype = 'i' as identity
  from pg_catalog.pg_depend o
  join pg_catalog.pg_class s on s.oid = o.objid and s.relkind = 'S'
  join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
  join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = s.oid
                             and d.deptype in ('n', 'a') and (d.classid, d.objid) <> (o.classid, o.objid)
  left join pg_catalog.pg_attrdef a on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and a.oid = d.objid
  left join pg_catalog.pg_attribute u on u.attrelid = a.adrelid and u.attnum = a.adnum
  left join pg_catalog.pg_class c on c.oid = a.adrelid
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
 where o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and o.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and o.deptype in ('a', 'i')
   and o.refobjid = any (%(emptied)s::oid[])
   and case when a.oid is not null then a.adrelid <> all (%(doomed)s::oid[])
            else coalesce(n.nspname, i.schema) is distinct from sn.nspname end
 order by 1, 3

-- select_lock_too --
-- Kept tables that doomed ones reference: dropping the foreign key locks them as well.
select distinct k.conrelid::bigint as oid, n.nspname as schema, c.relname as name
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

-- select_foreign_keys --
-- Among these tables: who references (and is dropped first, emptied together) and who is referenced.
select distinct k.conrelid::bigint as first, k.confrelid::bigint as later
  from pg_catalog.pg_constraint k
 where k.contype = 'f'
   and k.conrelid = any (%(touched)s::oid[])
   and k.confrelid = any (%(touched)s::oid[])
   and k.conrelid <> k.confrelid

-- select_based_on --
-- Among these relations: children and partitions before their parents, views before what they read.
select i.inhrelid::bigint as first, i.inhparent::bigint as later
  from pg_catalog.pg_inherits i
 where i.inhrelid = any (%(touched)s::oid[])
   and i.inhparent = any (%(touched)s::oid[])
 union
select r.ev_class::bigint, d.refobjid::bigint
  from pg_catalog.pg_rewrite r
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
                             and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
 where r.ev_class = any (%(touched)s::oid[])
   and d.refobjid = any (%(touched)s::oid[])
   and d.refobjid <> r.ev_class

-- select_reading --
-- Among these materialized views: what is read, also through views, comes before who reads it.
with recursive reading (reader, oid) as (
  select v.oid, d.refobjid
    from pg_catalog.unnest(%(touched)s::oid[]) as v (oid)
    join pg_catalog.pg_rewrite r on r.ev_class = v.oid
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
                               and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> v.oid
   union
  select x.reader, d.refobjid
    from reading x
    join pg_catalog.pg_rewrite r on r.ev_class = x.oid
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
                               and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> x.oid
)
select oid::bigint as first, reader::bigint as later
  from reading
 where oid = any (%(touched)s::oid[])
