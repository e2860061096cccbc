"""Make up what the listeners of a podcast server do. Pure, and the same for the same seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from accounts import NAMES, user_id

PODCASTS = (
    *("Night Trains", "The Compost Hour", "Seven Bridges", "Bread and Radio", "Deep Time", "Slow Cities"),
    *("Lighthouse Notes", "Minor Planets", "Salt Roads", "The Long Index", "Weather Reports", "Kitchen Physics"),
)
EPISODES = 30
BEGINNING = datetime(2025, 1, 1, 8, 0, tzinfo=timezone.utc)


@dataclass(frozen=True)
class NewEvent:
    """Something that happened, not yet in the store. `data` is what is stored as JSON."""

    id: uuid.UUID
    type: str
    at: datetime
    data: dict[str, Any]


@dataclass
class Listeners:
    """The world so far: who follows what."""

    rng: random.Random
    now: datetime = BEGINNING
    follows: dict[str, set[str]] = field(default_factory=dict)

    def session(self) -> tuple[str, list[NewEvent]]:
        """What one user does next, as (stream, events)."""
        user = user_id(self.rng.choice(NAMES))
        choices, weights = (self.subscribe, self.unsubscribe, self.listen, self.change_privacy), (20, 6, 68, 6)
        act = self.rng.choices(choices, weights)[0] if self.follows.get(user) else self.subscribe
        return f"user-{user}", act(user)

    def subscribe(self, user: str) -> list[NewEvent]:
        """Follow a podcast, new or once more."""
        podcast = self.rng.choice(PODCASTS)
        self.follows.setdefault(user, set()).add(podcast)
        return [self.event("UserSubscribed", **about(user, podcast), rss_source_id=slug(podcast))]

    def unsubscribe(self, user: str) -> list[NewEvent]:
        """No longer follow a podcast."""
        podcast = self.one_of(user)
        self.follows[user].discard(podcast)
        return [self.event("UserUnsubscribed", **about(user, podcast))]

    def listen(self, user: str) -> list[NewEvent]:
        """An episode: the player reports where it is, and at last whether it was heard to the end."""
        podcast, number = self.one_of(user), self.rng.randint(1, EPISODES)
        facts = {**about(user, podcast), "rss_source_item": item(podcast, number), "rss_item_title": f"Part {number}"}
        positions = [60 * n for n in range(5, 5 * self.rng.randint(2, 6), 5)]
        heard = [self.event("PositionUpdated", **facts, position=position) for position in positions]
        played = self.rng.random() < 0.7
        return [*heard, self.event("PlayRecorded", **facts, position=positions[-1] + 240, played=played)]

    def change_privacy(self, user: str) -> list[NewEvent]:
        """What others may see: of everything this user does, or of one podcast."""
        feed = self.rng.choice(("", feed_of(self.one_of(user))))
        privacy = self.rng.choices(("public", "anonymous", "private"), (60, 25, 15))[0]
        return [self.event("PrivacyChanged", user_id=user, rss_source_feed=feed, rss_source_item="", privacy=privacy)]

    def recalculate(self) -> tuple[str, list[NewEvent]]:
        """Popularity as it stands becomes what trends are measured against."""
        feeds = [feed_of(podcast) for podcast in PODCASTS]
        return "popularity", [self.event("PopularityRecalculated", rss_source_feed=feed) for feed in feeds]

    def one_of(self, user: str) -> str:
        """A podcast that the user follows. Sorted: sets have an order of their own in every process."""
        return self.rng.choice(sorted(self.follows[user]))

    def event(self, type_: str, **data: Any) -> NewEvent:
        """The next event, a little later than the one before."""
        self.now += timedelta(seconds=self.rng.randint(5, 600))
        id_ = uuid.UUID(int=self.rng.getrandbits(128), version=4)
        return NewEvent(id_, type_, self.now, {**data, "timestamp": self.now.isoformat()})


def sessions(count: int, seed: str) -> Iterator[tuple[str, list[NewEvent]]]:
    """Exactly `count` events, in order, as (stream, events): each to be appended in one go."""
    listeners, left, number = Listeners(random.Random(seed)), count, 0
    while left > 0:
        number += 1
        stream, events = listeners.recalculate() if number % 60 == 0 else listeners.session()
        yield stream, events[:left]
        left -= len(events)


def about(user: str, podcast: str) -> dict[str, Any]:
    """Who and which podcast: in most events."""
    return {"user_id": user, "rss_source_feed": feed_of(podcast), "rss_feed_title": podcast}


def slug(podcast: str) -> str:
    """A podcast's name as addresses spell it."""
    return podcast.lower().replace(" ", "-")


def feed_of(podcast: str) -> str:
    """A podcast's feed."""
    return f"https://{slug(podcast)}.example/feed.xml"


def item(podcast: str, number: int) -> str:
    """An episode's identifier in its feed."""
    return f"{slug(podcast)}-{number:03}"
