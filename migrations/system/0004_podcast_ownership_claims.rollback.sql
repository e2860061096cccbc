-- Takes back 0004_podcast_ownership_claims.
drop table podcast_ownership_claims;
