-- Rows everywhere: 3 users, 20 events, projections as if they had been projected, positions at the head.
insert into system.users (id, email, username, hashed_password, inserted_at, updated_at)
select 'u' || i, 'u' || i || '@example.org', 'user' || i, 'hash' || i, now(), now() from generate_series(1, 3) i;
insert into system.app_tokens (id, user_id, app_id, public_key, inserted_at, updated_at)
select gen_random_uuid(), 'u' || i, 'app' || i, 'key' || i, now(), now() from generate_series(1, 3) i;

insert into events.streams (stream_uuid, stream_version) values ('user-u1', 20);
insert into events.events (event_id, event_type, data)
select md5('e' || i)::uuid, 'UserSubscribed', convert_to('{"n":' || i || '}', 'UTF8') from generate_series(1, 20) i;
insert into events.stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
select md5('e' || i)::uuid, s, i, 1, i from generate_series(1, 20) i, unnest(array[0, 1]) s;
update events.streams set stream_version = 20 where stream_id = 0;
insert into events.snapshots (source_uuid, source_version, source_type, data) values ('user-u1', 20, 'User', 'snap');

insert into events.subscriptions (stream_uuid, subscription_name, last_seen)
select '$all', name, 20
  from unnest(array['SubscriptionsProjector', 'PlayStatusesProjector', 'PlaylistsProjector', 'CollectionsProjector',
                    'PublicEventsProjector', 'PopularityProjector',
                    'BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection']) name;
insert into events.projection_versions (projection_name, last_seen_event_number, inserted_at, updated_at)
select name, 20, now(), now()
  from unnest(array['SubscriptionsProjector', 'PlayStatusesProjector', 'PublicEventsProjector', 'PopularityProjector']) name;

insert into users.subscriptions (id, user_id, rss_source_feed, inserted_at, updated_at)
select gen_random_uuid(), 'u1', 'feed' || i, now(), now() from generate_series(1, 20) i;
insert into users.play_statuses (id, user_id, rss_source_item, updated_at)
select gen_random_uuid(), 'u1', 'item' || i, now() from generate_series(1, 5) i;
insert into users.user_privacy (user_id, privacy, inserted_at, updated_at) values ('u1', 'private', now(), now());
insert into public.public_events (id, event_type, privacy, event_timestamp, inserted_at)
select gen_random_uuid(), 'UserSubscribed', 'public', now(), now() from generate_series(1, 20) i;
insert into public.podcast_popularity (rss_source_feed, score, inserted_at, updated_at)
select 'feed' || i, i, now(), now() from generate_series(1, 20) i;
refresh materialized view public.trending_podcasts;
