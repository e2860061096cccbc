-- Podcast pages that their owners dressed up: address, colour, links, administrators.
-- created_by_user_id is a uuid where users.id is a varchar: so it is in Balados Sync, and so it stays.

create table enriched_podcasts (
  id uuid primary key,
  feed_url varchar(255) not null,
  slug varchar(255) not null,
  background_color varchar(255),
  links jsonb default '[]',
  created_by_user_id uuid not null,
  admin_user_ids varchar(255)[] not null default '{}',
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create unique index enriched_podcasts_slug_index
  on enriched_podcasts (slug);

create unique index enriched_podcasts_feed_url_index
  on enriched_podcasts (feed_url);

create index enriched_podcasts_created_by_user_id_index
  on enriched_podcasts (created_by_user_id);

create index enriched_podcasts_admin_user_ids_index
  on enriched_podcasts
  using gin (admin_user_ids);
