-- Tokens: third-party apps that a user let in, and bearer tokens of the play gateway.

create table app_tokens (
  id uuid primary key,
  user_id varchar(255) not null,
  app_id varchar(255) not null,
  token_name varchar(255),
  token_scopes varchar(255)[] not null default '{}',
  public_key text not null,
  revoked_at timestamp(0),
  last_used_at timestamp(0),
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create unique index app_tokens_app_id_index
  on app_tokens (app_id);

create index app_tokens_user_id_index
  on app_tokens (user_id);

create table play_tokens (
  id uuid primary key,
  user_id varchar(255) not null,
  token varchar(255) not null,
  name varchar(255),
  last_used_at timestamp(0),
  revoked_at timestamp(0),
  expires_at timestamp(0),
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create unique index play_tokens_token_index
  on play_tokens (token);

create index play_tokens_user_id_index
  on play_tokens (user_id);

create index play_tokens_user_id_revoked_at_index
  on play_tokens (user_id, revoked_at)
  where revoked_at is null;

create index play_tokens_token_revoked_at_index
  on play_tokens (token, revoked_at)
  where revoked_at is null;

create index play_tokens_expires_at_index
  on play_tokens (expires_at)
  where expires_at is not null
    and revoked_at is null;
