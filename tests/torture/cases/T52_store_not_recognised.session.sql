SET application_name = 'torture projector';
SELECT pg_advisory_lock('events.subscriptions'::regclass::oid::int, (SELECT subscription_id::int FROM events.subscriptions WHERE subscription_name = 'SubscriptionsProjector'));
SELECT pg_sleep(25);
