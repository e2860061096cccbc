-- target: projections
-- expect: success
-- hazard: A-PUB. Publications in all forms at once: everything, a schema, nothing, tables with column lists and row filters beside permanent ones.
CREATE PUBLICATION p_all FOR ALL TABLES;
CREATE PUBLICATION p_rows FOR TABLE users.subscriptions (id, user_id) WHERE (id > 0 AND user_id > 0), system.users (id, username), users.playlists WHERE (name <> 'hidden') WITH (publish = 'insert');
CREATE PUBLICATION p_schema FOR TABLES IN SCHEMA users, TABLE public.podcast_popularity WITH (publish_via_partition_root);
CREATE PUBLICATION p_none;
