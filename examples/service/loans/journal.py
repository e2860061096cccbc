"""Read the event store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from psycopg import Connection


def events_after(conn: Connection[Any], number: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Number, type and data of every event after `number`, in the order of stream `$all`."""
    rows = conn.execute(
        "select s.stream_version, e.event_type, e.data"
        " from journal.stream_events s join journal.events e using (event_id)"
        " where s.stream_id = 0 and s.stream_version > %s order by 1",
        [number],
    )
    for position, kind, data in rows:
        yield position, kind, json.loads(data)


def seen_by(conn: Connection[Any], subscriber: str) -> int:
    """The number of the last event that a subscriber has seen; one that is new is given a row."""
    row = conn.execute(
        "select last_seen from journal.subscriptions where subscription_name = %s", [subscriber]
    ).fetchone()
    if row is None:
        conn.execute(
            "insert into journal.subscriptions (stream_uuid, subscription_name, last_seen) values ('$all', %s, 0)",
            [subscriber],
        )
    return (row[0] or 0) if row else 0


def saw(conn: Connection[Any], subscriber: str, number: int) -> None:
    """Remember how far a subscriber has got."""
    conn.execute("update journal.subscriptions set last_seen = %s where subscription_name = %s", [number, subscriber])
