-- What a new event store starts with: the stream of all events, and the version of this storage.

insert into {event_store}.streams (stream_id, stream_uuid, stream_version)
values (0, '$all', 0);

insert into {event_store}.schema_migrations (major_version, minor_version, patch_version)
values (1, 3, 2);
