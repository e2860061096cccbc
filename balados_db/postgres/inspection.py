"""Look closer than a plan needs to, for `verify`: triggers, strangers, the border, what cannot be seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from balados_db.likeness import places
from balados_db.manifest_check import mentioned
from balados_db.manifest_proposal import known_stores, layout_of
from balados_db.migration_files import read_install
from balados_db.model import OWN_SCHEMA, DatabaseState, Files, Manifest, Role, SchemaKind, SchemaState, TableName
from balados_db.planning.strangers import Proof, Stranger, strangers_of, unmentioned, without
from balados_db.planning.verify import Inspection, Positions, Trigger, kept_stores, visible
from balados_db.postgres.candidates import read_candidates, read_names
from balados_db.postgres.catalog import (
    OTHER_HISTORIES,
    Look,
    Structure,
    digest_of,
    read_state,
    read_structures,
    skipped,
    steadily,
)
from balados_db.postgres.eventstore import install_files
from balados_db.postgres.history import HISTORY, LOG
from balados_db.postgres.obstacles import read_border
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

_RECORDS = ("environment", "structure", "installed", "receipt", "journal")
_HISTORIES = (HISTORY, LOG)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A database as far as this role may look, and the manifest as far as that goes."""

    state: DatabaseState
    manifest: Manifest
    inspection: Inspection


def inspect(look: Look, files: Files) -> Seen:
    """Read everything that `verify` judges, in one transaction that writes nothing.

    What this role may not read is left out, and named: it fails nothing.
    """
    return steadily(look.conn, lambda: _inspect(look, files))


def _inspect(look: Look, files: Files) -> Seen:
    seen = read_visible(look)
    conn, state, manifest = look.conn, seen.state, seen.manifest
    projections = tuple(s.name for s in manifest.of_kind(SchemaKind.PROJECTION) if state.schema(s.name).exists)
    inspection = replace(
        seen.inspection,
        triggers=read_triggers(conn, manifest),
        border=read_border(replace(look, manifest=manifest), state, projections),
        strangers=(*_strangers(conn, state, manifest, files), *_strangers_in_store(state, manifest)),
        unclassified=_unclassified(conn, state),
        positions=tuple(_positions(conn, look.manifest, state)),
    )
    return replace(seen, inspection=inspection)


def read_visible(look: Look) -> Seen:
    """Read the state as far as this role may; in a transaction that the caller has open."""
    unseen = _unseen(look.conn, look.manifest)
    manifest = visible(look.manifest, unseen, _HISTORIES)
    records = all(table.schema != OWN_SCHEMA for table in unseen)
    state = read_state(replace(look, manifest=manifest, records=records))
    declared = {schema.name for schema in look.manifest.schemas}
    state = replace(state, undeclared=tuple(name for name in state.undeclared if name not in declared))
    return Seen(state=state, manifest=manifest, inspection=Inspection(unseen=unseen))


def _unseen(conn: Connection[Any], manifest: Manifest) -> tuple[TableName, ...]:
    """What a look needs to read, and this role may not."""
    store = manifest.event_store
    proof = store.layout.proof if store and store.layout else ()
    liveness = store.layout.liveness if store and store.layout else None
    wanted = [
        *(TableName(OWN_SCHEMA, name) for name in _RECORDS),
        *(TableName(schema.name, name) for schema in manifest.schemas for name in _HISTORIES),
        *(checkpoint.table for checkpoint in manifest.checkpoints),
        *(TableName(store.name, name) for name in proof if store),
        *((liveness.table,) if liveness else ()),
    ]
    pairs = {"schemas": [t.schema for t in wanted], "names": [t.name for t in wanted]}
    found = {TableName(r.schema, r.name) for r in conn.execute(query("select_unreadable"), pairs)}
    return tuple(dict.fromkeys(table for table in wanted if table in found))


