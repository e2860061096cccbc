create table loans (
  book text primary key,
  member text not null
);
