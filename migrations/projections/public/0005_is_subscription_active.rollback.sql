-- Takes back 0005_is_subscription_active.
drop function is_subscription_active(timestamptz, timestamptz);
