"""What rebuilds took, as they were measured: kept in the database that they happened in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.sql import Identifier

from balados_db.model import OWN_SCHEMA, Measured, TableName
from balados_db.postgres.connection import local_settings
from balados_db.postgres.eventstore import existing_tables
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

OWN = Identifier(OWN_SCHEMA)
TABLE, RECEIPTS = TableName(OWN_SCHEMA, "rebuild"), TableName(OWN_SCHEMA, "receipt")


def read_measured(conn: Connection[Any]) -> tuple[Measured, ...]:
    """The rebuilds that were measured, the newest first; none where nobody ever measured."""
    if not existing_tables(conn, [TABLE]):
        return ()
    rows = conn.execute(query("select_measured").format(own=OWN))
    return tuple(Measured(**row._asdict()) for row in rows)


def write_measured(conn: Connection[Any], measured: Sequence[Measured]) -> str | None:
    """Keep what was measured, each with the last receipt; says why where that cannot be.

    A database in which no reset of ours ever left a receipt keeps nothing.
    """
    try:
        if existing_tables(conn, [RECEIPTS]):
            _write(conn, measured)
    except psycopg.Error as exc:
        return (str(exc).strip().splitlines() or ["the connection is lost"])[0]
    return None


def _write(conn: Connection[Any], measured: Sequence[Measured]) -> None:
    with conn.transaction():
        conn.execute(local_settings(conn))
        conn.execute(query("create_rebuilds").format(own=OWN))
        for found in measured:
            conn.execute(query("write_measured").format(own=OWN), vars(found))
