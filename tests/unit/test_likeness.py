"""What names give away: projectors and tables, tables of positions."""

from __future__ import annotations

import pytest

from balados_db.likeness import Strength, alike, fillings, places, words_of
from balados_db.model import TableName

WORDS = {
    "SubscriptionsProjector": "subscription",
    "PlayStatusesProjector": "play status",
    "BaladosSync.Projectors.PublicEventsProjector": "public event",
    "app:order_summaries:v2": "",
    "HTTPRequestsProjection": "http request",
    "addresses-handler": "address",
    "boxes": "box",
    "news_items": "new item",
    "Äpfel": "äpfel",
    "Projector": "",
    "": "",
}


@pytest.mark.parametrize(("name", "words"), WORDS.items(), ids=WORDS)
def test_words(name: str, words: str) -> None:
    """The last part of a name, singular, without the words that only say what it is."""
    assert " ".join(words_of(name)) == words


ALIKE = {
    ("SubscriptionsProjector", "subscriptions"): Strength.SAME,
    ("Elixir.My.PlayStatuses", "play_statuses"): Strength.SAME,
    ("PlaylistsProjector", "playlist_items"): Strength.BEGINS,
    ("PopularityProjector", "episode_popularity"): Strength.ENDS,
    ("PublicEventsProjector", "user_privacy"): None,
    ("PlayStatusesProjector", "play_tokens"): None,
    ("Projector", "anything"): None,
    ("order_summary_projection", "order_summaries"): Strength.SAME,
}


@pytest.mark.parametrize(("pair", "strength"), ALIKE.items(), ids=map(" ".join, ALIKE))
def test_alike(pair: tuple[str, str], strength: Strength | None) -> None:
    """All of the projector's words, in their order, at one end of the table's name."""
    assert alike(*pair) is strength


def table(name: str) -> TableName:
    return TableName("read", name)


def filled(projectors: str, tables: str, comments: dict[str, str] | None = None, references: str = "") -> set[str]:
    pairs = [tuple(table(name) for name in pair.split(">")) for pair in references.split()]
    said = {table(name): comment for name, comment in (comments or {}).items()}
    found = fillings(projectors.split(), [table(name) for name in tables.split()], said, pairs)  # type: ignore[arg-type]
    return {f"{name.name}={f.projector}:{f.strength.name}" for name, f in found.items()}


def test_each_table_has_the_projector_that_it_is_most_like() -> None:
    """The same name before a beginning, a beginning before an end; a foreign key where the name tells nothing."""
    assert filled(
        "CollectionsProjector SubscriptionsProjector",
        "subscriptions collections collection_subscriptions entries others",
        references="entries>collections others>missing",
    ) == {
        "subscriptions=SubscriptionsProjector:SAME",
        "collections=CollectionsProjector:SAME",
        "collection_subscriptions=CollectionsProjector:BEGINS",
        "entries=CollectionsProjector:REFERENCE",
    }


def test_a_comment_is_believed_first() -> None:
    """Somebody wrote down who fills the table."""
    comments = {"user_privacy": "Filled by PublicEventsProjector.", "users": "UsersProjector, PublicEventsProjector"}

    assert filled("PublicEventsProjector UsersProjector", "user_privacy users", comments) == {
        "user_privacy=PublicEventsProjector:COMMENT",
        "users=UsersProjector:SAME",
    }


def test_where_two_are_alike_nobody_can_tell() -> None:
    """A tie is no guess; of two that fit, the longer name says more."""
    assert filled("a.UsersProjector b.UsersProjector", "users") == set()
    assert filled("Popularity EpisodePopularity", "daily_episode_popularity") == {
        "daily_episode_popularity=EpisodePopularity:ENDS"
    }


POSITIONS = {
    "commanded": (
        "projection_versions",
        "projection_name:text last_seen_event_number:bigint",
        "projection_name",
        "projection_name last_seen_event_number",
    ),
    "eventsourcing": (
        "shop_tracking",
        "application_name:text notification_id:bigint",
        "application_name+notification_id",
        "application_name notification_id",
    ),
    "marten": (
        "mt_event_progression",
        "name:varchar last_seq_id:bigint last_updated:timestamp",
        "name",
        "name last_seq_id",
    ),
    "a checkpoint by hand": (
        "checkpoints",
        "name:varchar position:bigint updated_at:timestamptz",
        "name",
        "name position",
    ),
    "a number before a word": (
        "my_offsets",
        "consumer_id:text token:text last_offset:bigint",
        "consumer_id",
        "consumer_id last_offset",
    ),
    "a projector before a stream": (
        "read_positions",
        "stream_name:text subscriber:text position:integer",
        "stream_name+subscriber",
        "subscriber position",
    ),
    "staff": ("employees", "name:text position:text", "name", None),
    "no key": ("checkpoints", "name:text position:bigint", "", None),
    "no name": ("positions", "id:bigint position:bigint", "id", None),
    "a wide table": (
        "subscriptions",
        " ".join(["name:text", "version:bigint", *(f"c{n}:int" for n in range(12))]),
        "name",
        None,
    ),
    "a domain's subscriptions": ("subscriptions", "id:uuid user_id:text feed:text created_at:timestamptz", "id", None),
}


@pytest.mark.parametrize(("name", "columns", "key", "found"), POSITIONS.values(), ids=POSITIONS)
def test_what_looks_like_a_table_of_positions(name: str, columns: str, key: str, found: str | None) -> None:
    """The table's name, a unique column with a name and one with a position, all of them together."""
    types = dict(column.split(":") for column in columns.split())
    seen = places(name, types, [tuple(key.split("+"))] if key else [])

    assert (f"{seen.projector} {seen.position}" if seen else None) == found
