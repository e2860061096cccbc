"""Decide what a reset destroys, in which way, and what it needs. Pure: no connection, no clock, no printing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from balados_db.errors import (
    DependentsOutside,
    EmptyImpossible,
    EnvironmentProtected,
    EventStoreInScope,
    InheritanceAcross,
    ProjectorAcrossScope,
    ProjectorsLive,
    ProjectorTablesMissing,
    RecreateImpossible,
    ReferencedFromOutside,
    ReplayNever,
    TooLarge,
    UndeclaredPositions,
    Undroppable,
    UnknownEventStore,
    UnknownProjector,
    UnknownSchema,
    UsageError,
)
from balados_db.model import (
    CheckpointTable,
    DatabaseState,
    LiveProjector,
    Manifest,
    Migration,
    Outsider,
    Projector,
    Relation,
    RelationKind,
    Role,
    SchemaDeclaration,
    SchemaKind,
    SchemaState,
    Scope,
    TableName,
)
from balados_db.planning.keeping import kept_schemas
from balados_db.planning.plan import Danger, Destroyed, Fence, Locks, Phase, Plan, Way, one_phase
from balados_db.planning.steps import (
    ApplyMigrations,
    CapturePreserved,
    CreateRecords,
    CreateSchema,
    DropContents,
    EmptyTables,
    ForgetCheckpoints,
    GiveBack,
    ProvePreserved,
    RecordStructure,
    RefreshViews,
    SeedEventStore,
    Step,
    WriteReceipt,
    listed,
)

Files = Mapping[str, tuple[Migration, ...]]
LOCKS_PER_RELATION = {"empty": 3, "recreate": 8}  # measured: hazards "G-LOCKS"; a recreated table is dropped and made


@dataclass(frozen=True, kw_only=True)
class ResetRequest:
    """What the user asked for."""

    scope: Scope
    schema: str | None = None
    projector: str | None = None
    way: str | None = None  # "empty" or "recreate"; None lets the plan decide
    with_dependents: bool = False


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a reset is going to touch: schemas made anew, tables emptied, projectors that start over."""

    recreated: tuple[str, ...] = ()
    emptied: tuple[Relation, ...] = ()
    refreshed: tuple[Relation, ...] = ()
    projectors: tuple[Projector, ...] = ()
    ways: tuple[Way, ...] = ()
    store: str | None = None  # the event store, when the events go

    @property
    def emptied_names(self) -> tuple[TableName, ...]:
        """The emptied tables' names."""
        return tuple(relation.table for relation in self.emptied)


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """What a closer look at the shape found outside of it."""

    dependents: tuple[Outsider, ...] = ()  # would fall with what is recreated
    inheritance: tuple[Outsider, ...] = ()  # parents or children across the border
    references: tuple[Outsider, ...] = ()  # foreign keys to what is emptied
    lock_too: tuple[TableName, ...] = ()  # kept tables that dropping locks as well
    stale: tuple[str, ...] = ()  # kept views that will show old or no rows
    triggers: tuple[str, ...] = ()  # that fire when tables are emptied


# ── the shape ────────────────────────────────────────────────────────────────────────────────────────────


def shape_reset(
    state: DatabaseState,
    manifest: Manifest,
    files: Files,
    request: ResetRequest,
    leaning: frozenset[str] = frozenset(),
) -> Shape:
    """Say which schemas, tables and projectors the request means, and which way each schema goes.

    `leaning` names schemas that must be recreated because they depend on others that are.

    Raises a Protected error where the request cannot be right whatever the database's dependencies are.
    """
    schemas = _schemas(manifest, request)
    _refuse_hidden_store(state, schemas)
    projectors = _projectors(manifest, request, schemas)
    plain = [schema for schema in schemas if schema.kind is not SchemaKind.EVENT_STORE]
    ways = tuple(_way(state, schema, files, request, schema.name in leaning) for schema in plain)
    _refuse_missing_tables(state, request, projectors)
    store = next((schema.name for schema in schemas if schema.kind is SchemaKind.EVENT_STORE), None)
    shape = Shape(
        recreated=tuple(way.schema for way in ways if way.way == "recreate"),
        projectors=projectors,
        ways=(*ways, *_store_way(state, manifest, store)),
        store=store,
    )
    shape = replace(shape, emptied=_emptied(state, shape, request))
    return replace(shape, refreshed=_refreshed(state, shape))


