-- Takes back 0002_subscriptions.
drop table subscriptions;
