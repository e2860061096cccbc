-- try_mutex --
-- One run a database. Transaction-level: the only kind that also holds behind a pooler.
select pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('balados-db', 0))

-- try_projectors --
-- The event store's own locks of these subscriptions; the ids that somebody else holds come back.
select id
  from pg_catalog.unnest(%(ids)s::bigint[]) as wanted (id)
 where not pg_catalog.pg_try_advisory_xact_lock(
             ({table}::pg_catalog.regclass)::pg_catalog.oid::bigint::bit(32)::int,
             (id %% 2147483647)::int)

-- select_shared --
-- Projectors' locks in this very session before it took any: a session-level lock lets its own session through.
select objid::bigint as id, pid
  from pg_catalog.pg_locks
 where locktype = 'advisory'
   and granted
   and objsubid = 2
   and classid = {table}::pg_catalog.regclass
   and database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and objid <> 4294967295
   and pid = pg_catalog.pg_backend_pid()
 order by id

-- select_mutex_holder --
-- Who holds the mutex: the key's two halves are classid and objid of a one-key lock (objsubid 1).
select l.pid,
       coalesce(a.usename, '') as user,
       coalesce(a.application_name, '') as application,
       coalesce(pg_catalog.host(a.client_addr), 'local socket') as client
  from pg_catalog.pg_locks l
  left join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory'
   and l.granted
   and l.objsubid = 1
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and ((l.classid::bigint << 32) | l.objid::bigint) = pg_catalog.hashtextextended('balados-db', 0)

-- select_blockers --
-- Who holds a lock on these tables, or, where none are named, who keeps even readers out of one; prepared transactions
-- have no process.
select distinct
       n.nspname || '.' || c.relname as table,
       n.nspname as schema,
       l.pid,
       coalesce(a.usename, '') as user,
       coalesce(a.application_name, '') as application,
       coalesce(a.state, '') as state,
       p.gid
  from pg_catalog.pg_locks l
  join pg_catalog.pg_class c on c.oid = l.relation
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_stat_activity a on a.pid = l.pid
  left join pg_catalog.pg_locks t on t.locktype = 'transactionid' and t.virtualtransaction = l.virtualtransaction and l.pid is null
  left join pg_catalog.pg_prepared_xacts p on p.transaction = t.transactionid
 where l.granted
   and l.locktype = 'relation'
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   and case
         when %(schemas)s::text[] is null then l.mode = 'AccessExclusiveLock'
         else c.oid = any (select r.oid
                             from unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
                             join pg_catalog.pg_namespace s on s.nspname = wanted.schema
                             join pg_catalog.pg_class r on r.relnamespace = s.oid and r.relname = wanted.name)
       end
   and coalesce(l.pid, 0) <> pg_catalog.pg_backend_pid()
 order by 1, 3

-- fence_stands --
-- The fence's locks, seen from the worker: its process still holds this many advisory locks.
select pg_catalog.count(*)
  from pg_catalog.pg_locks
 where locktype = 'advisory'
   and granted
   and pid = %(pid)s

-- strays --
-- Locks of the event store's class on ids without a row: a subscriber that read its row before it was forgotten.
select l.objid::bigint as id,
       l.pid,
       coalesce(a.application_name, '') as application
  from pg_catalog.pg_locks l
  left join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory'
   and l.granted
   and l.objsubid = 2
   and l.classid = {table}::pg_catalog.regclass
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and l.objid <> 4294967295
   and not exists (select from {relation} s where s.{id}::bigint = l.objid::bigint)
 order by 1

-- bounded_try --
-- lock_timeout counts anew for every table: the statement's time bounds them all.
set local statement_timeout = {milliseconds}

-- unbounded --
set local statement_timeout = 0

-- bounded_lock --
set local lock_timeout = {milliseconds}
