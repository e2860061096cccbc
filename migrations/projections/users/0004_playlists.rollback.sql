-- Takes back 0004_playlists.
drop table playlist_items;

drop table playlists;
