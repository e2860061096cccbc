"""The event store as it is: is it there, how far is its head, who follows it, who is alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.manifest_proposal import known_stores
from balados_db.migration_files import checksum, read_install
from balados_db.model import (
    OWN_SCHEMA,
    CheckpointState,
    CheckpointTable,
    DatabaseState,
    Expression,
    Layout,
    Liveness,
    LiveProjector,
    Manifest,
    SchemaDeclaration,
    Sql,
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
    found = matching(conn, store.layout.proof)
    state = replace(
        state,
        store_in=tuple(name for name in _proved(found, store.layout.proof) if name != store.name),
        missing_additions=missing_additions(conn, store, state.own_schema),
        event_tables=_events(conn, store, store.layout),
        unclaimed=_unclaimed(conn, manifest, store, store.layout),
    )
    return _with_store(conn, manifest, store, store.layout, ours, state)


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
    return _with_store(conn, manifest, store, store.layout, (), state)


def _with_positions(conn: Connection[Any], manifest: Manifest, state: DatabaseState) -> DatabaseState:
    existing = existing_tables(conn, [c.table for c in manifest.checkpoints])
    found: list[CheckpointState] = []
    for checkpoint in manifest.checkpoints:
        if checkpoint.table in existing:
            with said_in(manifest, positions_in(checkpoint)):
                found.extend(read_checkpoints(conn, checkpoint))
    return replace(state, checkpoint_tables=existing, checkpoints=tuple(found))


@contextmanager
def said_in(manifest: Manifest, key: str) -> Iterator[None]:
    """What the server says of SQL that a manifest holds is a mistake of that key: see `translation`."""
    try:
        yield
    except psycopg.Error as exc:
        exc.said_in = (str(manifest.file), key)  # type: ignore[attr-defined]
        raise


def positions_in(checkpoint: CheckpointTable) -> str:
    """A checkpoint table as a mistake in it is told."""
    return f"checkpoints ({checkpoint.table})"


def _with_store(
    conn: Connection[Any],
    manifest: Manifest,
    store: SchemaDeclaration,
    layout: Layout,
    ours: Sequence[int],
    state: DatabaseState,
) -> DatabaseState:
    there = matching(conn, layout.proof, store.name).get(store.name, {})
    tables = tuple(entry for entry in layout.proof if entry in there)
    state = replace(state, event_store_tables=tables, event_store=len(tables) == len(layout.proof))
    if not state.event_store:
        return replace(state, event_store_like=_proved_instead(conn, store))
    where = "event_store" if layout.name == "custom" else f"schemas.{store.name}.layout"
    with said_in(manifest, f"{where}.head"):
        head = read_head(conn, store.name, layout)
    with said_in(manifest, f"{where}.liveness" if layout.liveness else f"{where}.probe"):
        subscriptions = read_subscriptions(conn, layout.liveness) if layout.liveness else ()
        live = read_living(conn, layout, ours)
    return replace(state, head=head, subscriptions=subscriptions, live=live)


def _proved_instead(conn: Connection[Any], store: SchemaDeclaration) -> str | None:
    """The known layout that this schema proves, where it does not hold the store that it is declared to."""
    return next(
        (
            s.layout
            for s in known_stores()
            if matching(conn, s.proof, store.name).get(store.name, {}).keys() >= set(s.proof)
        ),
        None,
    )


# ── tables by what they look like ────────────────────────────────────────────────────────────────────────

Matches = dict[str, dict[str, list[str]]]  # by schema, by what was asked for: the tables' names


def matching(conn: Connection[Any], wanted: Sequence[str], schema: str | None = None) -> Matches:
    """Tables by name, `*` standing for anything, and by columns: `name(column, column)`."""
    parts = [entry.rstrip(")").partition("(") for entry in wanted]
    parameters = {
        "entries": list(wanted),
        "names": [_like(name) for name, _, _ in parts],
        "columns": [columns.replace(" ", "") for _, _, columns in parts],
        "schema": schema,
    }
    found: Matches = {}
    for row in conn.execute(query("select_matching"), parameters):
        found.setdefault(row.schema, {}).setdefault(row.entry, []).append(row.name)
    return found


def _like(name: str) -> str:
    for special in "\\_%":
        name = name.replace(special, f"\\{special}")
    return name.replace("*", "%")


def _proved(found: Matches, proof: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(schema for schema, entries in found.items() if len(entries) == len(proof)))


def holding(conn: Connection[Any], proof: Sequence[str]) -> tuple[str, ...]:
    """The schemas that hold every table of a proof."""
    return _proved(matching(conn, proof), proof)


def _events(conn: Connection[Any], store: SchemaDeclaration, layout: Layout) -> tuple[TableName, ...]:
    """The store's own tables, and whatever they are partitioned into."""
    found = matching(conn, layout.tables, store.name).get(store.name, {})
    names = sorted({name for entry in found.values() for name in entry})
    rows = conn.execute(query("select_partitions"), {"schema": store.name, "names": names})
    parts = [TableName(row.schema, row.name) for row in rows]
    return tuple(dict.fromkeys((*(TableName(store.name, name) for name in names), *parts)))


