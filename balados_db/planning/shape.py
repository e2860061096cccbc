"""Decide what a reset touches: schemas, tables, projectors, and the way each schema goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from balados_db.errors import UsageError
from balados_db.manifest.lookup import declared_projector, declared_schema
from balados_db.model import (
    DatabaseState,
    Files,
    Manifest,
    Projector,
    Relation,
    RelationKind,
    Role,
    SchemaDeclaration,
    SchemaKind,
    Scope,
    TableName,
)
from balados_db.planning.companions import Company, gather, shown_by, with_partitions
from balados_db.planning.plan import Way
from balados_db.planning.request import ResetRequest
from balados_db.planning.unfit import store_in_scope, tables_missing, unemptied
from balados_db.planning.ways import way_of, way_of_store


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a reset is going to touch: schemas made anew, tables emptied, projectors that start over."""

    recreated: tuple[str, ...] = ()
    emptied: tuple[Relation, ...] = ()
    refreshed: tuple[Relation, ...] = ()
    projectors: tuple[Projector, ...] = ()
    because: Mapping[str, str] = field(default_factory=dict)  # why those were taken along who were not asked for
    ways: tuple[Way, ...] = ()
    store: str | None = None  # the event store, when the events go
    store_elsewhere: bool = False  # whether they go in another database

    @property
    def events_go(self) -> bool:
        """Whether the events are emptied, here or in another database: then everybody starts over."""
        return self.store is not None or self.store_elsewhere

    @property
    def emptied_names(self) -> tuple[TableName, ...]:
        """The emptied tables' names."""
        return tuple(relation.table for relation in self.emptied)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """All databases of a manifest as one: who starts over with whom is decided over them all."""

    manifest: Manifest
    state: DatabaseState


def shape_reset(
    state: DatabaseState,
    manifest: Manifest,
    files: Files,
    request: ResetRequest,
    leaning: frozenset[str] = frozenset(),
    whole: Whole | None = None,
) -> Shape:
    """Say which schemas, tables and projectors the request means, and which way each schema goes.

    `leaning` names schemas that must be recreated because they depend on others that are. `whole` is what `manifest` is
    the part of one database of: it decides what is meant, and the shape is what of that lies in this database.

    Raises a Protected error where the request cannot be right whatever the database's dependencies are.
    """
    company = _company(whole.state, whole.manifest, request) if whole else _company(state, manifest, request)
    meant = _schemas(whole.manifest if whole else manifest, request, company)
    schemas = tuple(schema for schema in meant if manifest.schema(schema.name))
    _refuse_hidden_store(state, manifest, schemas)
    projectors = _in_order(manifest, company)
    plain = [schema for schema in schemas if schema.kind is not SchemaKind.EVENT_STORE]
    ways = tuple(way_of(state, schema, files, request, schema.name in leaning) for schema in plain)
    _refuse_missing_tables(state, request, projectors)
    store = next((schema.name for schema in schemas if schema.kind is SchemaKind.EVENT_STORE), None)
    shape = Shape(
        recreated=tuple(way.schema for way in ways if way.way == "recreate"),
        projectors=projectors,
        because=company.because,
        ways=(*ways, *way_of_store(state, manifest, store)),
        store=store,
        store_elsewhere=store is None and any(schema.kind is SchemaKind.EVENT_STORE for schema in meant),
    )
    if request.with_dependents:
        _refuse_seeded_elsewhere(state, shape)
    shape = replace(shape, emptied=_emptied(state, shape, request, company))
    return replace(shape, refreshed=_refreshed(state, shape, request))


def chosen(
    manifest: Manifest, request: ResetRequest, state: DatabaseState | None = None
) -> tuple[tuple[SchemaDeclaration, ...], tuple[Projector, ...]]:
    """The schemas that a request names or implies, and the projectors that start over with them.

    Raises UnknownSchema, UnknownProjector, UsageError, ProjectorAcrossScope or ProjectorsBound.
    """
    company = _company(state or DatabaseState(identity=None), manifest, request)
    return _schemas(manifest, request, company), _in_order(manifest, company)


def _in_order(manifest: Manifest, company: Company) -> tuple[Projector, ...]:
    """Those of this manifest, which of a part of it know their tables there alone."""
    names = {projector.name for projector in company.chosen}
    return tuple(p for p in manifest.projectors if p.name in names)


