create table board.entries (
  id bigint generated always as identity,
  user_id text not null,
  plays bigint not null,
  last bigint references club.plays
) partition by hash (user_id);
create table board.entries_even partition of board.entries for values with (modulus 2, remainder 0);
create table board.entries_odd partition of board.entries for values with (modulus 2, remainder 1);
