"""Look things up for people: the stamp, the receipts, columns, and what a database without a manifest holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from psycopg import sql

from balados_db.likeness import places
from balados_db.manifest.checkpoints import preset_checkpoints
from balados_db.manifest_proposal import (
    Existing,
    ExistingSchema,
    FoundCheckpoints,
    KnownCheckpoints,
    KnownStore,
)
from balados_db.model import OWN_SCHEMA, CheckpointTable, Manifest, Sql, TableName
from balados_db.postgres.candidates import read_candidates, read_names
from balados_db.postgres.catalog import OTHER_HISTORIES, looking, read_identity
from balados_db.postgres.eventstore import existing_tables, holding, matching, read_checkpoints
from balados_db.postgres.history import HISTORY, HISTORY_TABLES, LOG, read_applied
from balados_db.postgres.queries import query
from balados_db.reference import Column

if TYPE_CHECKING:
    from psycopg import Connection


# ── our own records ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Which environment the database says it is, and for which database that was written."""

    name: str
    database: str
    at: datetime
    by: str
    made_here: bool


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One destructive run. Rows are an estimate unless `exact`, and None where nobody knew."""

    id: int
    at: datetime
    command: str
    scope: str | None
    role: str
    client: str | None
    digest: str
    tables: int
    rows: int | None
    exact: bool


def read_stamp(conn: Connection[Any]) -> Stamp | None:
    """Read the environment's stamp; None where there is none."""
    with looking(conn):
        if not _recorded(conn, "environment"):
            return None
        row = conn.execute(query("select_stamp").format(own=sql.Identifier(OWN_SCHEMA))).fetchone()
    if row is None:
        return None
    return Stamp(
        name=row.name, database=row.database_name, at=_utc(row.stamped_at), by=row.stamped_by, made_here=row.made_here
    )


def read_receipts(conn: Connection[Any]) -> tuple[Receipt, ...]:
    """Read what destructive runs left behind, the newest first; nothing where nothing was ever recorded."""
    with looking(conn):
        if not _recorded(conn, "receipt"):
            return ()
        rows = conn.execute(query("select_receipts").format(own=sql.Identifier(OWN_SCHEMA))).fetchall()
    return tuple(_receipt(row) for row in rows)


def _receipt(row: Any) -> Receipt:
    counts = [table["rows"] for table in row.destroyed]
    return Receipt(
        id=row.id,
        at=_utc(row.written_at),
        command=row.command,
        scope=row.scope,
        role=row.role,
        client=row.client,
        digest=row.digest,
        tables=len(row.destroyed),
        rows=None if None in counts else sum(counts),
        exact=all(table["exact"] for table in row.destroyed),
    )


def _recorded(conn: Connection[Any], table: str) -> bool:
    return bool(existing_tables(conn, [TableName(OWN_SCHEMA, table)]))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc)


# ── for the schema reference ─────────────────────────────────────────────────────────────────────────────


def read_columns(conn: Connection[Any], schemas: Iterable[str]) -> dict[TableName, tuple[Column, ...]]:
    """Read the columns of every table and view of these schemas."""
    found: dict[TableName, list[Column]] = defaultdict(list)
    for row in conn.execute(query("select_columns"), {"schemas": list(schemas)}):
        found[TableName(row.schema, row.name)].append(Column(name=row.column, type=row.type))
    return {table: tuple(columns) for table, columns in found.items()}


def read_undeclared(conn: Connection[Any], manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """Read which tables lie in schemas that the manifest does not know; members of extensions do not count."""
    declared = {OWN_SCHEMA, *(schema.name for schema in manifest.schemas)}
    strangers = [row.name for row in conn.execute(query("select_schemas")) if row.name not in declared]
    found: dict[str, list[str]] = defaultdict(list)
    for row in _relations(conn, strangers):
        if row.kind in ("r", "p") and not row.is_partition:
            found[row.schema].append(row.name)
    return {schema: tuple(tables) for schema, tables in found.items()}


def _relations(conn: Connection[Any], schemas: list[str], wanted: Iterable[str] = ()) -> list[Any]:
    """Relations that no extension owns; with the columns of those whose name is wanted."""
    rows = conn.execute(query("select_relations"), {"schemas": schemas, "histories": list(wanted)})
    return [row for row in rows if not row.extension]


# ── for a manifest that is yet to be written ─────────────────────────────────────────────────────────────


def read_existing(conn: Connection[Any], stores: tuple[KnownStore, ...]) -> Existing:
    """Read what a proposal for a manifest can know: schemas, histories, event store, checkpoints.

    What this role may not read is left out, and named.
    """
    with looking(conn):
        names = [row.name for row in conn.execute(query("select_schemas")) if row.name != OWN_SCHEMA]
        wanted = {*OTHER_HISTORIES, *(checkpoint.table for store in stores for checkpoint in store.checkpoints)}
        relations: dict[str, list[Any]] = defaultdict(list)
        for row in _relations(conn, names, wanted):
            relations[row.schema].append(row)
        unread = _unread(conn, [*names, OWN_SCHEMA])
        known = tuple(_checkpoints(conn, stores, relations, unread))
        found = (*known, *_lookalikes(conn, stores, known))
        records = not any(table.schema == OWN_SCHEMA for table in unread)
        return Existing(
            database=conn.info.dbname,
            environment=read_identity(conn, records=records).environment,
            schemas=_schemas(conn, names, relations, unread),
            holding={store.layout: holding(conn, store.proof) for store in stores},
            checkpoints=found,
            unread=_told(found, unread),
            comments={TableName(r.schema, r.name): r.comment for r in conn.execute(query("select_comments"))},
            references=tuple(
                (TableName(r.schema, r.name), TableName(r.to_schema, r.to_name))
                for r in conn.execute(query("select_references_between"))
            ),
            installed=_installed(conn) if records else {},
            unwritten=frozenset(TableName(r.schema, r.name) for r in conn.execute(query("select_unwritten"))),
        )


def _unread(conn: Connection[Any], schemas: list[str]) -> frozenset[TableName]:
    """Every relation of these schemas that this role may not read as it is."""
    tables = [TableName(row.schema, row.name) for row in _relations(conn, schemas)]
    wanted = {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]}
    return frozenset(TableName(r.schema, r.name) for r in conn.execute(query("select_unreadable"), wanted))


