-- Claims: a user says that a podcast is theirs, and proves it with a code in the feed or by e-mail.
-- depends: 0003_enriched_podcasts

create table podcast_ownership_claims (
  id uuid primary key,
  user_id varchar(255) not null,
  enriched_podcast_id uuid references enriched_podcasts (id) on delete cascade,
  feed_url text not null,
  verification_code varchar(255) not null,
  status varchar(255) not null default 'pending',
  verified_at timestamp(0),
  expires_at timestamp(0) not null,
  failure_reason text,
  verification_attempts integer not null default 0,
  verification_method varchar(255) default 'rss',
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index podcast_ownership_claims_user_id_index
  on podcast_ownership_claims (user_id);

create index podcast_ownership_claims_enriched_podcast_id_index
  on podcast_ownership_claims (enriched_podcast_id);

create index podcast_ownership_claims_verification_code_index
  on podcast_ownership_claims (verification_code);

create index podcast_ownership_claims_status_index
  on podcast_ownership_claims (status);

create index podcast_ownership_claims_expires_at_index
  on podcast_ownership_claims (expires_at)
  where status = 'pending';

create unique index unique_pending_claim_per_user_podcast
  on podcast_ownership_claims (user_id, feed_url)
  where status = 'pending';
