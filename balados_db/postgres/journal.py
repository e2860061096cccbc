"""The journal of a reset that takes several transactions: what was begun, how far it got, what it is to give back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from psycopg.sql import Identifier

from balados_db.model import OWN_SCHEMA, Journal, TableName
from balados_db.postgres.eventstore import existing_tables
from balados_db.postgres.queries import query
from balados_db.postgres.rights import Rights

if TYPE_CHECKING:
    from psycopg import Connection

OWN = Identifier(OWN_SCHEMA)
TABLE = TableName(OWN_SCHEMA, "journal")


def read_journal(conn: Connection[Any]) -> Journal | None:
    """The reset that was begun and is not finished, if there is one."""
    if not existing_tables(conn, [TABLE]):
        return None
    row = conn.execute(query("select_journal").format(own=OWN)).fetchone()
    if row is None:
        return None
    facts: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in row._asdict().items()}
    return Journal(**facts)


def open_journal(conn: Connection[Any], facts: Mapping[str, Any], rights: Mapping[str, Rights]) -> None:
    """Note what is going to be done, and the rights that it is to give back, before anything is destroyed."""
    conn.execute(query("create_journal").format(own=OWN))
    noted = json.dumps({schema: _noted(found) for schema, found in rights.items()})
    conn.execute(query("open_journal").format(own=OWN), {**facts, "rights": noted})
    conn.execute(query("close_earlier").format(own=OWN))


def note_progress(conn: Connection[Any], done: int) -> None:
    """Note, in the transaction that did the work, how many are done."""
    conn.execute(query("note_progress").format(own=OWN), {"done": done})


def noted_rights(conn: Connection[Any], schema: str) -> Rights | None:
    """The rights that an unfinished reset noted of a schema before it dropped its contents."""
    if not existing_tables(conn, [TABLE]):
        return None
    row = conn.execute(query("select_noted_rights").format(own=OWN), {"schema": schema}).fetchone()
    return _rights(row.rights) if row and row.rights else None


def close_journal(conn: Connection[Any]) -> None:
    """Nothing is left to be finished."""
    if existing_tables(conn, [TABLE]):
        conn.execute(query("close_journal").format(own=OWN))


def _noted(rights: Rights) -> dict[str, list[Any]]:
    rows = {name: [row._asdict() for row in getattr(rights, name)] for name in _PARTS}
    return {**rows, "promised": list(rights.promised)}


def _rights(noted: Mapping[str, list[Any]]) -> Rights:
    rows = {name: tuple(SimpleNamespace(**row) for row in noted[name]) for name in _PARTS}
    return Rights(**rows, promised=tuple(noted["promised"]))


_PARTS = ("objects", "memberships")