def _told(found: Iterable[FoundCheckpoints], unread: frozenset[TableName]) -> tuple[TableName, ...]:
    """Those that would have said more about the system than that they are there."""
    positions = {TableName(c.schema, c.known.table) for c in found}
    return tuple(sorted(t for t in unread if t in positions or t.name in (HISTORY, LOG) or t.schema == OWN_SCHEMA))


def _installed(conn: Connection[Any]) -> dict[str, dict[str, str]]:
    """Which install files this tool ran in which schema; nothing where nothing was ever recorded."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    if _recorded(conn, "installed"):
        for row in conn.execute(query("select_all_installed").format(own=sql.Identifier(OWN_SCHEMA))):
            found[row.schema][row.file] = row.checksum
    return found


def _lookalikes(
    conn: Connection[Any], stores: tuple[KnownStore, ...], known: tuple[FoundCheckpoints, ...]
) -> Iterable[FoundCheckpoints]:
    """What no known store has, but looks like a table of positions."""
    taken = {TableName(c.schema, c.known.table) for c in known}
    for candidate in read_candidates(conn, ()):
        table = candidate.table
        found = places(table.name, candidate.columns, candidate.keys)
        if found and table not in taken and not any(store.owns(table.name) for store in stores):
            names = read_names(conn, table, found.projector) if candidate.readable else ()
            looks = KnownCheckpoints(table=table.name, projector=found.projector, position=found.position)
            yield FoundCheckpoints(layout=None, known=looks, schema=table.schema, names=names)


def _schemas(
    conn: Connection[Any], names: list[str], relations: Mapping[str, list[Any]], unread: frozenset[TableName]
) -> tuple[ExistingSchema, ...]:
    made_by = {row.name: row.extension for row in conn.execute(query("select_extension_schemas"))}
    applied = read_applied(conn, [n for n in names if not {TableName(n, HISTORY), TableName(n, LOG)} & unread])
    return tuple(
        ExistingSchema(
            name=name,
            extension=made_by.get(name),
            tables=tuple(r.name for r in relations[name] if r.kind in ("r", "p") and not _is_history(r)),
            applied=tuple(m.id for m in applied[name]) if name in applied else None,
            histories=tuple(r.name for r in relations[name] if _is_history(r) and r.name not in HISTORY_TABLES),
        )
        for name in names
    )


def _is_history(row: Any) -> bool:
    proof = OTHER_HISTORIES.get(row.name)
    foreign = row.kind == "r" and proof is not None and row.columns is not None and proof <= set(row.columns)
    return foreign or row.name in (HISTORY, *HISTORY_TABLES)


def _checkpoints(
    conn: Connection[Any],
    stores: tuple[KnownStore, ...],
    relations: Mapping[str, list[Any]],
    unread: frozenset[TableName],
) -> Iterable[FoundCheckpoints]:
    """Every table that has the name and the columns of a known checkpoint table, wherever it lies."""
    for store in stores:
        for known in store.checkpoints:
            columns = {known.projector, known.position} - {None}
            for schema, rows in relations.items():
                if any(r.name == known.table and columns <= set(r.columns or ()) for r in rows):
                    table = CheckpointTable(
                        table=TableName(schema, known.table), projector=known.projector, position=known.position
                    )
                    names = _names_in(conn, table, unread)
                    yield FoundCheckpoints(layout=store.layout, known=known, schema=schema, names=names)
        for schema in holding(conn, store.proof):
            yield from _by_expression(conn, store, schema, unread)


def _names_in(conn: Connection[Any], table: CheckpointTable, unread: frozenset[TableName]) -> tuple[str, ...]:
    rows = () if table.table in unread else read_checkpoints(conn, table)
    return tuple(sorted({row.projector for row in rows}))


def _by_expression(
    conn: Connection[Any], store: KnownStore, schema: str, unread: frozenset[TableName]
) -> Iterable[FoundCheckpoints]:
    """Where only the preset can tell from a row, or from the table's name, whose position it is."""
    found = matching(conn, [store.tracking], schema).get(schema, {}) if store.tracking else {}
    own = [name.rpartition("_")[0] for tables in found.values() for name in tables]
    places = preset_checkpoints(store.layout, schema, own)
    there = existing_tables(conn, [c.table for c in places])
    for place in places:
        if not isinstance(place.projector, Sql) or place.table not in there:
            continue
        # Only one's own head needs other tables than this one.
        names = _names_in(conn, replace(place, head=None), unread)
        known = KnownCheckpoints(table=place.table.name, projector=place.projector.text)
        yield FoundCheckpoints(layout=store.layout, known=known, schema=schema, names=names)
