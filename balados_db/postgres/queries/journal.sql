-- create_journal --
-- A reset in several transactions, from its first commit to its last. `rights` are what recreating is to give back.
create table if not exists {own}.journal (
  id bigint generated always as identity primary key,
  scope text not null,
  schemas text[] not null,
  recreated text[] not null,
  projectors text[] not null,
  arguments text[] not null,
  phases int not null,
  done int not null default 0,
  rights jsonb not null default '{{}}',
  digest text not null,
  client text,
  role text not null default current_user,
  begun_at timestamptz not null default pg_catalog.now(),
  moved_at timestamptz not null default pg_catalog.now(),
  ended_at timestamptz
)

-- select_journal --
-- The reset that is to be finished: there is one at most.
select id, scope, schemas, recreated, projectors, arguments, phases, done,
       pg_catalog.to_char(begun_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as begun_at
  from {own}.journal
 where ended_at is null
 order by id desc
 limit 1

-- open_journal --
-- Before anything is destroyed. What an interrupted run noted of rights is worth more than what is left of them.
insert into {own}.journal (scope, schemas, recreated, projectors, arguments, phases, rights, digest, client)
select %(scope)s, %(schemas)s, %(recreated)s, %(projectors)s, %(arguments)s, %(phases)s,
       %(rights)s::jsonb || coalesce((select j.rights from {own}.journal j where j.ended_at is null order by j.id desc limit 1), '{{}}'),
       %(digest)s, %(client)s

-- close_earlier --
-- One journal is open at a time: the newest has taken over what earlier ones noted.
update {own}.journal
   set ended_at = pg_catalog.now()
 where ended_at is null
   and id < (select pg_catalog.max(j.id) from {own}.journal j)

-- note_progress --
-- In the same transaction as the work itself.
update {own}.journal
   set done = %(done)s, moved_at = pg_catalog.now()
 where ended_at is null

-- select_noted_rights --
select rights -> %(schema)s as rights
  from {own}.journal
 where ended_at is null
 order by id desc
 limit 1

-- close_journal --
-- The last one, and whatever interrupted runs it takes up: nothing is left to be finished.
update {own}.journal
   set ended_at = pg_catalog.now(), moved_at = pg_catalog.now(), done = phases
 where ended_at is null
