"""Append events as commanded/eventstore does (storage 1.3.2): its tables, its rules, JSON in bytea.

`python store.py --url postgresql://me@localhost/balados --events 5000`
"""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Sequence
from typing import Any

import psycopg
from activity import NewEvent, sessions
from psycopg import sql

# A stream that must not exist yet, and one that must be exactly where the writer believes it is.
OPEN_STREAM = """
  insert into {store}.streams (stream_uuid, stream_version)
  values (%(stream)s, %(count)s)
      on conflict (stream_uuid) do nothing
  returning stream_id
"""
CONTINUE_STREAM = """
  update {store}.streams
     set stream_version = stream_version + %(count)s
   where stream_uuid = %(stream)s
     and stream_version = %(expected)s
     and stream_id <> 0
     and deleted_at is null
  returning stream_id
"""
# Every writer updates the row of stream 0, `$all`: the lock on that row is what puts all events in one order without
# gaps. The own stream comes first, so that two writers never wait for each other crosswise.
APPEND = """
with stream as (
{stream}
), everything as (
  update {store}.streams
     set stream_version = stream_version + %(count)s
   where stream_id = 0
     and exists (select from stream)
  returning stream_version - %(count)s as before
), new_event as (
  select *
    from unnest(%(ids)s::uuid[], %(types)s::text[], %(data)s::bytea[], %(times)s::timestamptz[])
         with ordinality as t (event_id, event_type, data, created_at, number)
), stored as (
  insert into {store}.events (event_id, event_type, correlation_id, data, metadata, created_at)
  select event_id, event_type, %(correlation)s, data, %(metadata)s, created_at
    from new_event, stream
), in_own_stream as (
  insert into {store}.stream_events
         (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
  select event_id, stream_id, %(expected)s + number, stream_id, %(expected)s + number
    from new_event, stream
), in_all as (
  insert into {store}.stream_events
         (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
  select event_id, 0, before + number, stream_id, %(expected)s + number
    from new_event, stream, everything
)
select before + %(count)s from everything
"""
VERSIONS = "select stream_uuid, stream_version from {store}.streams"


class WrongExpectedVersion(Exception):
    """Somebody else appended to the stream meanwhile, or it is not what the writer thinks it is."""


class Store:
    """The event store in one schema of a database. The connection is in autocommit: one append, one transaction."""

    def __init__(self, conn: psycopg.Connection[Any], schema: str = "events") -> None:
        self.conn, self.name = conn, sql.Identifier(schema)
        self._open, self._continue = (self._statement(text) for text in (OPEN_STREAM, CONTINUE_STREAM))

    def _statement(self, stream: str) -> sql.Composed:
        return sql.SQL(APPEND.format(stream=stream, store="{store}")).format(store=self.name)

    def append(self, stream: str, expected: int, events: Sequence[NewEvent]) -> int:
        """Append to a stream that holds `expected` events (0: that is new); returns the last one's number in `$all`.

        Raises WrongExpectedVersion, and has written nothing then.
        """
        values = {
            "stream": stream,
            "expected": expected,
            "count": len(events),
            "ids": [event.id for event in events],
            "types": [event.type for event in events],
            "data": [json.dumps(event.data).encode() for event in events],
            "times": [event.at for event in events],
            "correlation": uuid.uuid5(events[0].id, "session"),
            "metadata": b"{}",
        }
        row = self.conn.execute(self._continue if expected else self._open, values).fetchone()
        if row is None:
            raise WrongExpectedVersion(f"{stream} does not hold exactly {expected} events")
        return int(row[0])

    def versions(self) -> dict[str, int]:
        """How many events each stream holds; `$all` is one of them."""
        return dict(self.conn.execute(sql.SQL(VERSIONS).format(store=self.name)).fetchall())


def fill(store: Store, count: int, seed: int) -> int:
    """Append `count` made-up events; the same ones for the same seed on the same store."""
    versions = store.versions()
    # The head is part of the seed: filling a second time continues with other events.
    for stream, events in sessions(count, f"{seed}/{versions['$all']}"):
        before = versions.get(stream, 0)
        versions["$all"] = store.append(stream, before, events)
        versions[stream] = before + len(events)
    return versions["$all"]


def main() -> None:
    """Fill the store of one database."""
    parser = argparse.ArgumentParser(description="Append made-up events of a podcast server.")
    parser.add_argument("--url", required=True, help="the database; libpq's PG* variables fill in what is missing")
    parser.add_argument("--events", type=int, default=5000, metavar="N", help="how many [5000]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed makes the same events [1]")
    parser.add_argument("--schema", default="events", metavar="S", help="the event store's schema [events]")
    options = parser.parse_args()
    with psycopg.connect(options.url, autocommit=True, application_name="store") as conn:
        store = Store(conn, options.schema)
        head = fill(store, options.events, options.seed)
        print(f"{options.events} events in {len(store.versions()) - 1} streams; the newest is number {head}")


if __name__ == "__main__":
    main()