def _schemas(manifest: Manifest, request: ResetRequest) -> tuple[SchemaDeclaration, ...]:
    if request.projector is not None:
        return tuple(manifest.schema(name) for name in _projector_schemas(manifest, request))  # type: ignore[misc]
    if request.schema is None:
        return tuple(schema for schema in manifest.schemas if schema.kind in request.scope.kinds)
    declared = manifest.schema(request.schema)
    if declared is None:
        raise UnknownSchema(file=str(manifest.file), name=request.schema)
    if declared.kind not in request.scope.kinds:
        right = Scope.of(declared.kind).value
        raise UsageError(problem=f"schema {declared.name!r} is {declared.kind.value}: its scope is --{right}")
    return (declared,)


def _projector_schemas(manifest: Manifest, request: ResetRequest) -> tuple[str, ...]:
    if request.scope is not Scope.PROJECTIONS or request.schema is not None:
        raise UsageError(problem="--projector narrows --projections, alone")
    if request.way == "recreate":
        raise UsageError(problem="a single projector's tables can be emptied, not recreated; --schema recreates")
    tables = [table for projector in _projectors(manifest, request, ()) for table in projector.tables]
    return tuple(dict.fromkeys(table.schema for table in tables))


def _projectors(
    manifest: Manifest, request: ResetRequest, schemas: tuple[SchemaDeclaration, ...]
) -> tuple[Projector, ...]:
    """The projectors that start over; one that also fills tables outside the scope is refused or followed."""
    if SchemaKind.PROJECTION not in request.scope.kinds:
        return ()
    if request.schema is None and request.projector is None:
        return manifest.projectors
    if request.projector is not None:
        chosen = {_named(manifest, request.projector)}
        inside = {table for projector in chosen for table in projector.tables}
    else:
        names = {schema.name for schema in schemas}
        chosen = {p for p in manifest.projectors if any(table.schema in names for table in p.tables)}
        inside = {table for p in manifest.projectors for table in p.tables if table.schema in names}
    return _followed(manifest, chosen, inside, request)


def _named(manifest: Manifest, name: str) -> Projector:
    found = next((p for p in manifest.projectors if p.name == name), None)
    if found is None:
        raise UnknownProjector(file=str(manifest.file), name=name)
    return found


def _followed(
    manifest: Manifest, chosen: set[Projector], inside: set[TableName], request: ResetRequest
) -> tuple[Projector, ...]:
    """Add whoever shares a table, until nobody does; without --with-dependents the first of them is a refusal."""
    while True:
        chosen |= {p for p in manifest.projectors if inside & set(p.tables)}
        outside = {p: set(p.tables) - inside for p in chosen if set(p.tables) - inside}
        if not outside:
            return tuple(p for p in manifest.projectors if p in chosen)
        if not request.with_dependents:
            projector = next(p for p in manifest.projectors if p in outside)
            raise ProjectorAcrossScope(projector=projector.name, tables=listed(tuple(sorted(outside[projector]))))
        inside |= {table for tables in outside.values() for table in tables}


def _refuse_hidden_store(state: DatabaseState, schemas: tuple[SchemaDeclaration, ...]) -> None:
    for schema in schemas:
        if schema.kind is not SchemaKind.EVENT_STORE and schema.name in state.store_in:
            raise EventStoreInScope(schema=schema.name, kind=schema.kind.value, tables="streams, events, …")


def _refuse_missing_tables(state: DatabaseState, request: ResetRequest, projectors: tuple[Projector, ...]) -> None:
    """A single projector starts over only where its tables are known: else it would write its rows twice."""
    if request.projector is None:
        return
    for projector in projectors:
        missing = tuple(table for table in projector.tables if state.relation(table) is None)
        if missing or not projector.tables:
            raise ProjectorTablesMissing(projector=projector.name, tables=listed(missing) or "none are declared")


# ── the way each schema goes ─────────────────────────────────────────────────────────────────────────────


