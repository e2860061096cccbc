-- Takes back 0003_episode_popularity.
drop table episode_popularity;
