-- create_rebuilds --
-- What rebuilds took. Positions are the store's numbers: with seconds they tell a rate, with a head a duration.
create table if not exists {own}.rebuild (
  id bigint generated always as identity primary key,
  receipt bigint,
  projector text not null,
  from_position bigint not null,
  to_position bigint not null,
  seconds double precision not null,
  role text not null default current_user,
  measured_at timestamptz not null default pg_catalog.now()
)

-- select_measured --
-- The newest first, a few a projector.
select projector, from_position, to_position, seconds,
       pg_catalog.to_char(measured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
  from (select r.*, pg_catalog.row_number() over (partition by r.projector order by r.id desc) as nth
          from {own}.rebuild r) r
 where nth <= 20
 order by id desc

-- write_measured --
-- With the last reset before it.
insert into {own}.rebuild (receipt, projector, from_position, to_position, seconds)
values ((select pg_catalog.max(id) from {own}.receipt), %(projector)s, %(from_position)s, %(to_position)s, %(seconds)s)
