-- User accounts: who may sign in, and what others see of them. Written directly, never rebuilt from events.

create table users (
  id varchar(255) primary key,
  email varchar(255),
  username varchar(255),
  hashed_password text,
  confirmed_at timestamp(0),
  locked_at timestamp(0),
  failed_login_attempts integer default 0,
  is_admin boolean not null default false,
  public_name varchar(100),
  avatar_url varchar(500),
  public_profile_enabled boolean not null default false,
  bio varchar(500),
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);

create unique index users_email_index
  on users (email)
  where email is not null;

create unique index users_username_index
  on users (username)
  where username is not null;

create index users_is_admin_index
  on users (is_admin);

create index users_username_public_profile_enabled_index
  on users (username, public_profile_enabled);
