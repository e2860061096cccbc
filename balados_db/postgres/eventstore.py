"""The event store as it is: is it there, how far is its head, who follows it, who is alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.migration_files import checksum, normalised
from balados_db.model import (
    OWN_SCHEMA,
    CheckpointState,
    CheckpointTable,
    DatabaseState,
    Layout,
    Liveness,
    LiveProjector,
    Manifest,
    SchemaDeclaration,
    TableName,
)
from balados_db.postgres.queries import named, query

if TYPE_CHECKING:
    from psycopg import Connection


def read_store(conn: Connection[Any], manifest: Manifest, ours: Sequence[int], state: DatabaseState) -> DatabaseState:
    """Add to a state what concerns the event store and the checkpoint tables, wherever they lie."""
    state = _with_positions(conn, manifest, state)
    declared = [c.table for c in manifest.checkpoints]
    existing = state.checkpoint_tables
    state = replace(state, no_tables=tuple(t for t in _relations(conn, declared) if t not in existing))
    store = manifest.event_store
    if store is None or store.layout is None:
        return state
    holding = [r.schema for r in conn.execute(query("select_stores"), {"proof": list(store.layout.proof)})]
    state = replace(
        state,
        store_in=tuple(name for name in holding if name != store.name),
        missing_additions=missing_additions(conn, store, state.own_schema),
    )
    return _with_store(conn, store, store.layout, ours, state)


def read_progress(conn: Connection[Any], manifest: Manifest, *, hasty: bool = False) -> DatabaseState:
    """Read only what tells how far projectors are: cheap enough for every second of a rebuild.

    `hasty`: do not wait for locked tables; they can be looked at the next time.
    """
    if hasty:
        conn.execute(query("short_patience"))
    state = _with_positions(conn, manifest, DatabaseState(identity=None))
    store = manifest.event_store
    if store is None or store.layout is None:
        return state
    return _with_store(conn, store, store.layout, (), state)


def _with_positions(conn: Connection[Any], manifest: Manifest, state: DatabaseState) -> DatabaseState:
    existing = existing_tables(conn, [c.table for c in manifest.checkpoints])
    found = (row for c in manifest.checkpoints if c.table in existing for row in read_checkpoints(conn, c))
    return replace(state, checkpoint_tables=existing, checkpoints=tuple(found))


def _with_store(
    conn: Connection[Any], store: SchemaDeclaration, layout: Layout, ours: Sequence[int], state: DatabaseState
) -> DatabaseState:
    proof = [TableName(store.name, table) for table in layout.proof]
    tables = tuple(t.name for t in existing_tables(conn, proof))
    state = replace(state, event_store_tables=tables, event_store=len(tables) == len(proof))
    if not state.event_store:
        return state
    live = layout.liveness
    subscriptions = read_subscriptions(conn, live) if live else ()
    return replace(
        state,
        head=read_head(conn, store.name, layout),
        subscriptions=subscriptions,
        live=read_live(conn, live, ours, dict(subscriptions)) if live else (),
    )


def existing_tables(conn: Connection[Any], tables: Sequence[TableName]) -> tuple[TableName, ...]:
    """Those of `tables` that exist, in the same order."""
    wanted = {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]}
    found = {TableName(r.schema, r.name) for r in conn.execute(query("select_tables_named"), wanted)}
    return tuple(t for t in tables if t in found)


def _relations(conn: Connection[Any], names: Sequence[TableName]) -> tuple[TableName, ...]:
    """Whatever has one of these names, of any kind."""
    wanted = {"schemas": [t.schema for t in names], "names": [t.name for t in names]}
    return tuple(TableName(r.schema, r.name) for r in conn.execute(query("select_relations_named"), wanted))


def read_checkpoints(conn: Connection[Any], checkpoint: CheckpointTable) -> tuple[CheckpointState, ...]:
    """The rows of one checkpoint table; a position that is no number stays text."""
    position = sql.Identifier(checkpoint.position) if checkpoint.position else sql.SQL("null")
    rows = conn.execute(
        query("select_checkpoints").format(
            projector=sql.Identifier(checkpoint.projector),
            position=position,
            table=sql.Identifier(*checkpoint.table),
            condition=condition(checkpoint, parameters=False),
        )
    )
    return tuple(
        CheckpointState(table=checkpoint.table, projector=r.projector, position=_number(r.position)) for r in rows
    )


def _number(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else text


def condition(checkpoint: CheckpointTable, *, parameters: bool = True) -> sql.Composable:
    """The manifest's own `where`, or everything; `parameters` says whether the statement takes any."""
    where = (checkpoint.where or "true").replace("%", "%%" if parameters else "%")
    return sql.SQL(f"({where})")


def read_head(conn: Connection[Any], schema: str, layout: Layout) -> int | None:
    """The newest event's number; None where the layout does not say how to ask, or the answer is empty."""
    if layout.head is None:
        return None
    try:
        with conn.transaction():
            row = conn.execute(in_store(layout.head, schema)).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return row[0] if row else None


def in_store(text: str, schema: str) -> sql.SQL:
    """Fill the event store's quoted name in; nothing else in the text is touched."""
    return sql.SQL(text.replace("{event_store}", sql.Identifier(schema).as_string(None)))


def read_subscriptions(conn: Connection[Any], live: Liveness) -> tuple[tuple[int, str], ...]:
    """Ids and names of the subscriptions: an id is a subscriber's lock key."""
    if not existing_tables(conn, [live.table]):
        return ()
    rows = conn.execute(
        query("select_subscriptions").format(
            id=sql.Identifier(live.id), name=sql.Identifier(live.name), table=sql.Identifier(*live.table)
        )
    )
    return tuple((r.id, r.name) for r in rows)


def read_live(
    conn: Connection[Any], live: Liveness, ours: Sequence[int], names: dict[int, str]
) -> tuple[LiveProjector, ...]:
    """Who holds a subscriber's lock right now, but for our own processes."""
    rows = conn.execute(query("select_live").format(table=class_of(live.table)), {"ours": list(ours)})
    return tuple(
        LiveProjector(
            name=names.get(r.id, f"subscription {r.id}"),
            subscription_id=r.id,
            pid=r.pid,
            user=r.user,
            application=r.application,
        )
        for r in rows
    )


def class_of(table: TableName) -> sql.Literal:
    """A table's quoted name as a literal, to be read as regclass: its oid is the lock's class. Takes parameters."""
    return sql.Literal(named(*table).as_string(None))


# ── install files ────────────────────────────────────────────────────────────────────────────────────────


def install_files(store: SchemaDeclaration | None) -> tuple[Path, ...]:
    """The install SQL in order; none where the manifest names no directory."""
    if store is None or store.install is None or not store.install.is_dir():
        return ()
    return tuple(sorted(store.install.glob("*.sql")))


def additions(store: SchemaDeclaration) -> tuple[Path, ...]:
    """The install files that only add to a store which its own library made."""
    pattern = store.layout.additions if store.layout else None
    return tuple(f for f in install_files(store) if pattern and f.match(pattern))


def missing_additions(conn: Connection[Any], store: SchemaDeclaration, own: bool) -> tuple[str, ...]:
    """The additions that were not recorded with the content they have now."""
    recorded = {}
    if own:
        rows = conn.execute(query("select_installed").format(own=sql.Identifier(OWN_SCHEMA)), {"schema": store.name})
        recorded = {r.file: r.checksum for r in rows}
    return tuple(f.name for f in additions(store) if recorded.get(f.name) != checksum(read_file(f)))


def read_file(file: Path) -> str:
    """An install file's normalised text."""
    return normalised(file.read_bytes())
