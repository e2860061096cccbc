-- select_unreadable --
-- Which of these (schema, name) pairs are relations that this role may not read as they are: by rights or row security.
select n.nspname as schema, c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
    on wanted.schema = n.nspname and wanted.name = c.relname
 where c.relkind in ('r', 'p', 'v', 'm', 'f')
   and (not pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        or not pg_catalog.has_table_privilege(c.oid, 'SELECT')
        or pg_catalog.row_security_active(c.oid))
 order by 1, 2

-- select_table_triggers --
-- Triggers of tables, with what they fire for (bits of tgtype) and whether their function can refuse anything.
-- One with a WHEN or a column list lets something through; a function that is not PL/pgSQL is given the benefit of the doubt.
select c.relname as on_table,
       t.tgname as name,
       pg_catalog.array_remove(array[case when t.tgtype & 16 <> 0 then 'update' end,
                                     case when t.tgtype & 8 <> 0 then 'delete' end,
                                     case when t.tgtype & 32 <> 0 then 'truncate' end,
                                     case when t.tgtype & 4 <> 0 then 'insert' end], null) as fires_for,
       t.tgenabled in ('O', 'A') as enabled,
       t.tgenabled = 'A' as always,
       t.tgqual is null
         and pg_catalog.cardinality(t.tgattr::pg_catalog.int2[]) = 0
         and (l.lanname <> 'plpgsql' or p.prosrc ~* '\mraise\s+(exception|''|sqlstate)') as refuses
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  join pg_catalog.pg_language l on l.oid = p.prolang
 where n.nspname = %(schema)s
   and not t.tgisinternal
 order by 1, 2

-- select_unclassified --
-- What lies in schemas that the manifest does not know: relations with contents, but for members of extensions.
select n.nspname as schema, c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (%(schemas)s)
   and c.relkind in ('r', 'p', 'm', 'f')
   and not c.relispartition
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1, 2

-- select_login --
-- Who we are, and what that alone allows. Ownership is what membership with its rights makes of it.
select r.rolname as role,
       r.rolsuper as superuser,
       r.rolcreatedb as create_database,
       r.rolcreaterole as create_role,
       r.rolbypassrls as bypass_row_security,
       pg_catalog.pg_get_userbyid(d.datdba) as database_owner,
       pg_catalog.pg_has_role(d.datdba, 'USAGE') as owns_database,
       pg_catalog.has_database_privilege(d.oid, 'CREATE') as create_schema,
       pg_catalog.has_parameter_privilege('session_replication_role', 'SET') as silence_triggers
  from pg_catalog.pg_database d, pg_catalog.pg_roles r
 where d.datname = pg_catalog.current_database()
   and r.rolname = current_user

-- select_schema_powers --
-- What this role may do to schemas as such.
select n.nspname as name,
       pg_catalog.pg_has_role(n.nspowner, 'USAGE') as drop,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') as make
  from pg_catalog.pg_namespace n
 where n.nspname = any (%(schemas)s)
 order by 1

-- select_table_powers --
-- What this role may do to tables. Whoever owns the schema may drop them as well; only their owner disables triggers.
-- LOCK wants a right to write, of whatever kind.
select n.nspname as schema,
       c.relname as name,
       u.usage and pg_catalog.has_table_privilege(c.oid, 'INSERT') as insert,
       u.usage and pg_catalog.has_table_privilege(c.oid, 'UPDATE') as update,
       u.usage and pg_catalog.has_table_privilege(c.oid, 'DELETE') as delete,
       u.usage and pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') as truncate,
       u.usage and pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') as lock,
       u.usage and (pg_catalog.pg_has_role(c.relowner, 'USAGE') or pg_catalog.pg_has_role(n.nspowner, 'USAGE')) as drop,
       u.usage and pg_catalog.pg_has_role(c.relowner, 'USAGE') as own,
       pg_catalog.row_security_active(c.oid) as row_security
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  cross join lateral (select pg_catalog.has_schema_privilege(n.oid, 'USAGE') as usage) u
 where n.nspname = any (%(schemas)s)
   and c.relkind in ('r', 'p')
   and not c.relispartition
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1, 2

-- select_settings --
-- Settings as this session has them, in their own units.
select name, setting as value
  from pg_catalog.pg_settings
 where name = any (%(names)s)
 order by name

-- select_overrides --
-- What somebody set for this database, this role, or both. The values of settings hold no password.
select pg_catalog.concat_ws(' in ',
                            case when s.setrole <> 0 then 'role ' || pg_catalog.pg_get_userbyid(s.setrole) end,
                            case when s.setdatabase <> 0 then 'database ' || d.datname end) as level,
       setting
  from pg_catalog.pg_db_role_setting s
  left join pg_catalog.pg_database d on d.oid = s.setdatabase
 cross join lateral pg_catalog.unnest(s.setconfig) setting
 where (s.setdatabase = 0 or d.datname = pg_catalog.current_database())
   and (s.setrole = 0 or pg_catalog.pg_get_userbyid(s.setrole) = current_user)
 order by 1, 2

-- select_prepared_transactions --
-- Transactions that wait for their second phase, with the tables that they hold: they have no process to end.
select p.gid,
       p.owner,
       array(select distinct pg_catalog.format('%%I.%%I', n.nspname, c.relname)
               from pg_catalog.pg_locks x
               join pg_catalog.pg_locks l on l.virtualtransaction = x.virtualtransaction and l.locktype = 'relation'
               join pg_catalog.pg_class c on c.oid = l.relation and c.relkind in ('r', 'p')
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where x.locktype = 'transactionid'
                and x.transactionid = p.transaction
                and n.nspname = any (%(schemas)s)
              order by 1) as tables
  from pg_catalog.pg_prepared_xacts p
 where p.database = pg_catalog.current_database()
 order by 1

-- select_event_triggers --
-- Event triggers: they can refuse DDL, and see what it drops.
select e.evtname as name, e.evtevent as event, e.evtenabled in ('O', 'A') as enabled
  from pg_catalog.pg_event_trigger e
 order by 1
