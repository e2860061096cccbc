"""Classify every table: what it is for, who rebuilds it from which events, whether it may be emptied. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from balados_db.model import (
    DatabaseState,
    Manifest,
    Projector,
    Relation,
    RelationKind,
    Role,
    SchemaDeclaration,
    SchemaKind,
    SchemaState,
    TableName,
    untried,
)

HISTORIES = (Role.MIGRATION_HISTORY, Role.OTHER_HISTORY)
WORDS = {
    RelationKind.TABLE: "table",
    RelationKind.PARTITIONED: "partitioned table",
    RelationKind.VIEW: "view",
    RelationKind.MATVIEW: "materialized view",
    RelationKind.FOREIGN: "foreign table",
}


def kind_in_words(kind: SchemaKind) -> str:
    """A kind as people write it."""
    return kind.value.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column and its type, as PostgreSQL writes it."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class TableReference:
    """One table or view. `may_be_emptied` is absent where there is nothing to empty; `why` says what follows."""

    name: str
    kind: str
    may_be_emptied: bool | None
    why: str
    rebuilt_by: tuple[str, ...] = ()
    read_by: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SchemaReference:
    """One declared schema with what it contains; `histories` are the tables of migration tools."""

    name: str
    kind: SchemaKind
    holds: str
    exists: bool
    tables: tuple[TableReference, ...] = ()
    histories: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Everything that the schema reference says. Nothing in it changes with rows, positions or time."""

    manifest: str
    schemas: tuple[SchemaReference, ...]
    projectors: tuple[Projector, ...]
    warnings: tuple[str, ...] = ()


Columns = Mapping[TableName, tuple[Column, ...]]


def classify(
    manifest: Manifest, state: DatabaseState, columns: Columns, undeclared: Mapping[str, tuple[str, ...]]
) -> Reference:
    """Put manifest and database together. `undeclared` holds tables of schemas that the manifest does not know."""
    return Reference(
        manifest=manifest.file.name,
        schemas=tuple(_schema(schema, manifest, state.schema(schema.name), columns) for schema in manifest.schemas),
        projectors=manifest.projectors,
        warnings=tuple(_warnings(manifest, state, undeclared)),
    )


def _schema(declared: SchemaDeclaration, manifest: Manifest, found: SchemaState, columns: Columns) -> SchemaReference:
    own = [r for r in found.relations if r.kind in WORDS and r.role is not Role.EXTENSION and not r.is_partition]
    return SchemaReference(
        name=declared.name,
        kind=declared.kind,
        holds=declared.holds,
        exists=found.exists,
        tables=tuple(_table(r, declared, manifest, found, columns) for r in own if r.role not in HISTORIES),
        histories=tuple(r.name for r in own if r.role in HISTORIES),
    )


def _table(
    relation: Relation, declared: SchemaDeclaration, manifest: Manifest, found: SchemaState, columns: Columns
) -> TableReference:
    fillers = tuple(p for p in manifest.projectors if relation.table in p.tables)
    positions = relation.table in {checkpoint.table for checkpoint in manifest.checkpoints}
    may, why = _POSITIONS if positions else _verdict(relation, declared, found, fillers)
    return TableReference(
        name=relation.name,
        kind=WORDS[relation.kind],
        may_be_emptied=may,
        why=why,
        rebuilt_by=tuple(p.name for p in fillers),
        read_by=tuple(p.name for p in manifest.projectors if relation.table in p.reads),
        events=tuple(dict.fromkeys(event for p in fillers for event in p.events)),
        columns=columns.get(relation.table, ()),
    )


_POSITIONS = (False, "positions of subscribers: a reset forgets those of its scope")


def _verdict(
    relation: Relation, declared: SchemaDeclaration, found: SchemaState, fillers: tuple[Projector, ...]
) -> tuple[bool | None, str]:
    if not relation.holds_rows:
        return None, _of_view(relation)
    if declared.kind is SchemaKind.EVENT_STORE:
        return False, "written by the event store's own library alone"
    if declared.kind is SchemaKind.PERMANENT:
        return False, "exists nowhere else"
    if found.record is not None and relation.name in found.record.seeded:
        return False, "its migrations put rows there, which no event brings back"
    if not fillers:
        return False, "no declared projector rebuilds it"
    return True, "rebuilt from events"


def _of_view(relation: Relation) -> str:
    if relation.kind is RelationKind.MATVIEW:
        return "shows its query's last result: a reset refreshes it"
    if relation.kind is RelationKind.FOREIGN:
        return "its rows lie in another database"
    return "holds no rows of its own"


# ── what is to be settled ────────────────────────────────────────────────────────────────────────────────


def _warnings(manifest: Manifest, state: DatabaseState, undeclared: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for schema in manifest.schemas:
        if not state.schema(schema.name).exists:
            yield f"schema {schema.name} is declared, but does not exist"
        if schema.layout and schema.layout.untried:
            yield f"schema {schema.name}: {untried(schema.layout)}"
    for projector in manifest.projectors:
        for table in projector.tables:
            if state.schema(table.schema).exists and state.relation(table) is None:
                yield f"table {table} of projector {projector.name} does not exist"
    yield from _unclaimed(manifest, state)
    for name, tables in undeclared.items():
        yield f"schema {name} is not in the manifest, so no command touches it: {', '.join(tables)}"


def _unclaimed(manifest: Manifest, state: DatabaseState) -> Iterator[str]:
    claimed = {table for projector in manifest.projectors for table in projector.tables}
    for schema in manifest.of_kind(SchemaKind.PROJECTION):
        for relation in state.schema(schema.name).tables:
            if relation.table not in claimed and not relation.is_partition:
                yield f"table {relation.table} is a projection's, but no projector declares it: nobody rebuilds it"
