create table members (
  email text primary key,
  joined_at timestamptz not null default now()
);
