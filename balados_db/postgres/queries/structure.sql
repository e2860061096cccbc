-- select_structure --
-- Every fact about the structure of a schema, by names: no oid, owner, grant, statistic, storage or column number.
-- `skip` holds relations that are not the schema's own (histories, checkpoint tables).
with own as materialized (
  select c.oid, c.relname, c.relkind, n.nspname, n.oid as nsp, c.relpersistence, c.reloptions, c.relrowsecurity,
         c.relforcerowsecurity, c.relreplident, c.relispartition, c.relpartbound, c.reloftype
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where n.nspname = any (%(schemas)s)
     and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
     and c.oid <> all (%(skip)s::oid[])
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
)
select nspname as schema,
       'relation ' || relname as name,
       pg_catalog.concat_ws(' ', relkind, relpersistence, reloptions::text, relrowsecurity, relforcerowsecurity, relreplident,
                            case when relkind = 'p' then pg_catalog.pg_get_partkeydef(oid) end,
                            case when relispartition then pg_catalog.pg_get_expr(relpartbound, oid) end,
                            'inherits ' || (select pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text, ', ' order by i.inhseqno)
                                              from pg_catalog.pg_inherits i where i.inhrelid = own.oid),
                            'of ' || pg_catalog.format_type(nullif(reloftype, 0), null),
                            case when relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(oid) end) as fact
  from own
union all
select o.nspname, 'column ' || o.relname || '.' || a.attname,
       pg_catalog.concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod),
                            case when a.attnotnull then 'not null' end,
                            'default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid),
                            'identity ' || nullif(a.attidentity::text, ''), 'generated ' || nullif(a.attgenerated::text, ''),
                            case when a.attcollation <> t.typcollation then 'collate ' || (select l.collname from pg_catalog.pg_collation l where l.oid = a.attcollation) end)
  from own o
  join pg_catalog.pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where o.relkind <> 'v' or d.oid is not null
union all
select o.nspname, 'constraint ' || o.relname || '.' || k.conname,
       pg_catalog.pg_get_constraintdef(k.oid)
                  || case when exists (select from pg_catalog.pg_trigger t
                                        where t.tgconstraint = k.oid and t.tgrelid = k.conrelid and t.tgisinternal and t.tgenabled <> 'O')
                          then ' disabled' else '' end
  from own o
  join pg_catalog.pg_constraint k on k.conrelid = o.oid
 where k.contype not in ('n', 't')
union all
select o.nspname, 'index ' || o.relname || '.' || c.relname, pg_catalog.pg_get_indexdef(i.indexrelid)
                  || case when i.indisvalid then '' else ' invalid' end
  from own o
  join pg_catalog.pg_index i on i.indrelid = o.oid
  join pg_catalog.pg_class c on c.oid = i.indexrelid
union all
select o.nspname, 'trigger ' || o.relname || '.' || t.tgname, pg_catalog.pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
  from own o
  join pg_catalog.pg_trigger t on t.tgrelid = o.oid
 where not t.tgisinternal
union all
select o.nspname, 'policy ' || o.relname || '.' || p.polname,
       pg_catalog.concat_ws(' ', p.polcmd::text, p.polpermissive,
                            (select pg_catalog.string_agg(case r when 0 then 'public' else pg_catalog.pg_get_userbyid(r)::text end, ',' order by r) from pg_catalog.unnest(p.polroles) r),
                            'using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
  from own o
  join pg_catalog.pg_policy p on p.polrelid = o.oid
union all
select o.nspname, 'rule ' || o.relname || '.' || r.rulename, pg_catalog.pg_get_ruledef(r.oid) || ' ' || r.ev_enabled::text
  from own o
  join pg_catalog.pg_rewrite r on r.ev_class = o.oid
 where r.rulename <> '_RETURN'
union all
select n.nspname, 'sequence ' || c.relname,
       pg_catalog.concat_ws(' ', pg_catalog.format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
                            'owned by ' || (select d.refobjid::pg_catalog.regclass::text || '.' || a.attname
                                              from pg_catalog.pg_depend d
                                              join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                                             where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                                               and d.refclassid = d.classid and d.deptype in ('a', 'i')))
  from pg_catalog.pg_sequence s
  join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (%(schemas)s)
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                      and (d.deptype = 'e' or d.deptype in ('a', 'i') and d.refobjid = any (%(skip)s::oid[])))
union all
select n.nspname, 'function ' || p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
       case when p.prokind = 'a' then 'aggregate ' || pg_catalog.format_type(p.prorettype, null)
            else pg_catalog.pg_get_functiondef(p.oid) end
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname = any (%(schemas)s)
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e')
union all
select n.nspname, 'type ' || t.typname,
       pg_catalog.concat_ws(' ', t.typtype::text,
                            (select pg_catalog.string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid),
                            case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end,
                            case when t.typnotnull then 'not null' end, t.typdefault,
                            (select pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ' ' order by k.conname)
                               from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype <> 'n'),
                            (select pg_catalog.format_type(r.rngsubtype, null) from pg_catalog.pg_range r where r.rngtypid = t.oid))
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
 where n.nspname = any (%(schemas)s)
   and t.typtype in ('e', 'd', 'r')
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.objid = t.oid and d.deptype = 'e')
union all
select n.nspname, 'statistics ' || s.stxname, pg_catalog.pg_get_statisticsobjdef(s.oid)
  from pg_catalog.pg_statistic_ext s
  join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
 where n.nspname = any (%(schemas)s)
union all
-- Of other kinds what is there, and what a text search is made of: it decides about what is rebuilt.
select n.nspname, i.type || ' ' || i.identity,
       coalesce((select pg_catalog.concat_ws(' ', t.tmplname, d.dictinitoption)
                   from pg_catalog.pg_ts_dict d join pg_catalog.pg_ts_template t on t.oid = d.dicttemplate where i.type = 'text search dictionary' and d.oid = o.objid),
                (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', m.maptokentype, m.mapdict::pg_catalog.regdictionary), ', '
                                              order by m.maptokentype, m.mapseqno)
                   from pg_catalog.pg_ts_config_map m where i.type = 'text search configuration' and m.mapcfg = o.objid), '')
  from pg_catalog.pg_depend o
  join pg_catalog.pg_namespace n on n.oid = o.refobjid
 cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
 where n.nspname = any (%(schemas)s)
   and o.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
   and o.classid = any (array['pg_catalog.pg_operator', 'pg_catalog.pg_opclass', 'pg_catalog.pg_opfamily', 'pg_catalog.pg_collation',
                              'pg_catalog.pg_conversion', 'pg_catalog.pg_ts_config', 'pg_catalog.pg_ts_dict',
                              'pg_catalog.pg_ts_parser', 'pg_catalog.pg_ts_template']::pg_catalog.regclass[])
   and not exists (select from pg_catalog.pg_depend e where e.classid = o.classid and e.objid = o.objid and e.deptype = 'e')
 order by 1, 2
