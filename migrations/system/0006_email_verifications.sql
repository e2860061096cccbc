-- E-mail verifications: codes sent to prove a claim, at most one pending for each.
-- depends: 0004_podcast_ownership_claims

create table email_verifications (
  id uuid primary key,
  user_id varchar(255) not null,
  claim_id uuid not null references podcast_ownership_claims (id) on delete cascade,
  email varchar(255) not null,
  email_source varchar(255) not null,
  verification_code varchar(255) not null,
  status varchar(255) not null default 'pending',
  expires_at timestamp(0) not null,
  sent_at timestamp(0),
  verified_at timestamp(0),
  attempts integer not null default 0,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create index email_verifications_user_id_index
  on email_verifications (user_id);

create index email_verifications_claim_id_index
  on email_verifications (claim_id);

create index email_verifications_verification_code_index
  on email_verifications (verification_code);

create index email_verifications_status_index
  on email_verifications (status);

create index email_verifications_expires_at_index
  on email_verifications (expires_at)
  where status = 'pending';

create index email_verifications_email_inserted_at_index
  on email_verifications (email, inserted_at);

create unique index unique_pending_email_verification_per_claim
  on email_verifications (claim_id)
  where status = 'pending';
