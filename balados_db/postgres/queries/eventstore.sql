-- select_checkpoints --
-- Who got how far, by one checkpoint table. Positions come as text: some stores keep them so.
select {projector}::text as projector, {position}::text as position
  from {table}
 where {condition}

-- select_subscriptions --
-- The ids are the lock keys of the subscribers.
select {id}::bigint as id, {name}::text as name from {table} order by 1

-- select_live --
-- Whoever holds the advisory lock (class of the subscriptions table, id of a row) is a running projector.
select l.objid::bigint as id,
       coalesce(l.pid, 0) as pid,
       coalesce(a.usename, '') as user,
       coalesce(a.application_name, '') as application
  from pg_catalog.pg_locks l
  left join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory'
   and l.granted
   and l.objsubid = 2
   and l.classid = {table}::pg_catalog.regclass
   and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
   and l.objid <> 4294967295
   and l.pid <> all (%(ours)s)
 order by 1

-- delete_checkpoints --
delete from {table}
 where {projector}::text = any (%(projectors)s)
   and {condition}

-- delete_every_checkpoint --
-- Of everybody, but only the rows that the manifest's `where` calls checkpoints.
delete from {table}
 where {condition}

-- set_checkpoints --
update {table}
   set {assignments}
 where {projector}::text = any (%(projectors)s)
   and {condition}

-- set_every_checkpoint --
update {table}
   set {assignments}
 where {condition}

-- select_moved --
-- Who is not where forgetting or rewinding left it.
select {projector}::text as projector
  from {table}
 where {projector}::text = any (%(projectors)s)
   and {condition}
   and not ({at_origin})
 order by 1

-- select_other_positions --
-- Every row outside the scope, by value: none of them may move.
select pg_catalog.to_jsonb(t)::text as row
  from {table} t
 where not ({projector}::text = any (%(projectors)s))
 order by 1
