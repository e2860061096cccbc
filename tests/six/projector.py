"""The example's projector with six sets of rules of its own: place, lock and memory are the example's."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "projector"))

import projections

FOLLOW = "insert into club.follows values (%(user_id)s, %(rss_source_feed)s) on conflict do nothing"
UNFOLLOW = "delete from club.follows where user_id = %(user_id)s and feed = %(rss_source_feed)s"
PLAY = "insert into club.plays (user_id, item) values (%(user_id)s, %(rss_source_item)s)"
FOLLOWED = """
insert into club.feeds as f (feed, followers) values (%(rss_source_feed)s, 1)
    on conflict (feed) do update set followers = f.followers + 1
"""
PLAYED = """
insert into club.feeds as f (feed, plays) values (%(rss_source_feed)s, 1)
    on conflict (feed) do update set plays = f.plays + 1
"""
SCORE = """
insert into club.scores as s (feed, score) values (%(rss_source_feed)s, 5)
    on conflict (feed) do update set score = s.score + 5
"""
DIGEST = """
insert into club.digest (user_id, follows)
select %(user_id)s, count(*) from club.follows where user_id = %(user_id)s
    on conflict (user_id) do update set follows = excluded.follows
"""
ENTER = "insert into board.entries (user_id, plays, last) select * from club.busy where user_id = %(user_id)s"

projections.PROJECTORS = {
    "Follows": {"UserSubscribed": (FOLLOW,), "UserUnsubscribed": (UNFOLLOW,)},
    "Plays": {"PlayRecorded": (PLAY,)},
    "Feeds": {"UserSubscribed": (FOLLOWED,)},
    "Scores": {"PlayRecorded": (PLAYED, SCORE)},
    "Digest": {"UserSubscribed": (DIGEST,)},
    "Board": {"PlayRecorded": (ENTER,)},
}

if __name__ == "__main__":
    from projector import main

    sys.exit(main())
