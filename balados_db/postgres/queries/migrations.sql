-- select_histories --
-- Which schemas hold yoyo's history; plain yoyo of old has no log.
select n.nspname as schema, pg_catalog.count(*)::int as tables
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any (%(schemas)s)
   and c.relname = any (%(names)s)
   and c.relkind = 'r'
   and pg_catalog.has_table_privilege(c.oid, 'SELECT')
 group by n.nspname
having pg_catalog.bool_or(c.relname = '_yoyo_migration')

-- select_applied --
-- The checksum is in the newest log row of a migration; plain yoyo writes none.
select m.migration_id as id,
       m.migration_hash as hash,
       (select l.comment
          from {log} l
         where l.migration_hash = m.migration_hash
           and l.operation in ('apply', 'mark')
         order by l.created_at_utc desc
         limit 1) as checksum
  from {history} m
 order by m.applied_at_utc, m.migration_id

-- select_applied_without_log --
select m.migration_id as id, m.migration_hash as hash, null::text as checksum
  from {history} m
 order by m.applied_at_utc, m.migration_id

-- insert_applied --
insert into {history} (migration_hash, migration_id, applied_at_utc)
select * from unnest(%(hashes)s::text[], %(ids)s::text[], %(times)s::timestamp[])

-- insert_log --
insert into {log} (id, migration_hash, migration_id, operation, username, hostname, comment, created_at_utc)
select u, h, i, %(operation)s, %(user)s, %(host)s, c, t
  from unnest(%(uuids)s::text[], %(hashes)s::text[], %(ids)s::text[], %(comments)s::text[], %(times)s::timestamp[])
       as rows (u, h, i, c, t)

-- delete_applied --
delete from {history} where migration_hash = %(hash)s

-- select_table_names --
select c.relname
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %(schema)s
   and c.relkind in ('r', 'p')

-- take_yoyo_lock --
insert into {table} (locked, ctime, pid)
values (1, pg_catalog.timezone('utc', pg_catalog.now()), %(pid)s)
on conflict do nothing

-- release_yoyo_lock --
delete from {table}

-- reset_session --
-- What a migration may have set goes; RESET ALL does not undo SET ROLE, nor SET SESSION AUTHORIZATION.
reset all;
reset session authorization;
reset role

-- set_search_path --
set local search_path = {schema}

-- set_session_search_path --
set search_path = {schema}

-- run_file --
begin execute {source}; end

-- run_block --
do {block}

-- settle_deferrable --
-- What a COMMIT between two files would have done: check, then back to the initial mode.
-- Never SET CONSTRAINTS ALL: it sticks to constraints that are created later in the transaction.
do $settle$
declare
  k record;
begin
  for k in
    select distinct n.nspname, c.conname, c.condeferred
      from pg_catalog.pg_constraint c
      join pg_catalog.pg_namespace n on n.oid = c.connamespace
     where c.condeferrable
       and c.conparentid = 0
  loop
    execute pg_catalog.format('set constraints %I.%I immediate', k.nspname, k.conname);
    if k.condeferred then
      execute pg_catalog.format('set constraints %I.%I deferred', k.nspname, k.conname);
    end if;
  end loop;
end
$settle$
