-- create_records --
-- Our own records. Plain tables: they survive pg_dump and need no superuser.
create schema if not exists {own};
create table if not exists {own}.environment (
  one_row boolean primary key default true check (one_row),
  name text not null,
  system_identifier text not null,
  database_oid bigint not null,
  database_name text not null,
  stamped_at timestamptz not null default pg_catalog.now(),
  stamped_by text not null default current_user
);
create table if not exists {own}.structure (
  schema_name text primary key,
  structure text not null,
  migrations text not null,
  seeded text[] not null default '{{}}',
  recorded_at timestamptz not null default pg_catalog.now()
);
create table if not exists {own}.installed (
  schema_name text not null,
  file text not null,
  checksum text not null,
  installed_at timestamptz not null default pg_catalog.now(),
  primary key (schema_name, file)
);
create table if not exists {own}.accepted (
  schema_name text not null,
  difference text not null,
  accepted_at timestamptz not null default pg_catalog.now(),
  accepted_by text not null default current_user,
  primary key (schema_name, difference)
);
create table if not exists {own}.receipt (
  id bigint generated always as identity primary key,
  command text not null,
  scope text,
  digest text not null,
  role text not null default current_user,
  client text,
  steps jsonb not null,
  destroyed jsonb not null,
  written_at timestamptz not null default pg_catalog.now()
)

-- select_environment --
select name from {own}.environment

-- stamp_environment --
insert into {own}.environment (name, system_identifier, database_oid, database_name)
select %(name)s, (select system_identifier from pg_catalog.pg_control_system())::text, d.oid::bigint, d.datname
  from pg_catalog.pg_database d
 where d.datname = pg_catalog.current_database()
on conflict (one_row) do update
   set name = excluded.name,
       system_identifier = excluded.system_identifier,
       database_oid = excluded.database_oid,
       database_name = excluded.database_name,
       stamped_at = pg_catalog.now(),
       stamped_by = current_user

-- select_records --
select schema_name as schema, structure, migrations, seeded from {own}.structure

-- record_structure --
insert into {own}.structure (schema_name, structure, migrations, seeded)
values (%(schema)s, %(structure)s, %(migrations)s, %(seeded)s)
on conflict (schema_name) do update
   set structure = excluded.structure,
       migrations = excluded.migrations,
       seeded = excluded.seeded,
       recorded_at = pg_catalog.now()

-- select_installed --
select file, checksum from {own}.installed where schema_name = %(schema)s

-- select_all_installed --
select schema_name as schema, file, checksum from {own}.installed

-- record_installed --
insert into {own}.installed (schema_name, file, checksum)
values (%(schema)s, %(file)s, %(checksum)s)
on conflict (schema_name, file) do update
   set checksum = excluded.checksum,
       installed_at = pg_catalog.now()

-- record_accepted --
insert into {own}.accepted (schema_name, difference)
select %(schema)s, pg_catalog.unnest(%(differences)s::text[])
on conflict do nothing

-- write_receipt --
insert into {own}.receipt (command, scope, digest, client, steps, destroyed)
values (%(command)s, %(scope)s, %(digest)s, %(client)s, %(steps)s, %(destroyed)s)
returning id

-- has_rows --
-- Whether the table holds any row; used for tables that were just made.
select exists (select from {table})

-- select_stored --
-- Those of these tables that occupy any page, their partitions included: the others hold no row, whoever looks.
select n.nspname as schema, c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join unnest(%(schemas)s::text[], %(names)s::text[]) as wanted (schema, name)
    on wanted.schema = n.nspname and wanted.name = c.relname
 where case c.relkind
         when 'p' then exists (with recursive tree (oid) as (
                                 select i.inhrelid from pg_catalog.pg_inherits i where i.inhparent = c.oid
                                  union all
                                 select i.inhrelid from tree join pg_catalog.pg_inherits i on i.inhparent = tree.oid
                               )
                               select from tree where pg_catalog.pg_relation_size(tree.oid) > 0)
         else pg_catalog.pg_relation_size(c.oid) > 0
       end

-- select_own_inserts --
-- Tables of a schema that this transaction inserted into or updated; the counts are this backend's own.
select relname as name
  from pg_catalog.pg_stat_xact_all_tables
 where schemaname = %(schema)s
   and n_tup_ins + n_tup_upd > 0
