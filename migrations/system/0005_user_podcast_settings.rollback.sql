-- Takes back 0005_user_podcast_settings.
drop table user_podcast_settings;
