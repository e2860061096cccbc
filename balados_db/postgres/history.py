"""Yoyo's history of a schema: what is applied, with the checksum of its content in the log's comment."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from psycopg import sql

from balados_db.model import AppliedMigration, Migration
from balados_db.postgres.queries import named, query

if TYPE_CHECKING:
    from psycopg import Connection

HISTORY = "_yoyo_migration"
LOG = "_yoyo_log"
HISTORY_TABLES = (HISTORY, LOG, "_yoyo_version", "yoyo_lock")


def read_applied(conn: Connection[Any], schemas: Sequence[str]) -> dict[str, tuple[AppliedMigration, ...]]:
    """Read yoyo's history of each schema that has one, oldest first. Nothing is created by looking."""
    found = {}
    for row in conn.execute(query("select_histories"), {"schemas": list(schemas), "names": [HISTORY, LOG]}):
        name = sql.Identifier(row.schema, HISTORY)
        log = sql.Identifier(row.schema, LOG) if row.tables == 2 else None
        found[row.schema] = tuple(
            AppliedMigration(id=m.id, hash=m.hash, checksum=m.checksum) for m in conn.execute(_history_query(name, log))
        )
    return found


def _history_query(history: sql.Identifier, log: sql.Identifier | None) -> sql.Composed:
    if log is None:
        return query("select_applied_without_log").format(history=history)
    return query("select_applied").format(history=history, log=log)


def note_applied(conn: Connection[Any], schema: str, migrations: Sequence[Migration], operation: str = "apply") -> None:
    """Write yoyo's two rows a migration, with the checksum of its content in the log's comment."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    user, host = _who()
    values = {
        "hashes": [m.hash for m in migrations],
        "ids": [m.id for m in migrations],
        "times": [now + timedelta(microseconds=n) for n in range(len(migrations))],
        "comments": [m.checksum for m in migrations],
        "uuids": [str(uuid.uuid4()) for _ in migrations],
        "operation": operation,
        "user": user,
        "host": host,
    }
    conn.execute(query("insert_applied").format(history=named(schema, HISTORY)), values)
    conn.execute(query("insert_log").format(log=named(schema, LOG)), values)


def note_taken_back(conn: Connection[Any], schema: str, migration: Migration) -> None:
    """Remove yoyo's row and log that it was rolled back."""
    conn.execute(query("delete_applied").format(history=named(schema, HISTORY)), {"hash": migration.hash})
    user, host = _who()
    values = {
        "hashes": [migration.hash],
        "ids": [migration.id],
        "times": [datetime.now(timezone.utc).replace(tzinfo=None)],
        "comments": [None],
        "uuids": [str(uuid.uuid4())],
        "operation": "rollback",
        "user": user,
        "host": host,
    }
    conn.execute(query("insert_log").format(log=named(schema, LOG)), values)


def _who() -> tuple[str, str]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return user[:255], socket.gethostname()[:255]
