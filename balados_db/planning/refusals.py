"""Say why a reset must not be: what would be harmed, who is in the way. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from balados_db.errors import (
    CheckpointTableMissing,
    DependentsOutside,
    EnvironmentMismatch,
    EnvironmentProtected,
    InheritanceAcross,
    ProjectorsLive,
    ReferencedFromOutside,
    ReplayNever,
    TemporaryDependents,
    TooLarge,
    UndeclaredPositions,
)
from balados_db.model import (
    CheckpointTable,
    DatabaseState,
    LiveProjector,
    Manifest,
    Outsider,
    Scope,
    TableName,
)
from balados_db.planning.shape import ResetRequest, Shape
from balados_db.planning.steps import (
    listed,
)

RECREATED_LOCKS = 8  # dropping locks table, index and row types, making locks the new ones; measured at 500 tables


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """What a closer look at the shape found outside of it."""

    dependents: tuple[Outsider, ...] = ()  # would fall with what is recreated
    inheritance: tuple[Outsider, ...] = ()  # parents or children across the border
    references: tuple[Outsider, ...] = ()  # foreign keys to what is emptied
    temporary: tuple[str, ...] = ()  # temporary objects of other sessions on what is recreated
    lock_too: tuple[TableName, ...] = ()  # kept tables that dropping locks as well
    stale: tuple[str, ...] = ()  # kept views that will show old or no rows
    triggers: tuple[str, ...] = ()  # that fire when tables are emptied
    published: tuple[str, ...] = ()  # publications that carry the emptying to their subscribers


def refuse_environment(state: DatabaseState, manifest: Manifest, scope: Scope) -> None:
    """Refuse where the database is not what the caller believes, or is protected."""
    stamp = state.identity.environment if state.identity else None
    if stamp and manifest.environment and stamp != manifest.environment:
        raise EnvironmentMismatch(expected=manifest.environment, actual=stamp)
    if stamp in manifest.protected and scope is not Scope.PROJECTIONS:
        raise EnvironmentProtected(environment=stamp)


def refuse_positions(state: DatabaseState, manifest: Manifest, request: ResetRequest, shape: Shape) -> None:
    """Refuse to move what must not move, and to leave behind what nobody would rebuild."""
    for projector in shape.projectors:
        if manifest.subscriptions.get(projector.name) == "never" and shape.store is None:
            raise ReplayNever(name=projector.name)
    if request.scope is not Scope.PROJECTIONS:
        return
    for checkpoint in manifest.checkpoints:
        if _is_missing(checkpoint, state, manifest):
            raise CheckpointTableMissing(table=checkpoint.table)
    if request.projector is not None:
        return
    refusing = {c.table for c in manifest.checkpoints if c.refuses_undeclared}
    known = {p.name for p in manifest.projectors} | set(manifest.subscriptions)
    strangers = {c.projector for c in state.checkpoints if c.table in refusing} - known
    if strangers:
        raise UndeclaredPositions(names=listed(tuple(sorted(strangers))), objects=sorted(strangers))


def _is_missing(checkpoint: CheckpointTable, state: DatabaseState, manifest: Manifest) -> bool:
    """A declared table of positions that is not there; those of a store that is not installed yet may be."""
    store = manifest.event_store
    to_come = store is not None and checkpoint.table.schema == store.name and not state.event_store
    return not checkpoint.optional and not to_come and checkpoint.table not in state.checkpoint_tables


def refuse_obstacles(obstacles: Obstacles, shape: Shape) -> None:
    """Refuse what a closer look found, each object by name."""
    if obstacles.temporary:
        raise TemporaryDependents(names=listed(obstacles.temporary), objects=list(obstacles.temporary))
    for outsiders, error in (
        (obstacles.inheritance, InheritanceAcross),
        (obstacles.references, ReferencedFromOutside),
        (obstacles.dependents, DependentsOutside),
    ):
        if outsiders:
            names = listed(tuple(outsiders))
            objects = [{"type": o.type, "identity": o.identity, "reason": o.reason} for o in outsiders]
            raise error(count=len(outsiders), names=names, objects=objects)


def refuse_size(state: DatabaseState, shape: Shape) -> None:
    """Refuse what does not fit into one transaction's locks."""
    assert state.identity is not None
    made_anew = (r for name in shape.recreated for r in state.schema(name).relations if r.holds_rows)
    recreated = sum(RECREATED_LOCKS + r.indexes for r in made_anew)
    # Emptying locks a table, its indexes, and the table for wide values with its index.
    emptied = sum(1 + r.indexes + (2 if r.toast else 0) for r in shape.emptied)
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
