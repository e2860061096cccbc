"""Keep the shelf up to date: which book is with whom."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from loans import journal

NAME = "LoansProjector"


def catch_up(conn: Connection[Any]) -> int:
    """Apply every event that was not seen yet, in one transaction; returns how many there were.

    A service that does this all the time also holds the event store's lock meanwhile, so that no reset goes unnoticed.
    """
    with conn.transaction():
        events = list(journal.events_after(conn, journal.seen_by(conn, NAME)))
        for number, kind, data in events:
            _apply(conn, kind, data)
            journal.saw(conn, NAME, number)
    return len(events)


def _apply(conn: Connection[Any], kind: str, data: dict[str, Any]) -> None:
    if kind == "BookLent":
        conn.execute("insert into shelf.loans (book, member) values (%s, %s)", [data["book"], data["member"]])
    elif kind == "BookReturned":
        conn.execute("delete from shelf.loans where book = %s", [data["book"]])
