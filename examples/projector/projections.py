"""The rules: which rows follow from which event. No state but the tables themselves.

Rebuilding must give the same rows again, so everything in a row comes from events: ids are made from what the row is
about, times are the events' own. `%(name)s` is a field of the event's data, or one of those that `values` adds.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

NAMESPACE = uuid.UUID("5ba1ad05-0000-4000-8000-000000000002")

Rules = Mapping[str, tuple[str, ...]]

# ── users.subscriptions ──────────────────────────────────────────────────────────────────────────────────

# Deleted and inserted again: a trigger of this table stamps every UPDATE with the time of day, and a rebuild would then
# give other rows.
FOLLOW = """
with earlier as (
  delete from users.subscriptions
   where user_id = %(user_id)s
     and rss_source_feed = %(rss_source_feed)s
  returning inserted_at
)
insert into users.subscriptions
       (id, user_id, rss_source_feed, rss_source_id, rss_feed_title, subscribed_at, inserted_at, updated_at)
values (%(row)s, %(user_id)s, %(rss_source_feed)s, %(rss_source_id)s, %(rss_feed_title)s, %(at)s,
        coalesce((select inserted_at from earlier), %(at)s), %(at)s)
"""
UNFOLLOW = """
with earlier as (
  delete from users.subscriptions
   where user_id = %(user_id)s
     and rss_source_feed = %(rss_source_feed)s
  returning *
)
insert into users.subscriptions
       (id, user_id, rss_source_feed, rss_source_id, rss_feed_title, subscribed_at, unsubscribed_at, inserted_at,
        updated_at)
select id, user_id, rss_source_feed, rss_source_id, rss_feed_title, subscribed_at, %(at)s, inserted_at, %(at)s
  from earlier
"""

# ── users.play_statuses ──────────────────────────────────────────────────────────────────────────────────

LISTEN = """
insert into users.play_statuses as s
       (id, user_id, rss_source_feed, rss_source_item, rss_feed_title, rss_item_title, played, position, updated_at)
values (%(row)s, %(user_id)s, %(rss_source_feed)s, %(rss_source_item)s, %(rss_feed_title)s, %(rss_item_title)s,
        coalesce(%(played)s, false), %(position)s, %(at)s)
    on conflict (user_id, rss_source_item) do update
   set played = coalesce(%(played)s, s.played),
       position = excluded.position,
       updated_at = excluded.updated_at
"""

# ── public.public_events, users.user_privacy ─────────────────────────────────────────────────────────────

# Privacy counts from now on; what was public then stays so.
SET_PRIVACY = """
insert into users.user_privacy
       (user_id, rss_source_feed, rss_source_item, privacy, inserted_at, updated_at)
values (%(user_id)s, %(rss_source_feed)s, %(rss_source_item)s, %(privacy)s, %(at)s, %(at)s)
    on conflict (user_id, rss_source_feed, rss_source_item) do update
   set privacy = excluded.privacy,
       updated_at = excluded.updated_at
"""
# The most particular setting counts: of the episode, else of the podcast, else of everything, else public.
PUBLISH = """
with chosen as (
  select privacy
    from users.user_privacy
   where user_id = %(user_id)s
     and rss_source_feed in ('', %(rss_source_feed)s)
     and rss_source_item in ('', %(rss_source_item)s)
   order by rss_source_item desc, rss_source_feed desc
   limit 1
), allowed as (
  select coalesce((select privacy from chosen), 'public') as privacy
)
insert into public.public_events
       (id, user_id, event_type, rss_source_feed, rss_source_item, privacy, event_data, event_timestamp, inserted_at)
select %(event)s, case when privacy = 'public' then %(user_id)s end, %(type)s, %(rss_source_feed)s,
       %(rss_source_item)s, privacy, '{}', %(at)s, %(at)s
  from allowed
 where privacy <> 'private'
"""

# ── public.podcast_popularity, public.episode_popularity ─────────────────────────────────────────────────

LIKE_PODCAST = """
insert into public.podcast_popularity as p
       (rss_source_feed, feed_title, score, likes, likes_people, inserted_at, updated_at)
