-- select_identity --
-- Which database this is, as the server itself reports it.
select coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), 'local socket') as address,
       pg_catalog.inet_server_port() as port,
       pg_catalog.pg_backend_pid() as pid,
       pg_catalog.current_database() as database,
       current_user as role,
       pg_catalog.current_setting('server_version') as server_version,
       pg_catalog.current_setting('server_version_num')::int as server_version_num,
       (select system_identifier from pg_catalog.pg_control_system())::text as system_identifier,
       d.oid::bigint as database_oid,
       r.rolsuper as superuser,
       pg_catalog.current_setting('track_counts')::boolean as counts_writes,
       pg_catalog.pg_is_in_recovery() as in_recovery,
       coalesce((select pg_catalog.regexp_replace(setting, '^default_transaction_read_only=', '') in ('on', 'true', '1', 'yes')
                   from pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) setting
                  where s.setdatabase in (0, d.oid)
                    and s.setrole in (0, r.oid)
                    and setting like 'default_transaction_read_only=%'
                  order by s.setrole desc, s.setdatabase desc
                  limit 1), false) as read_only,
       pg_catalog.current_setting('max_locks_per_transaction')::bigint
         * (pg_catalog.current_setting('max_connections')::bigint
            + pg_catalog.current_setting('max_prepared_transactions')::bigint) as lock_room
  from pg_catalog.pg_database d, pg_catalog.pg_roles r
 where d.datname = pg_catalog.current_database()
   and r.rolname = current_user

-- select_sessions --
-- Who else is connected: ordinary clients of this database, but for this tool's own sessions.
select pid,
       coalesce(usename, '') as user,
       coalesce(application_name, '') as application,
       coalesce(pg_catalog.host(client_addr), 'local socket') as client
  from pg_catalog.pg_stat_activity
 where datname = pg_catalog.current_database()
   and pid <> pg_catalog.pg_backend_pid()
   and backend_type = 'client backend'
   and application_name not like 'balados-db/%%'
   and %(me)s::text is not null
 order by pid

-- forget_statistics --
-- A transaction sees pg_stat_activity as it was when it first looked.
select pg_catalog.pg_stat_clear_snapshot()

-- select_makers --
-- Whose a temporary schema is, by its number. From 16 on that is the session's own number. Before, the server only counts
-- its sessions, in the order of numbers that it does not tell (pg_stat_get_backend_pid wants the place in that row): one
-- with a lock says its number, and those between two that do lie between them. So there may be several.
with counted as (
  select id, pg_catalog.pg_stat_get_backend_pid(id) as pid, pg_catalog.row_number() over (order by id) as place
    from pg_catalog.pg_stat_get_backend_idset() as id
), version as (
  select pg_catalog.current_setting('server_version_num')::int >= 160000 as numbered
), told as (
  select c.place,
         case when v.numbered then c.id
              else (select pg_catalog.split_part(l.virtualtransaction, '/', 1)::int
                      from pg_catalog.pg_locks l where l.pid = c.pid limit 1) end as number
    from counted c, version v
   union all
  select 0, 0 from version where not numbered
), bounds as (
  select c.pid,
         (select max(t.number + c.place - t.place) from told t where t.place <= c.place) as least,
         (select min(t.number + c.place - t.place) from told t where t.place >= c.place) as most
    from counted c
)
select b.pid
  from bounds b
  join pg_catalog.pg_stat_activity a on a.pid = b.pid and a.datname = pg_catalog.current_database()
 where b.least <= %(number)s and (b.most is null or %(number)s <= b.most)
 order by b.pid

-- create_database --
-- template0: nothing that somebody left in template1 comes along.
create database {database} template template0 encoding 'UTF8'

-- backend_pid --
-- A pooler shows itself: the pid of the handshake is not the backend's.
select pg_catalog.pg_backend_pid()

-- show_replication_role --
show session_replication_role

-- forget_application --
-- A pooler leaves a client's name in the session, for clients without one: we say ours in each transaction instead.
set application_name = ''

-- show_settings --
-- As this session has them. SHOW takes no snapshot.
show all

-- show_role --
show role

-- show_user --
show session_authorization

-- give_back_user --
-- Who a pooler's session was before this transaction.
select pg_catalog.set_config(name, value, false)
  from (values (1, 'session_authorization', %(user)s::text), (2, 'role', %(role)s::text)) as found (place, name, value)
 where pg_catalog.current_setting(name) <> value
 order by place

-- give_back_settings --
-- What was set in a pooler's session before this transaction, and is not any more.
select pg_catalog.set_config(s.name, found.setting, false)
  from rows from (pg_catalog.unnest(%(names)s::text[]), pg_catalog.unnest(%(settings)s::text[])) as found (name, setting)
  join pg_catalog.pg_settings s on s.name = found.name
 where s.context in ('user', 'superuser')
   and pg_catalog.current_setting(s.name) <> found.setting

-- transaction_id --
-- Noted before the commit, so that a lost connection can be asked about.
select pg_catalog.pg_current_xact_id()::text

-- transaction_status --
-- What became of a transaction whose commit was not answered.
select pg_catalog.pg_xact_status(%(xid)s::xid8)

-- begin_looking --
-- A reader's transaction: nothing can be written, and every query sees the same moment.
begin transaction isolation level repeatable read read only

-- begin_working --
-- The snapshot is taken by the first query, not here: LOCK TABLE and SET LOCAL come first.
begin transaction isolation level repeatable read read write

-- begin_migrating --
begin transaction isolation level read committed read write

-- begin_fence --
begin transaction isolation level read committed read only

-- short_patience --
set local lock_timeout = '300ms'