def _way(state: DatabaseState, schema: SchemaDeclaration, files: Files, request: ResetRequest, leans: bool) -> Way:
    found = state.schema(schema.name)
    if request.way == "empty" and found.exists:
        return _empty(found, "asked for with --empty")
    if request.way == "recreate":
        return _recreate(found, files.get(schema.name, ()), schema, "asked for with --recreate")
    reason = _reason_to_recreate(found, files.get(schema.name, ()))
    if leans:
        reason = reason or "it depends on a schema that is recreated"
    if reason and request.projector is not None:
        raise EmptyImpossible(schema=schema.name, reason=reason, hint=f"reset --schema {schema.name}, or say --empty")
    if reason:
        return _recreate(found, files.get(schema.name, ()), schema, reason)
    return _empty(found, "its migrations and its structure are as they were recorded")


def _empty(found: SchemaState, why: str) -> Way:
    if found.cannot_empty:
        raise EmptyImpossible(schema=found.name, reason=f"this role may not truncate {listed(found.cannot_empty)}")
    return Way(schema=found.name, way="empty", why=why)


def _recreate(found: SchemaState, files: tuple[Migration, ...], schema: SchemaDeclaration, why: str) -> Way:
    impossible = _reason_not_to_recreate(found, files, schema)
    if impossible:
        raise RecreateImpossible(schema=schema.name, reason=f"{impossible} ({why})")
    if found.undroppable:
        raise Undroppable(schema=schema.name, names=listed(found.undroppable))
    return Way(schema=schema.name, way="recreate", why=why)


def _reason_not_to_recreate(found: SchemaState, files: tuple[Migration, ...], schema: SchemaDeclaration) -> str | None:
    if schema.migrations is None:
        return "the manifest names no migrations for it"
    if not files and found.tables:
        return "its migrations directory is empty"
    outside = [m.id for m in files if not m.transactional]
    if outside:
        return f"{listed(tuple(outside))} cannot run in a transaction"
    return None


def _reason_to_recreate(found: SchemaState, files: tuple[Migration, ...]) -> str | None:
    """Say why emptying would not leave what a fresh migrate leaves; None when it would."""
    if not found.exists:
        return "it does not exist"
    if found.record is None:
        return "nothing is recorded of its structure"
    applied = {m.id: m.checksum for m in found.applied}
    if applied != {m.id: m.checksum for m in files}:
        return "its migrations are not the ones that were applied"
    if found.record.structure != found.structure:
        return "its structure is no longer the one that was recorded"
    if found.record.seeded:
        return f"its migrations insert rows ({listed(found.record.seeded)})"
    if found.cannot_empty:
        return f"this role may not truncate {listed(found.cannot_empty)}"
    return None


def _store_way(state: DatabaseState, manifest: Manifest, store: str | None) -> tuple[Way, ...]:
    if store is None:
        return ()
    declared = manifest.event_store
    assert declared is not None
    assert declared.layout is not None
    missing = tuple(t for t in declared.layout.proof if t not in state.event_store_tables)
    if missing:
        raise UnknownEventStore(schema=store, missing=listed(missing))
    return (Way(schema=store, way="empty", why="its tables' identity is what its library locks by; seeded anew"),)


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────


def _emptied(state: DatabaseState, shape: Shape, request: ResetRequest) -> tuple[Relation, ...]:
    """Whole schemas' tables; for a narrowed request also the tables that its projectors fill elsewhere."""
    narrowed = request.schema is not None or request.projector is not None
    named = {table for projector in shape.projectors for table in projector.tables} if narrowed else set()
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


def _refreshed(state: DatabaseState, shape: Shape) -> tuple[Relation, ...]:
    """The materialized views beside emptied tables: they would go on showing the old rows."""
    schemas = {relation.schema for relation in shape.emptied} - set(shape.recreated)
    return tuple(
        relation
        for schema in state.schemas
        for relation in schema.relations
        if relation.schema in schemas
        and relation.kind is RelationKind.MATVIEW
        and relation.role is Role.CONTENT
        and relation.populated
    )


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────


