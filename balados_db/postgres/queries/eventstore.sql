-- select_checkpoints --
-- Who got how far, by one checkpoint table. Positions come as text: some stores keep them so. A row without a name is nobody's.
select {projector}::text as projector, {position}::text as position, {head}::bigint as head, {source}::text as source
  from {table}
 where {condition}
   and {projector} is not null

-- select_matching --
-- Tables that look like what a layout asks for: a name, and the columns that must be there.
select n.nspname as schema, wanted.entry, c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join unnest(%(entries)s::text[], %(names)s::text[], %(columns)s::text[]) as wanted (entry, name, columns)
    on c.relname like wanted.name
 where c.relkind in ('r', 'p')
   and n.nspname !~ '^pg_'
   and (%(schema)s::text is null or n.nspname = %(schema)s::text)
   and not exists (select from pg_catalog.string_to_table(nullif(wanted.columns, ''), ',') as needed (name)
                    where not exists (select from pg_catalog.pg_attribute a
                                       where a.attrelid = c.oid and a.attname = needed.name
                                         and a.attnum > 0 and not a.attisdropped))
 order by 1, 2, 3

-- select_partitions --
-- What these tables are partitioned into, however deep, and wherever it lies.
with recursive tree (oid) as (
  select c.oid
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where n.nspname = %(schema)s::text and c.relname = any (%(names)s) and c.relkind = 'p'
   union
  select i.inhrelid from tree join pg_catalog.pg_inherits i on i.inhparent = tree.oid
)
select n.nspname as schema, c.relname as name
  from tree
  join pg_catalog.pg_class c on c.oid = tree.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by 1, 2

-- select_probed --
-- Who runs, by a layout's own probe; what is known of the process, where there is one.
select p.projector::text as projector,
       coalesce(p.pid, 0)::int as pid,
       coalesce(p.owner::text, '') as owner,
       coalesce(a.usename, '') as user,
       coalesce(a.application_name, '') as application
  from {probe} p
  left join pg_catalog.pg_stat_activity a on a.pid = p.pid
 where p.pid is distinct from pg_catalog.pg_backend_pid()
   and coalesce(a.application_name, '') not like 'balados-db%%'
   and (%(since)s::double precision is null
        or a.backend_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(since)s::double precision))
 order by 1, 2

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
-- To the letter, here and below, whatever the column's collation takes for the same name.
delete from {table}
 where {projector}::text collate pg_catalog."C" = any (%(projectors)s)
   and {condition}

-- delete_every_checkpoint --
-- Of everybody, but only the rows that the manifest's `where` calls checkpoints.
delete from {table}
 where {condition}

-- set_checkpoints --
update {table}
   set {assignments}
 where {projector}::text collate pg_catalog."C" = any (%(projectors)s)
   and {condition}

-- set_every_checkpoint --
update {table}
   set {assignments}
 where {condition}

-- is_not_beyond --
-- Whether a row's position is gone, is no number, or is not beyond the origin.
case when {position}::text ~ '^-?[0-9]+$' then {position}::text::numeric <= {origin} else true end

-- select_moved --
-- Who is not where forgetting or rewinding left it.
select distinct {projector}::text as projector
  from {table}
 where {projector}::text collate pg_catalog."C" = any (%(projectors)s)
   and {condition}
   and ({at_origin}) is not true
 order by 1

-- select_other_positions --
-- Every row outside the scope, by value: none of them may move. Rows of the library itself are nobody's position.
select pg_catalog.to_jsonb(t)::text as row
  from {table} t
 where ({projector}::text collate pg_catalog."C" = any (%(projectors)s) and {condition}) is not true
 order by 1

-- select_other_positions_among_events --
-- Where positions lie among the events: those outside the scope. The events themselves are proved by what is written.
select pg_catalog.to_jsonb(t)::text as row
  from {table} t
 where ({projector}::text collate pg_catalog."C" = any (%(projectors)s)) is not true
   and {condition}
 order by 1

-- select_own_changes --
-- Rows of a table that this transaction changed or took away: where forgetting adds rows, there are none.
select pg_catalog.pg_stat_get_xact_tuples_updated(%(table)s::pg_catalog.regclass)
     + pg_catalog.pg_stat_get_xact_tuples_deleted(%(table)s::pg_catalog.regclass)