def read_triggers(conn: Connection[Any], manifest: Manifest) -> tuple[Trigger, ...]:
    """Every trigger of the event store's tables."""
    if manifest.event_store is None:
        return ()
    rows = conn.execute(query("select_table_triggers"), {"schema": manifest.event_store.name})
    return tuple(
        Trigger(
            table=r.on_table,
            name=r.name,
            fires_for=tuple(r.fires_for),
            enabled=r.enabled,
            always=r.always,
            refuses=r.refuses,
        )
        for r in rows
    )


def _unclassified(conn: Connection[Any], state: DatabaseState) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in conn.execute(query("select_unclassified"), {"schemas": list(state.undeclared)}):
        found[row.schema].append(row.name)
    return {schema: tuple(names) for schema, names in found.items()}


# ── tables of positions that nobody declared ─────────────────────────────────────────────────────────────


def _positions(conn: Connection[Any], manifest: Manifest, state: DatabaseState) -> Iterator[Positions]:
    """Anywhere in the database: what some store's layout calls so, and what looks so by names and columns."""
    declared = {c.table for c in manifest.checkpoints} | {t for p in manifest.projectors for t in p.tables}
    said = declared | set(state.checkpoint_tables) | set(state.unclaimed)
    stores, beside = known_stores(), kept_stores(state, manifest)
    for candidate in read_candidates(conn, tuple(c.table for known in stores for c in known.checkpoints)):
        table = candidate.table
        known = layout_of(table.name, candidate.columns, stores)
        found = known[1] if known else places(table.name, candidate.columns, candidate.keys)
        if found is None or table in said or _of_store(table, manifest) or table.name in OTHER_HISTORIES:
            continue
        if table.schema in beside:
            continue
        yield Positions(
            table=table,
            projector=found.projector,
            position=found.position,
            names=read_names(conn, table, found.projector) if candidate.readable else (),
            layout=known[0] if known else next((s.layout for s in stores if s.owns(table.name)), None),
        )


def _of_store(table: TableName, manifest: Manifest) -> bool:
    """Whether it is one of the declared event store's own; a layout may name them by a pattern."""
    store = manifest.event_store
    own = store.layout.tables if store and store.layout and table.schema == store.name else ()
    return any(fnmatchcase(table.name, name.partition("(")[0]) for name in own)


# ── what nobody's migrations made ────────────────────────────────────────────────────────────────────────


def _strangers(conn: Connection[Any], state: DatabaseState, manifest: Manifest, files: Files) -> Iterator[Stranger]:
    """Only where the structure is not the recorded one: what is as it was recorded was made by migrations."""
    doubtful = [
        found
        for found in (state.schema(declared.name) for declared in manifest.migrated)
        if found.applied and (found.record is None or found.record.structure != found.structure)
    ]
    skip = skipped({s.name: list(s.relations) for s in state.schemas})
    structures = read_structures(conn, [found.name for found in doubtful], skip)
    for found in doubtful:
        yield from _strangers_of(found, structures[found.name], tuple(m.source for m in files.get(found.name, ())))


def _strangers_of(found: SchemaState, structure: Structure, sources: tuple[str, ...]) -> Iterator[Stranger]:
    owned = {r.name for r in found.relations if r.owned}
    strange = unmentioned(structure, sources, owned)
    proof = Proof.UNRECORDED if found.record is None else Proof.NAMES
    if found.record and digest_of(without(structure, strange, owned)) == found.record.structure:
        proof = Proof.STRUCTURE
    return strangers_of(found.name, strange, proof)


def _strangers_in_store(state: DatabaseState, manifest: Manifest) -> Iterator[Stranger]:
    """Beside the store's own tables only what its install SQL speaks of; without any there is nothing to ask."""
    store = manifest.event_store
    texts = tuple(map(read_install, install_files(store)))
    if store is None or not texts:
        return
    for relation in state.schema(store.name).relations:
        known = relation.owned or relation.name in OTHER_HISTORIES or mentioned(relation.name, texts)
        if relation.role is Role.CONTENT and not known:
            kind = relation.kind.name.lower()
            yield Stranger(schema=store.name, kind=kind, name=relation.name, proof=Proof.INSTALL)
