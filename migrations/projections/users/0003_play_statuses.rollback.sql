-- Takes back 0003_play_statuses.
drop table play_statuses;
