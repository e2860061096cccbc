-- Takes back 0006_collections.
drop table collection_subscriptions;

drop table collections;
