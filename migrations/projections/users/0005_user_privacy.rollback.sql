-- Takes back 0005_user_privacy.
drop table user_privacy;
