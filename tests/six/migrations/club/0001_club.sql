create table club.follows (user_id text, feed text, primary key (user_id, feed));
create table club.plays (id bigint generated always as identity primary key, user_id text, item text);
create table club.feeds (feed text primary key, followers int not null default 0, plays int not null default 0);
create table club.scores (feed text primary key, score int not null);
create table club.digest (user_id text primary key, follows bigint not null);
create view club.busy as select user_id, count(*) as plays, max(id) as last from club.plays group by user_id;
create materialized view club.popular as select feed, followers + plays as weight from club.feeds;
create materialized view club.followed as select user_id, count(*) as feeds from club.follows group by user_id;
