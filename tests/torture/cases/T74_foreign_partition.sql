-- target: projections
-- expect: either
-- names: public.activity_old
-- needs-extensions: postgres_fdw
-- hazard: F-FDW, A-PART. A partition of a projection is a foreign table that leads back into a permanent one: TRUNCATE of the parent would empty it.
CREATE EXTENSION postgres_fdw SCHEMA system;
DO $$ BEGIN EXECUTE format('CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)', coalesce(host(inet_server_addr()), '127.0.0.1'), current_setting('port'), current_database()); END $$;
CREATE USER MAPPING FOR PUBLIC SERVER loop OPTIONS (user 'postgres');
CREATE TABLE system.archive (k int);
INSERT INTO system.archive VALUES (1), (1);
CREATE TABLE public.activity (k int) PARTITION BY LIST (k);
CREATE FOREIGN TABLE public.activity_old PARTITION OF public.activity FOR VALUES IN (1) SERVER loop OPTIONS (schema_name 'system', table_name 'archive');
