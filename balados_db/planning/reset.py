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
    untried,
)
from balados_db.planning.companions import reads_elsewhere, shown_by
from balados_db.planning.facts import deed_facts, migration_facts, position_facts, relation_facts, trigger_facts
from balados_db.planning.forecast import forecast_of, together
from balados_db.planning.ground import Ground
from balados_db.planning.keeping import kept_schemas
from balados_db.planning.phases import reset_phases
from balados_db.planning.plan import Danger, Destroyed, Fence, Plan, StartsOver
from balados_db.planning.refusals import (
    Obstacles,
    refuse_environment,
    refuse_live,
    refuse_obstacles,
    refuse_positions,
    refuse_unfinished,
    without_position,
)
from balados_db.planning.request import ResetRequest
from balados_db.planning.shape import Shape
from balados_db.planning.size import fits, needed, room
from balados_db.planning.steps import listed
from balados_db.planning.unfit import may_not_truncate


def plan_reset(
    state: DatabaseState,
    manifest: Manifest,
    files: Files,
    request: ResetRequest,
    shape: Shape,
    obstacles: Obstacles,
    *,
    ignore_live: bool = False,
    whole: Shape | None = None,
) -> Plan:
    """Turn a shape into a plan, or say which object forbids it.

    `whole` is what is touched in all databases, where this is but one of several.

    Raises Protected (exit 5) for what would be harmed, ProjectorsLive (exit 6) for who must be stopped first.
    """
    refuse_environment(state, manifest, request.scope)
    refuse_positions(state, manifest, request, shape)
    refuse_obstacles(obstacles, state, manifest, request, shape)
    refuse_unfinished(state, whole or shape)
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
        keeps=kept_schemas(state, manifest, _touched(shape), _kept_beside(state, manifest, request, shape)),
        starts_over=(starting := _starts_over(state, manifest, shape)),
        forecast=together(s.forecast for s in starting),
        connected=state.sessions,
        ways=shape.ways,
        stale=obstacles.stale,
        not_restored=_not_restored(state, shape),
        warnings=_warnings(state, manifest, request, shape, obstacles),
        trigger=manifest.trigger if shape.projectors or shape.store else None,
        fence=fence_of(state, manifest, shape),
        preconditions=preconditions_of(state, manifest, files, shape),
    )


def _touched(shape: Shape) -> set[str]:
    """Schemas of which something is destroyed: none of them can be said to be kept."""
    return {way.schema for way in shape.ways} | {relation.schema for relation in shape.emptied}


def _kept_beside(
    state: DatabaseState, manifest: Manifest, request: ResetRequest, shape: Shape
) -> dict[str, tuple[Relation, ...]]:
    """The tables that stay in schemas of which only some are emptied."""
    whole = {way.schema for way in shape.ways} if request.projector is None else set()
    gone = set(shape.emptied_names)
    names = [s.name for s in manifest.schemas if s.name in _touched(shape) - whole]
    return {name: tuple(r for r in state.schema(name).tables if r.table not in gone) for name in names}


def _starts_over(state: DatabaseState, manifest: Manifest, shape: Shape) -> tuple[StartsOver, ...]:
    """Where the events go as well nothing is replayed."""
    return tuple(
        StartsOver(
            projector=p.name,
            tables=tuple(map(str, p.tables)),
            reads=tuple(map(str, p.reads)),
            because=shape.because.get(p.name),
            forecast=None if shape.store else forecast_of(state, manifest, p),
        )
        for p in shape.projectors
    )


def _danger(state: DatabaseState, manifest: Manifest, scope: Scope, shape: Shape) -> Danger:
    if scope in (Scope.EVENTS, Scope.ALL):
        return Danger.EXTREME
    if scope is Scope.SYSTEM:
        return Danger.DANGER
    unsure = _rebuilt_by_nobody(state, manifest, shape) or _without_tables(shape) or without_position(state, shape)
    return Danger.CAUTION if unsure else Danger.SAFE


def _without_tables(shape: Shape) -> tuple[str, ...]:
    """Projectors that start over without saying what they fill: rows elsewhere would be written twice."""
    return tuple(p.name for p in shape.projectors if not (p.tables or p.elsewhere))


def _doomed(state: DatabaseState, shape: Shape) -> tuple[Relation, ...]:
    recreated = tuple(
        relation
        for name in shape.recreated
        for relation in state.schema(name).relations
        if relation.holds_rows and relation.role is Role.CONTENT
    )
    return tuple(r for r in (*recreated, *shape.emptied) if not r.is_partition)


def _rebuilt_by_nobody(state: DatabaseState, manifest: Manifest, shape: Shape) -> tuple[Relation, ...]:
    """Tables that stay empty: no projector fills them, nor do migrations that run again."""
    filled = {table for projector in manifest.projectors for table in projector.tables}
    filled |= {table for table in _seeded(state) if table.schema in shape.recreated}
    projections = {schema.name for schema in manifest.of_kind(SchemaKind.PROJECTION)}
    return tuple(r for r in _doomed(state, shape) if r.schema in projections and r.table not in filled and r.rows != 0)


