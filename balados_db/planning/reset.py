"""Decide which steps a reset needs. Pure: no connection, no clock, no printing."""

from __future__ import annotations

from balados_db.model import (
    DatabaseState,
    Files,
    Manifest,
    Relation,
    Role,
    SchemaKind,
    Scope,
    TableName,
)
from balados_db.planning.keeping import kept_schemas
from balados_db.planning.plan import Danger, Destroyed, Fence, Locks, Phase, Plan, one_phase
from balados_db.planning.refusals import (
    Obstacles,
    refuse_environment,
    refuse_live,
    refuse_obstacles,
    refuse_positions,
    refuse_size,
)
from balados_db.planning.shape import ResetRequest, Shape
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
    refuse_environment(state, manifest, request.scope)
    refuse_positions(state, manifest, request, shape)
    refuse_obstacles(obstacles, shape)
    refuse_size(state, shape)
    if not ignore_live:
        refuse_live(state, shape)
    return Plan(
        command="reset",
        scope=request.scope.value,
        identity=state.identity,
        phases=_phases(state, manifest, files, shape, _verifies_rows(state, request)),
        danger=_danger(state, manifest, request.scope, shape),
        phrase=manifest.phrases[request.scope],
        destroys=_destroys(state, manifest, shape),
        keeps=kept_schemas(state, manifest, _touched(shape)),
        connected=state.sessions,
        ways=shape.ways,
        stale=obstacles.stale,
        not_restored=_not_restored(state, shape),
        warnings=_warnings(state, manifest, request, shape, obstacles),
        fence=_fence(state, manifest, shape),
        locks=_locks(state, shape, obstacles),
        preconditions=_preconditions(state, files, shape),
    )


def _verifies_rows(state: DatabaseState, request: ResetRequest) -> bool:
    """Every kept row is compared when that was asked for, or when the server does not count what is written."""
    return request.verify_rows or (state.identity is not None and not state.identity.counts_writes)


def _phases(
    state: DatabaseState, manifest: Manifest, files: Files, shape: Shape, verify_rows: bool
) -> tuple[Phase, ...]:
    steps: list[Step] = [] if state.own_schema else [CreateRecords()]
    steps.append(CapturePreserved(recreated=shape.recreated, emptied=_refilled(shape), rows=verify_rows))
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


def _touched(shape: Shape) -> set[str]:
    """Schemas of which something is destroyed: none of them can be said to be kept."""
    return {way.schema for way in shape.ways} | {relation.schema for relation in shape.emptied}


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
    keep = tuple(r.table for name in there for r in state.schema(name).relations if r.stays)
    return [DropContents(schemas=there, keep=keep)] if there else []


def _making(state: DatabaseState, files: Files, shape: Shape) -> list[Step]:
    steps: list[Step] = []
    for name in shape.recreated:
        exists = state.schema(name).exists
        steps += [] if exists else [CreateSchema(schema=name)]
        steps.append(ApplyMigrations(schema=name, migrations=tuple(m.id for m in files.get(name, ()))))
        steps += [GiveBack(schema=name)] if exists else []
    return steps


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
    for way in shape.ways:
        unknown = state.schema(way.schema).undroppable
        if unknown:
            warnings.append(f"{way.schema}: left as they are: {listed(unknown)}")
    kept = [t.name for n in shape.recreated for t in state.schema(n).relations if t.role is Role.OTHER_HISTORY]
    if kept:
        warnings.append(f"the history of another migration tool is kept: {listed(tuple(kept))}")
    warnings += _position_warnings(state, manifest, shape)
    if state.identity and not state.identity.counts_writes:
        warnings.append("track_counts is off, so every kept row is counted and hashed, before and after")
    if obstacles.published:
        warnings.append(f"subscribers' tables are emptied as well, by publication {listed(obstacles.published)}")
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
    return warnings


def _fence(state: DatabaseState, manifest: Manifest, shape: Shape) -> Fence:
    store = manifest.event_store
    live = store.layout.liveness if store and store.layout else None
    others = bool(state.sessions)
    if live is None or not state.event_store:
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
