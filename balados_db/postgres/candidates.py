"""Tables that may remember positions: by their names here, by their columns and keys elsewhere (`likeness.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from balados_db.likeness import TABLES
from balados_db.model import OWN_SCHEMA, TableName
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

MOST_NAMES = 1000  # of one table; whoever has more is no table of positions


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A table with its columns by type, its unique keys, and whether this role may read it."""

    table: TableName
    columns: Mapping[str, str]
    keys: tuple[tuple[str, ...], ...]
    readable: bool


def read_candidates(conn: Connection[Any], known: tuple[str, ...]) -> tuple[Candidate, ...]:
    """Every table whose name is like a table of positions, or is one of `known`; no member of an extension."""
    wanted = {"like": TABLES.pattern, "known": list(known), "own": OWN_SCHEMA}
    return tuple(
        Candidate(
            table=TableName(row.schema, row.name),
            columns=dict(zip(row.columns, row.types, strict=True)),
            keys=tuple(tuple(key.split("\x1f")) for key in row.keys),
            readable=row.readable,
        )
        for row in conn.execute(query("select_candidates"), wanted)
    )


def read_names(conn: Connection[Any], table: TableName, column: str) -> tuple[str, ...]:
    """The names in a table that may remember positions."""
    statement = query("select_names").format(column=sql.Identifier(column), table=sql.Identifier(*table))
    return tuple(row.name for row in conn.execute(statement, {"most": MOST_NAMES}))