def _company(state: DatabaseState, manifest: Manifest, request: ResetRequest) -> Company:
    """The projectors that start over; one that is tied to the scope from outside is refused or taken along."""
    if request.projector is not None:
        _refuse_unfit(request)
        chosen = declared_projector(manifest, request.projector)
        return gather(state, manifest, [chosen], chosen.tables, along=request.with_dependents)
    if SchemaKind.PROJECTION not in request.scope.kinds:
        return Company(chosen=[], inside=set())
    if request.schema is None:
        return Company(chosen=list(manifest.projectors), inside=set())
    filled = {table for p in manifest.projectors for table in p.tables if table.schema == request.schema}
    inside = {r.table for r in state.schema(request.schema).relations if r.holds_rows} | filled
    filling = [p for p in manifest.projectors if inside & set(p.tables)]
    return gather(state, manifest, filling, inside, along=request.with_dependents)


def _refuse_unfit(request: ResetRequest) -> None:
    if request.scope is not Scope.PROJECTIONS or request.schema is not None:
        raise UsageError(problem="--projector narrows --projections, alone")
    if request.way == "recreate":
        raise UsageError(problem="a single projector's tables can be emptied, not recreated; --schema recreates")


def _schemas(manifest: Manifest, request: ResetRequest, company: Company) -> tuple[SchemaDeclaration, ...]:
    if request.projector is not None:
        names = {table.schema for projector in company.chosen for table in projector.tables}
        return tuple(schema for schema in manifest.schemas if schema.name in names)
    if request.schema is None:
        return tuple(schema for schema in manifest.schemas if schema.kind in request.scope.kinds)
    declared = declared_schema(manifest, request.schema)
    if declared.kind not in request.scope.kinds:
        right = Scope.of(declared.kind).value
        raise UsageError(problem=f"schema {declared.name!r} is {declared.kind.value}: its scope is --{right}")
    return (declared,)


def _refuse_hidden_store(state: DatabaseState, manifest: Manifest, schemas: tuple[SchemaDeclaration, ...]) -> None:
    store = manifest.event_store
    proof = store.layout.proof if store and store.layout else ()
    for schema in schemas:
        if schema.kind is not SchemaKind.EVENT_STORE and schema.name in state.store_in:
            raise store_in_scope(schema, proof)


def _refuse_missing_tables(state: DatabaseState, request: ResetRequest, projectors: tuple[Projector, ...]) -> None:
    """Whoever starts over alone does so only where its tables can be emptied: else it would write its rows twice."""
    if request.projector is None and not request.with_dependents:
        return
    for projector in projectors:
        missing = tuple(table for table in projector.tables if not _can_be_emptied(state.relation(table)))
        if missing or not projector.says_what_it_fills:
            raise tables_missing(projector, {table: state.relation(table) for table in missing}, state)


def _can_be_emptied(relation: Relation | None) -> bool:
    return relation is not None and relation.holds_rows and relation.role is Role.CONTENT


def _refuse_seeded_elsewhere(state: DatabaseState, shape: Shape) -> None:
    """A table that is taken along is emptied: where migrations leave rows in it, that is not what they made."""
    whole = {way.schema for way in shape.ways}
    for table in (t for p in shape.projectors for t in p.tables if t.schema not in whole):
        record = state.schema(table.schema).record
        if record is not None and table.name in record.seeded:
            reason = f"its migrations insert rows ({table.name})"
            raise unemptied(table.schema, reason, "reset all projections together")


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────


def _emptied(state: DatabaseState, shape: Shape, request: ResetRequest, company: Company) -> tuple[Relation, ...]:
    """Whole schemas' tables; for a narrowed request also the tables that its projectors fill elsewhere."""
    filled = with_partitions(state.ties, (table for projector in shape.projectors for table in projector.tables))
    named = company.inside & filled
    whole = {way.schema for way in shape.ways if way.way == "empty"} if request.projector is None else set()
    return tuple(
        relation
        for schema in state.schemas
        for relation in schema.relations
        if relation.holds_rows
        and relation.schema not in shape.recreated
        and (relation.table in named or (relation.schema in whole and relation.role in _roles(relation, shape)))
    )


def _roles(relation: Relation, shape: Shape) -> tuple[Role, ...]:
    return (Role.EVENTS,) if relation.schema == shape.store else (Role.CONTENT,)


def _refreshed(state: DatabaseState, shape: Shape, request: ResetRequest) -> tuple[Relation, ...]:
    """The materialized views beside emptied tables, which would go on showing the old rows.

    Of a schema that is not emptied as a whole only those that read what is.
    """
    schemas = {relation.schema for relation in shape.emptied} - set(shape.recreated)
    whole = {way.schema for way in shape.ways} if request.projector is None else set()
    emptied = set(shape.emptied_names)
    return tuple(
        relation
        for schema in state.schemas
        for relation in schema.relations
        if relation.schema in schemas
        and relation.kind is RelationKind.MATVIEW
        and relation.role is Role.CONTENT
        and relation.populated
        and (relation.schema in whole or shown_by(state.ties, relation.table) & emptied)
    )
