"""Read what is in every table, and compare two readings: the demonstration's proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from balados_db.model import DatabaseState, Manifest, SchemaKind, TableName
from balados_db.postgres import eventstore
from balados_db.postgres.catalog import Look, looking, read_state
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True, kw_only=True)
class Content:
    """One table's rows: how many, and a digest of them all."""

    kind: SchemaKind
    rows: int
    digest: str


Reading = Mapping[TableName, Content]


def read_contents(conn: Connection[Any], manifest: Manifest) -> Reading:
    """Read every table of every declared schema as of one moment. Positions are no content: they are to move."""
    with looking(conn):
        state = read_state(Look(conn=conn, manifest=manifest))
        return {table: _content(conn, table, kind) for table, kind in _tables(manifest, state).items()}


def _tables(manifest: Manifest, state: DatabaseState) -> dict[TableName, SchemaKind]:
    positions = {checkpoint.table for checkpoint in manifest.checkpoints}
    found = {r.table: s.kind for s in manifest.schemas for r in state.schema(s.name).tables if not r.is_partition}
    return {table: kind for table, kind in found.items() if table not in positions}


def _content(conn: Connection[Any], table: TableName, kind: SchemaKind) -> Content:
    row = conn.execute(query("select_content").format(table=sql.Identifier(*table))).fetchone()
    assert row is not None
    return Content(kind=kind, rows=row.rows, digest=row.digest)


def of_kind(reading: Reading, *kinds: SchemaKind) -> Reading:
    """The part of a reading that is about schemas of these kinds."""
    return {table: content for table, content in reading.items() if content.kind in kinds}


def rows(reading: Reading) -> int:
    """How many rows there are in all."""
    return sum(content.rows for content in reading.values())


def differences(before: Reading, after: Reading) -> tuple[str, ...]:
    """Every table that is not what it was, in words; none when the two readings are equal."""
    said = (_difference(table, before.get(table), after.get(table)) for table in sorted({*before, *after}))
    return tuple(text for text in said if text)


def _difference(table: TableName, before: Content | None, after: Content | None) -> str:
    if before is None or after is None:
        return f"{table} is {'new' if before is None else 'gone'}"
    if before.rows != after.rows:
        return f"{table} held {before.rows} rows and now holds {after.rows}"
    return f"{table} holds other rows than before" if before.digest != after.digest else ""


def read_positions(conn: Connection[Any], manifest: Manifest) -> tuple[int, dict[str, int]]:
    """The newest event's number, and how far each subscriber got."""
    store = manifest.event_store
    assert store is not None
    assert store.layout is not None
    assert store.layout.liveness is not None
    head = eventstore.read_head(conn, store.name, store.layout) or 0
    place = next(c for c in manifest.checkpoints if c.table == store.layout.liveness.table)
    return head, {row.projector: int(row.position or 0) for row in eventstore.read_checkpoints(conn, place)}
