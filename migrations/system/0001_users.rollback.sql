-- Takes back 0001_users.
drop table users;
