-- select_encoding --
-- A scratch database is made like the one that it stands for.
select oid::bigint as oid, pg_catalog.pg_encoding_to_char(encoding) as encoding, datcollate as collate, datctype as ctype
  from pg_catalog.pg_database
 where datname = pg_catalog.current_database()

-- create_scratch --
create database {database} template template0 encoding {encoding} lc_collate {collate} lc_ctype {ctype}

-- drop_scratch --
-- Only ever a database whose name we have just made up.
drop database if exists {database} with (force)

-- select_all_extensions --
-- plpgsql lives in pg_catalog and is there already.
select e.extname as name, n.nspname as schema
  from pg_catalog.pg_extension e
  join pg_catalog.pg_namespace n on n.oid = e.extnamespace
 where n.nspname !~ '^pg_'
 order by e.oid

-- create_missing_schema --
create schema if not exists {schema}

-- create_missing_extension --
create extension if not exists {extension} schema {schema}

-- put_schema_aside --
-- Taken back with the transaction.
alter schema {schema} rename to {aside}