def _unclaimed(
    conn: Connection[Any], manifest: Manifest, store: SchemaDeclaration, layout: Layout
) -> tuple[TableName, ...]:
    """Tables of positions that nobody declared: where each projector has one, they are not known beforehand."""
    if layout.tracking is None:
        return ()
    claimed = {checkpoint.table for checkpoint in manifest.checkpoints}
    found = matching(conn, [layout.tracking], store.name).get(store.name, {})
    tables = (TableName(store.name, name) for entry in found.values() for name in sorted(entry))
    return tuple(table for table in tables if table not in claimed)


# ── positions ────────────────────────────────────────────────────────────────────────────────────────────


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
    rows = conn.execute(
        query("select_checkpoints").format(
            projector=expression(checkpoint.projector),
            position=expression(checkpoint.position or Sql("null")),
            head=expression(Sql(checkpoint.head or "null")),
            source=expression(checkpoint.source or Sql("null")),
            table=named(*checkpoint.table),
            condition=condition(checkpoint),
        ),
        {},
    )
    return tuple(
        CheckpointState(
            table=checkpoint.table, projector=r.projector, position=_number(r.position), head=r.head, source=r.source
        )
        for r in rows
    )


def _number(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else text


# A statement that these stand in takes parameters, be they none: a percent sign of the manifest's is none of those.


def expression(written: Expression) -> sql.Composable:
    """A column, or the manifest's own expression on a row."""
    if isinstance(written, Sql):
        return sql.SQL("({})").format(sql.SQL(written.text.replace("%", "%%")))
    return named(written)


def condition(checkpoint: CheckpointTable) -> sql.Composable:
    """Which rows are positions: those of the manifest's `where`, but for those of `keep`."""
    return sql.SQL("({where}) and ({keep}) is not true").format(
        where=expression(Sql(checkpoint.where or "true")), keep=expression(Sql(checkpoint.keep or "false"))
    )


def read_head(conn: Connection[Any], schema: str, layout: Layout) -> int | None:
    """The newest event's number; None where the layout does not say how to ask, or the answer is empty."""
    if layout.head is None:
        return None
    try:
        with conn.transaction():
            row = conn.execute(in_store(layout.head, schema)).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return _whole(row[0]) if row else None


def _whole(head: Any) -> int | None:
    try:
        return None if head is None else int(head)
    except (TypeError, ValueError) as exc:
        raise psycopg.errors.InvalidTextRepresentation(f"it answers with {head!r}, which is no number") from exc


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


def read_living(conn: Connection[Any], layout: Layout, ours: Sequence[int] = ()) -> tuple[LiveProjector, ...]:
    """Which projectors run right now, by their locks or by the layout's own probe; not our own processes."""
    live = layout.liveness
    locks = read_live(conn, live, ours, dict(read_subscriptions(conn, live))) if live else ()
    return (*locks, *(read_probe(conn, layout.probe) if layout.probe else ()))


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


def read_probe(conn: Connection[Any], probe: str, since: float | None = None) -> tuple[LiveProjector, ...]:
    """Who runs by a layout's probe; with `since`, only sessions that are older than so many seconds."""
    statement = query("select_probed").format(probe=expression(Sql(probe)))
    return tuple(
        LiveProjector(
            name=r.projector or "a projector",
            pid=r.pid,
            user=r.user,
            application=r.application or r.owner,
            anybody=r.projector is None,
        )
        for r in conn.execute(statement, {"since": since})
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
    return tuple(f.name for f in additions(store) if recorded.get(f.name) != checksum(read_install(f)))