values (%(rss_source_feed)s, %(rss_feed_title)s, 10, 1, array[%(user_id)s], %(at)s, %(at)s)
    on conflict (rss_source_feed) do update
   set score = p.score + 10,
       likes = p.likes + 1,
       likes_people = case when %(user_id)s = any (p.likes_people) then p.likes_people
                           else p.likes_people || array[%(user_id)s]::varchar[] end,
       updated_at = excluded.updated_at
"""
PLAY_PODCAST = """
insert into public.podcast_popularity as p
       (rss_source_feed, feed_title, score, plays, plays_people, inserted_at, updated_at)
values (%(rss_source_feed)s, %(rss_feed_title)s, 5, 1, array[%(user_id)s], %(at)s, %(at)s)
    on conflict (rss_source_feed) do update
   set score = p.score + 5,
       plays = p.plays + 1,
       plays_people = case when %(user_id)s = any (p.plays_people) then p.plays_people
                           else p.plays_people || array[%(user_id)s]::varchar[] end,
       updated_at = excluded.updated_at
"""
PLAY_EPISODE = """
insert into public.episode_popularity as e
       (rss_source_item, rss_source_feed, episode_title, podcast_title, score, plays, plays_people, inserted_at,
        updated_at)
values (%(rss_source_item)s, %(rss_source_feed)s, %(rss_item_title)s, %(rss_feed_title)s, 5, 1, array[%(user_id)s],
        %(at)s, %(at)s)
    on conflict (rss_source_item) do update
   set score = e.score + 5,
       plays = e.plays + 1,
       plays_people = case when %(user_id)s = any (e.plays_people) then e.plays_people
                           else e.plays_people || array[%(user_id)s]::varchar[] end,
       updated_at = excluded.updated_at
"""
COMPARE_PODCAST = """
update public.podcast_popularity
   set score_previous = score,
       plays_previous = plays,
       likes_previous = likes,
       updated_at = %(at)s
 where rss_source_feed = %(rss_source_feed)s
"""
COMPARE_EPISODES = """
update public.episode_popularity
   set score_previous = score,
       plays_previous = plays,
       likes_previous = likes,
       updated_at = %(at)s
 where rss_source_feed = %(rss_source_feed)s
"""

# ── who does what ────────────────────────────────────────────────────────────────────────────────────────

PROJECTORS: Mapping[str, Rules] = {
    "SubscriptionsProjector": {"UserSubscribed": (FOLLOW,), "UserUnsubscribed": (UNFOLLOW,)},
    "PlayStatusesProjector": {"PositionUpdated": (LISTEN,), "PlayRecorded": (LISTEN,)},
    "PublicEventsProjector": {
        "PrivacyChanged": (SET_PRIVACY,),
        "UserSubscribed": (PUBLISH,),
        "UserUnsubscribed": (PUBLISH,),
        "PlayRecorded": (PUBLISH,),
    },
    "PopularityProjector": {
        "UserSubscribed": (LIKE_PODCAST,),
        "PlayRecorded": (PLAY_PODCAST, PLAY_EPISODE),
        "PopularityRecalculated": (COMPARE_PODCAST, COMPARE_EPISODES),
    },
}

# Fields that not every event has.
ABSENT = dict.fromkeys(
    ("user_id", "rss_source_feed", "rss_source_id", "rss_feed_title", "rss_item_title", "position", "played")
)


def values(event_id: uuid.UUID, event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule's statements may use: the event's data, its time, and the ids of rows made from it."""
    subject = data.get("rss_source_item") or data.get("rss_source_feed")
    return {
        **ABSENT,
        "rss_source_item": None,
        **data,
        "type": event_type,
        "event": uuid.uuid5(NAMESPACE, f"event:{event_id}"),
        "row": uuid.uuid5(NAMESPACE, f"{data.get('user_id')}:{subject}"),
        "at": datetime.fromisoformat(data["timestamp"]).astimezone(timezone.utc).replace(tzinfo=None),
    }
