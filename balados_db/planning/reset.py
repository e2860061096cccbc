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
)
from balados_db.planning.facts import deed_facts, migration_facts, position_facts, relation_facts
from balados_db.planning.keeping import kept_schemas
from balados_db.planning.phases import Ground, reset_phases
from balados_db.planning.plan import Danger, Destroyed, Fence, Plan
from balados_db.planning.refusals import (
    Obstacles,
    refuse_environment,
    refuse_live,
    refuse_obstacles,
    refuse_positions,
    refuse_unfinished,
)
from balados_db.planning.shape import ResetRequest, Shape
from balados_db.planning.size import fits, needed, room
from balados_db.planning.steps import listed


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
    refuse_obstacles(obstacles, state, manifest, request, shape)
    refuse_unfinished(state, shape)
    if not ignore_live:
        refuse_live(state, shape)
    ground = Ground(state=state, manifest=manifest, files=files, request=request, shape=shape, obstacles=obstacles)
    return Plan(
        command="reset",
        scope=request.scope.value,
        identity=state.identity,
        phases=reset_phases(ground),
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
        preconditions=_preconditions(state, manifest, files, shape),
    )


def _touched(shape: Shape) -> set[str]:
    """Schemas of which something is destroyed: none of them can be said to be kept."""
    return {way.schema for way in shape.ways} | {relation.schema for relation in shape.emptied}


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
    warnings = _size_warnings(state, shape)
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


def _size_warnings(state: DatabaseState, shape: Shape) -> list[str]:
    warnings = []
    if state.journal:
        warnings.append(f"this finishes the reset that was begun at {state.journal.begun_at} and interrupted")
    if not fits(state, shape):
        locks = f"about {needed(state, shape):,} locks, and the server has room for {room(state):,}"
        warnings.append(
            f"too much for one transaction ({locks}): it takes several, and the positions go to the origin first."
            " If it is interrupted, the same command finishes it"
        )
    return warnings


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
    if live is None or not state.event_store:
        return Fence()
    names = tuple(p.name for p in shape.projectors)
    return Fence(
        class_table=live.table,
        ids=state.subscription_ids_of(None if shape.store else names),
        every_id=shape.store is not None,
    )


def _preconditions(state: DatabaseState, manifest: Manifest, files: Files, shape: Shape) -> dict[str, object]:
    names = sorted(_touched(shape))
    return {
        **migration_facts(state, files, names),
        "relations": relation_facts(state, names),
        "checkpoints": position_facts(state),
        "deeds": deed_facts(manifest),
    }
