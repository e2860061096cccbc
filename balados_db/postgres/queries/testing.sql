-- lock_key --
-- Kept until the session ends: whoever holds it makes templates, or is a run that lives.
select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended(%(key)s, 0))

-- try_key --
select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%(key)s, 0)) as taken

-- unlock_key --
select pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended(%(key)s, 0))

-- select_databases --
select datname as name
  from pg_catalog.pg_database
 where pg_catalog.starts_with(datname, %(prefix)s)
 order by 1

-- clone_database --
create database {database} template {template}

-- drop_database --
drop database if exists {database} with (force)

-- finish_template --
-- The name that is looked for comes last: what has it is complete.
alter database {building} rename to {template}

-- close_template --
-- Nobody connects to a template, so that it stays what it is and can always be cloned.
alter database {building} with allow_connections false

-- move_position --
update {table}
   set {position} = %(position)s
 where {projector}::text = %(projector)s
   and {condition}

-- record_position --
-- For a table that needs nothing else in a row.
insert into {table} ({projector}, {position})
values (%(projector)s, %(position)s)
