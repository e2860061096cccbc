-- Takes back 0002_tokens.
drop table play_tokens;

drop table app_tokens;