def plan_reset(
    state: DatabaseState,
    manifest: Manifest,
    files: Files,
    request: ResetRequest,
    shape: Shape,
    obstacles: Obstacles,
    *,
    ignore_live: bool = False,
) -> Plan:
    """Turn a shape into a plan, or say which object forbids it.

    Raises Protected (exit 5) for what would be harmed, ProjectorsLive (exit 6) for who must be stopped first.
    """
    refuse_protected(state, manifest, request.scope)
    _refuse_positions(state, manifest, request, shape)
    _refuse_obstacles(obstacles, shape)
    _refuse_size(state, shape)
    if not ignore_live:
        refuse_live(state, shape)
    return Plan(
        command="reset",
        scope=request.scope.value,
        identity=state.identity,
        phases=_phases(state, manifest, files, shape),
        danger=_danger(state, manifest, request.scope, shape),
        phrase=manifest.phrases[request.scope],
        destroys=_destroys(state, manifest, shape),
        keeps=kept_schemas(state, manifest, {way.schema for way in shape.ways}),
        ways=shape.ways,
        stale=obstacles.stale,
        not_restored=_not_restored(state, shape),
        warnings=_warnings(state, manifest, request, shape, obstacles),
        fence=_fence(state, manifest, shape),
        locks=_locks(state, shape, obstacles),
        preconditions=_preconditions(state, files, shape),
    )


def refuse_protected(state: DatabaseState, manifest: Manifest, scope: Scope) -> None:
    """Refuse to destroy what exists nowhere else in an environment that the manifest protects."""
    stamp = state.identity.environment if state.identity else None
    if stamp in manifest.protected and scope is not Scope.PROJECTIONS:
        raise EnvironmentProtected(environment=stamp)


def _refuse_positions(state: DatabaseState, manifest: Manifest, request: ResetRequest, shape: Shape) -> None:
    for projector in shape.projectors:
        if manifest.subscriptions.get(projector.name) == "never" and shape.store is None:
            raise ReplayNever(name=projector.name)
    if request.scope is not Scope.PROJECTIONS or request.projector is not None:
        return
    refusing = {c.table for c in manifest.checkpoints if c.refuses_undeclared}
    known = {p.name for p in manifest.projectors} | set(manifest.subscriptions)
    strangers = {c.projector for c in state.checkpoints if c.table in refusing} - known
    if strangers:
        raise UndeclaredPositions(names=listed(tuple(sorted(strangers))), objects=sorted(strangers))


def _refuse_obstacles(obstacles: Obstacles, shape: Shape) -> None:
    for outsiders, error in (
        (obstacles.inheritance, InheritanceAcross),
        (obstacles.references, ReferencedFromOutside),
        (obstacles.dependents, DependentsOutside),
    ):
        if outsiders:
            names = listed(tuple(outsiders))
            objects = [{"type": o.type, "identity": o.identity, "reason": o.reason} for o in outsiders]
            raise error(count=len(outsiders), names=names, objects=objects)


