-- Settings: whether a user shows a podcast as theirs.
-- depends: 0003_enriched_podcasts

create table user_podcast_settings (
  id uuid primary key,
  user_id varchar(255) not null,
  enriched_podcast_id uuid not null references enriched_podcasts (id) on delete cascade,
  visibility varchar(255) not null default 'private',
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create unique index user_podcast_settings_user_id_enriched_podcast_id_index
  on user_podcast_settings (user_id, enriched_podcast_id);

create index user_podcast_settings_user_id_visibility_index
  on user_podcast_settings (user_id, visibility);
