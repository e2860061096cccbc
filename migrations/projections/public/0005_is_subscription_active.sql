-- Whether a subscription with these two times is active. No table needs it; the application may ask.

create function is_subscription_active(
  subscribed timestamptz,
  unsubscribed timestamptz
)
returns boolean
language sql
immutable
return unsubscribed is null
    or subscribed > unsubscribed;
