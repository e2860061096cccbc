-- create_applied_plans --
-- Plan files that were applied, each by its id: none of them works twice.
create table if not exists {own}.applied_plan (
  id text primary key,
  digest text not null,
  command text not null,
  arguments text[] not null,
  planned_at timestamptz not null,
  role text not null default current_user,
  client text,
  applied_at timestamptz not null default pg_catalog.now(),
  ended_at timestamptz
)

-- select_applied_plan --
-- When a plan file was used up; `ended` once its last transaction is committed.
select pg_catalog.to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at,
       role,
       coalesce(client, '') as client,
       arguments,
       ended_at is not null as ended
  from {own}.applied_plan
 where id = %(id)s

-- use_up_plan --
-- In the very transaction that carries it out, or, of several, in the first.
insert into {own}.applied_plan (id, digest, command, arguments, planned_at, client)
values (%(id)s, %(digest)s, %(command)s, %(arguments)s, %(planned_at)s, %(client)s)

-- end_plan --
update {own}.applied_plan
   set ended_at = pg_catalog.clock_timestamp()
 where id = %(id)s

-- end_begun_resets --
-- What was left of them is done, by their command or by another plan: nothing of them is to be finished any more.
update {own}.applied_plan
   set ended_at = pg_catalog.clock_timestamp()
 where ended_at is null
   and command = 'reset'