def _refuse_size(state: DatabaseState, shape: Shape) -> None:
    assert state.identity is not None
    recreated = sum(
        LOCKS_PER_RELATION["recreate"] for s in shape.recreated for r in state.schema(s).relations if r.holds_rows
    )
    emptied = sum(LOCKS_PER_RELATION["empty"] + relation.indexes for relation in shape.emptied)
    needed, room = recreated + emptied, state.identity.lock_room
    if needed > room:
        advice = -(-needed * 64 // room)
        raise TooLarge(needed=needed, room=room, advice=advice)


def refuse_live(state: DatabaseState, shape: Shape) -> None:
    """Refuse while a projector of the scope runs: its memory would survive the reset."""
    names = {projector.name for projector in shape.projectors}
    live = tuple(p for p in state.live if shape.store is not None or p.name in names)
    if live:
        raise ProjectorsLive(names="; ".join(_who(p) for p in live), objects=[vars(p) for p in live])


def _who(projector: LiveProjector) -> str:
    said = f", {projector.application}" if projector.application not in ("", projector.name) else ""
    return f"{projector.name} (process {projector.pid}, user {projector.user}{said})"


def _phases(state: DatabaseState, manifest: Manifest, files: Files, shape: Shape) -> tuple[Phase, ...]:
    steps: list[Step] = [] if state.own_schema else [CreateRecords()]
    steps.append(CapturePreserved(recreated=shape.recreated, emptied=_refilled(shape)))
    # What is dropped may reference what is emptied, and what is made anew may be shown by what is refreshed.
    steps += _dropping(state, shape)
    steps += _emptying(manifest, shape)
    steps += _making(state, files, shape)
    steps += [RefreshViews(views=tuple(view.table for view in shape.refreshed))] if shape.refreshed else []
    steps += _forgetting(state, manifest, shape)
    steps += [RecordStructure(schema=name) for name in shape.recreated]
    names = tuple(p.name for p in shape.projectors)
    steps += [ProvePreserved(emptied=shape.emptied_names, forgotten=names), WriteReceipt()]
    return one_phase("reset", steps)


def _refilled(shape: Shape) -> tuple[TableName, ...]:
    return (*shape.emptied_names, *(view.table for view in shape.refreshed))


def _emptying(manifest: Manifest, shape: Shape) -> list[Step]:
    steps: list[Step] = []
    store = manifest.event_store
    settings = tuple(store.layout.reset_settings.items()) if shape.store and store and store.layout else ()
    if shape.emptied:
        steps.append(EmptyTables(tables=shape.emptied_names, settings=settings))
    if shape.store and store and store.layout and store.layout.seed:
        steps.append(SeedEventStore(schema=shape.store))
    return steps


def _dropping(state: DatabaseState, shape: Shape) -> list[Step]:
    """All at once: recreated schemas may depend on one another."""
    there = tuple(name for name in shape.recreated if state.schema(name).exists)
    keep = tuple(table for name in there for table in _kept_inside(state.schema(name)))
    return [DropContents(schemas=there, keep=keep)] if there else []


def _making(state: DatabaseState, files: Files, shape: Shape) -> list[Step]:
    steps: list[Step] = []
    for name in shape.recreated:
        exists = state.schema(name).exists
        steps += [] if exists else [CreateSchema(schema=name)]
        steps.append(ApplyMigrations(schema=name, migrations=tuple(m.id for m in files.get(name, ()))))
        steps += [GiveBack(schema=name)] if exists else []
    return steps


def _kept_inside(schema: SchemaState) -> tuple[TableName, ...]:
    """Relations that stay where they are: positions, and the history of other migration tools."""
    return tuple(r.table for r in schema.relations if r.role in (Role.CHECKPOINTS, Role.OTHER_HISTORY))


def _forgetting(state: DatabaseState, manifest: Manifest, shape: Shape) -> list[Step]:
    emptied = set(shape.emptied_names)
    there = [c for c in manifest.checkpoints if c.table in state.checkpoint_tables and c.table not in emptied]
    if shape.store is not None:
        return [ForgetCheckpoints(table=c.table, projectors=(), everybody=True) for c in there]
    names = tuple(p.name for p in shape.projectors)
    return [ForgetCheckpoints(table=c.table, projectors=names) for c in there if names]


def _danger(state: DatabaseState, manifest: Manifest, scope: Scope, shape: Shape) -> Danger:
    if scope in (Scope.EVENTS, Scope.ALL):
        return Danger.EXTREME
    if scope is Scope.SYSTEM:
        return Danger.DANGER
    unsure = _rebuilt_by_nobody(state, manifest, shape) or _without_tables(shape)
    return Danger.CAUTION if unsure else Danger.SAFE


def _without_tables(shape: Shape) -> tuple[str, ...]:
    """Projectors that start over without saying what they fill: rows elsewhere would be written twice."""
    return tuple(p.name for p in shape.projectors if not p.tables)


def _doomed(state: DatabaseState, shape: Shape) -> tuple[Relation, ...]:
    recreated = tuple(
        relation
        for name in shape.recreated
        for relation in state.schema(name).relations
        if relation.holds_rows and relation.role is Role.CONTENT
    )
    return tuple(r for r in (*recreated, *shape.emptied) if not r.is_partition)


def _rebuilt_by_nobody(state: DatabaseState, manifest: Manifest, shape: Shape) -> tuple[Relation, ...]:
    filled = {table for projector in manifest.projectors for table in projector.tables}
    projections = {schema.name for schema in manifest.of_kind(SchemaKind.PROJECTION)}
    return tuple(r for r in _doomed(state, shape) if r.schema in projections and r.table not in filled and r.rows != 0)


def _destroys(state: DatabaseState, manifest: Manifest, shape: Shape) -> tuple[Destroyed, ...]:
    return tuple(
        Destroyed(
            schema=r.schema,
            table=r.name,
            rows=r.rows,
            exact=r.exact,
            bytes=r.bytes,
            rebuilt_by=tuple(p.name for p in manifest.projectors if r.table in p.tables),
        )
        for r in _doomed(state, shape)
    )


def _not_restored(state: DatabaseState, shape: Shape) -> tuple[str, ...]:
    return tuple(text for name in shape.recreated for text in state.schema(name).not_restorable)


def _warnings(
    state: DatabaseState, manifest: Manifest, request: ResetRequest, shape: Shape, obstacles: Obstacles
) -> tuple[str, ...]:
    warnings: list[str] = []
    nobody = _rebuilt_by_nobody(state, manifest, shape)
    if nobody:
        warnings.append(f"no declared projector rebuilds {listed(tuple(r.table for r in nobody))}: they stay empty")
    unsure = _without_tables(shape)
    if unsure:
        warnings.append(f"the manifest names no tables of {listed(unsure)}: what they fill elsewhere is not emptied")
    kept = [t.name for n in shape.recreated for t in state.schema(n).relations if t.role is Role.OTHER_HISTORY]
    if kept:
        warnings.append(f"the history of another migration tool is kept: {listed(tuple(kept))}")
    warnings += _position_warnings(state, manifest, shape)
    if obstacles.triggers:
        warnings.append(f"triggers fire when tables are emptied: {listed(obstacles.triggers)}")
    if shape.store is not None and request.scope is Scope.EVENTS:
        warnings.append("every projection becomes stale: what it shows comes from events that are gone")
    return tuple(warnings)


def _position_warnings(state: DatabaseState, manifest: Manifest, shape: Shape) -> list[str]:
    if shape.store is not None or not shape.projectors:
        return []
    warnings = []
    known = {p.name for p in manifest.projectors} | set(manifest.subscriptions)
    strangers = {c.projector for c in state.checkpoints} - known
    if strangers:
        warnings.append(f"positions that the manifest does not declare are kept: {listed(tuple(sorted(strangers)))}")
    missing = [str(c.table) for c in manifest.checkpoints if _absent(c, state)]
    if missing:
        warnings.append(f"checkpoint tables that do not exist: {listed(tuple(missing))}")
    return warnings


def _absent(checkpoint: CheckpointTable, state: DatabaseState) -> bool:
    return not checkpoint.optional and checkpoint.table not in state.checkpoint_tables


def _fence(state: DatabaseState, manifest: Manifest, shape: Shape) -> Fence:
    store = manifest.event_store
    live = store.layout.liveness if store and store.layout else None
    others = bool(state.sessions)
    if live is None or live.table not in state.checkpoint_tables:
        return Fence(others_connected=others)
    names = tuple(p.name for p in shape.projectors)
    return Fence(
        class_table=live.table,
        ids=state.subscription_ids_of(None if shape.store else names),
        every_id=shape.store is not None,
        others_connected=others,
    )


def _locks(state: DatabaseState, shape: Shape, obstacles: Obstacles) -> Locks:
    recreated = [r for n in shape.recreated for r in state.schema(n).relations if r.holds_rows and r.lockable]
    doomed = [r for r in (*recreated, *shape.emptied) if r.role is not Role.EXTENSION]
    ordered = tuple(r.table for r in sorted(doomed, key=lambda r: r.oid))
    checkpoints = tuple(t for t in state.checkpoint_tables if t not in ordered)
    exclusive = tuple(t for t in (*ordered, *obstacles.lock_too) if t not in checkpoints)
    return Locks(checkpoints=checkpoints, exclusive=exclusive)


def _preconditions(state: DatabaseState, files: Files, shape: Shape) -> dict[str, object]:
    names = [way.schema for way in shape.ways]
    return {
        "structure": {name: state.schema(name).structure for name in names},
        "applied": {name: [(m.id, m.checksum) for m in state.schema(name).applied] for name in names},
        "files": {name: [(m.id, m.checksum) for m in files.get(name, ())] for name in names},
        "relations": {name: sorted(r.oid for r in state.schema(name).relations) for name in names},
        "checkpoints": sorted({f"{c.table}/{c.projector}" for c in state.checkpoints}),
    }