def _seeded(state: DatabaseState) -> tuple[TableName, ...]:
    """Tables in which migrations left rows."""
    return tuple(TableName(s.name, name) for s in state.schemas if s.record for name in s.record.seeded)


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
    unseeded = tuple(table for table in shape.emptied_names if table in _seeded(state))
    if unseeded:
        warnings.append(
            f"migrations insert rows into {listed(unseeded)}: emptying does not bring them back, --recreate does"
        )
    warnings += _projector_warnings(state, manifest, shape)
    forbidden = tuple(
        TableName(way.schema, name)
        for way in shape.ways
        if way.way == "empty"
        for name in state.schema(way.schema).cannot_empty
    )
    if forbidden:
        warnings.append(f"{may_not_truncate(forbidden)}: it takes one that may to carry this out")
    for way in shape.ways:
        unknown = state.schema(way.schema).undroppable
        if unknown:
            warnings.append(f"{way.schema}: left as they are: {listed(unknown)}")
    kept = [t.name for n in shape.recreated for t in state.schema(n).relations if t.role is Role.OTHER_HISTORY]
    if kept:
        warnings.append(f"the history of another migration tool is kept: {listed(tuple(kept))}")
    warnings += _position_warnings(state, manifest, shape)
    warnings += _store_warnings(manifest, shape)
    if state.identity and not state.identity.counts_writes:
        warnings.append("track_counts is off, so every kept row is counted and hashed, before and after")
    if obstacles.published:
        warnings.append(f"subscribers' tables are emptied as well, by publication {listed(obstacles.published)}")
    if obstacles.triggers:
        warnings.append(f"triggers fire when tables are emptied: {listed(obstacles.triggers)}")
    if shape.store is not None and request.scope is Scope.EVENTS:
        warnings.append("every projection becomes stale: what it shows comes from events that are gone")
    return tuple(warnings)


def _projector_warnings(state: DatabaseState, manifest: Manifest, shape: Shape) -> list[str]:
    """What starting over cannot mend, or not alone."""
    warnings = []
    unsure = tuple(p.name for p in shape.projectors if not p.says_what_it_fills)
    if unsure:
        warnings.append(f"the manifest names no tables of {listed(unsure)}: what they fill elsewhere is not emptied")
    elsewhere = tuple(p.name for p in shape.projectors if p.fills_nothing)
    if elsewhere:
        said = "only positions are forgotten, and what is filled elsewhere is not emptied"
        warnings.append(f"nothing in this database is filled by {listed(elsewhere)}: {said}")
    unplaced = tuple(p.name for p in without_position(state, shape))
    if unplaced:
        warnings.append(f"no position of {listed(unplaced)} is known: nobody may fill their tables again")
    for projector in shape.projectors:
        read = reads_elsewhere(manifest, projector, _gone(state, shape), state.ties)
        if read:
            said = "which stays as it is now: it does not see it as it was at each event"
            warnings.append(f"{projector.name} reads {listed(tuple(read))}, {said}")
    return [*warnings, *_outside_readers(state, manifest, shape)]


def _gone(state: DatabaseState, shape: Shape) -> tuple[TableName, ...]:
    return tuple(r.table for r in _doomed(state, shape))


def _outside_readers(state: DatabaseState, manifest: Manifest, shape: Shape) -> list[str]:
    """Whoever goes on with what it made of permanent rows that are gone."""
    gone = set(_gone(state, shape))
    found = {
        p.name: [read for read in p.reads if shown_by(state.ties, read) & gone]
        for p in manifest.projectors
        if p not in shape.projectors
    }
    return [
        f"{name} reads {listed(tuple(read))}: what it made of that becomes stale"
        for name, read in found.items()
        if read
    ]


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
    if shape.events_go or not shape.projectors:
        return []
    warnings = []
    known = {p.name for p in manifest.projectors} | set(manifest.subscriptions)
    strangers = {c.projector for c in state.checkpoints} - known
    if strangers:
        warnings.append(f"positions that the manifest does not declare are kept: {listed(tuple(sorted(strangers)))}")
    return warnings


def _store_warnings(manifest: Manifest, shape: Shape) -> list[str]:
    """What this kind of event store cannot promise, where anybody's position moves."""
    layout = manifest.event_store.layout if manifest.event_store else None
    if layout is None or (shape.store is None and not shape.projectors):
        return []
    warnings = []
    if not layout.shows_life:
        warnings.append(_UNSEEN)
    if layout.unfenced:
        warnings.append(layout.unfenced)
    if layout.untried:
        warnings.append(untried(layout))
    return warnings


_UNSEEN = "nobody can see whether a projector of this event store runs: stop them all, and start them again afterwards"


def fence_of(state: DatabaseState, manifest: Manifest, shape: Shape) -> Fence:
    """Whom to keep out: the projectors that start over, or everybody when the events go."""
    store = manifest.event_store
    layout = store.layout if store else None
    if layout is None or not state.event_store:
        return Fence()
    names = tuple(p.name for p in shape.projectors)
    live = layout.liveness
    return Fence(
        class_table=live.table if live else None,
        ids=state.subscription_ids_of(None if shape.store else names) if live else (),
        called=state.subscriptions if live else (),
        every_id=shape.store is not None,
        probe=layout.probe,
        projectors=names,
    )


def preconditions_of(state: DatabaseState, manifest: Manifest, files: Files, shape: Shape) -> dict[str, object]:
    """What of this database the plan depends on."""
    names = sorted(_touched(shape))
    return {
        **migration_facts(state, files, names),
        "relations": relation_facts(state, names),
        "checkpoints": position_facts(state),
        "deeds": deed_facts(manifest),
        "trigger": trigger_facts(manifest),
    }
