"""Say why a reset must not be: what would be harmed, who is in the way. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from balados_db.errors import (
    CheckpointTableMissing,
    DependentsOutside,
    EnvironmentMismatch,
    EnvironmentProtected,
    InheritanceAcross,
    NoTable,
    ProjectorsLive,
    ReferencedFromOutside,
    ReplayNever,
    TemporaryDependents,
    UndeclaredPositions,
    UnfinishedReset,
)
from balados_db.model import (
    CheckpointState,
    CheckpointTable,
    DatabaseState,
    Manifest,
    Outsider,
    Projector,
    Relation,
    RelationKind,
    Role,
    Scope,
    TableName,
)
from balados_db.planning import culprits, cures, unfit
from balados_db.planning.companions import with_partitions
from balados_db.planning.request import ResetRequest
from balados_db.planning.shape import Shape
from balados_db.planning.steps import (
    listed,
)
from balados_db.toml_text import key


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """What a closer look at the shape found outside of it."""

    dependents: tuple[Outsider, ...] = ()  # would fall with what is recreated
    inheritance: tuple[Outsider, ...] = ()  # parents or children across the border
    references: tuple[Outsider, ...] = ()  # foreign keys to what is emptied
    temporary: tuple[Outsider, ...] = ()  # temporary objects of other sessions on what is recreated
    lock_too: tuple[tuple[int, TableName], ...] = ()  # kept tables that dropping locks as well, by the dropped one
    foreign_keys: tuple[tuple[int, int], ...] = ()  # among what is touched: referencing, referenced
    inside: tuple[tuple[int, int], ...] = ()  # among what is touched: child or view first, then what it is based on
    reading: tuple[tuple[int, int], ...] = ()  # among what is refreshed: read, reading
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
    _refuse_another_store(state, manifest)
    for table in state.no_tables:
        raise NoTable(table=table, objects=[_no_table(table)])
    if not shape.events_go:
        for projector in shape.projectors:
            refuse_replay(manifest, projector.name)
    if state.unclaimed and request.projector is None and (shape.projectors or shape.store):
        raise UndeclaredPositions(
            names=listed(state.unclaimed), objects=list(map(culprits.of_unclaimed, state.unclaimed))
        )
    if request.scope is not Scope.PROJECTIONS:
        return
    for checkpoint in manifest.checkpoints:
        if is_missing(checkpoint, state, manifest):
            raise CheckpointTableMissing(table=checkpoint.table, objects=[_unfound(checkpoint.table)])
    strangers = _strangers(state, manifest)
    if request.projector is not None:
        unplaced = without_position(state, shape)
        if unplaced:
            raise culprits.unplaced(unplaced[0], tuple(strangers), manifest)
        return
    if strangers:
        objects = [culprits.of_position(name, found) for name, found in sorted(strangers.items())]
        raise UndeclaredPositions(names=listed(tuple(sorted(strangers))), objects=objects)


def refuse_replay(manifest: Manifest, name: str) -> None:
    """Refuse to move a position that must never go back, whatever it was named as."""
    if manifest.subscriptions.get(name) == "never":
        declared = any(p.name == name for p in manifest.projectors)
        raise ReplayNever(name=name, objects=[_replayed(name, declared=declared)])


def without_position(state: DatabaseState, shape: Shape) -> tuple[Projector, ...]:
    """Projectors whose tables hold rows although no table knows a position of theirs: nobody would fill them again."""
    known = {row.projector for row in state.checkpoints} | set(state.journal.projectors if state.journal else ())
    known |= set(state.placed_elsewhere)
    filled = {table for p in shape.projectors if p.name in known for table in p.tables}
    return tuple(p for p in shape.projectors if any(t not in filled and _holds_rows(state, t) for t in p.tables))


def _holds_rows(state: DatabaseState, table: TableName) -> bool:
    """Whether it holds rows, or may; a partitioned table holds what its partitions do."""
    found = (state.relation(name) for name in with_partitions(state.ties, (table,)))
    return any(r.rows != 0 for r in found if r is not None and r.kind is not RelationKind.PARTITIONED)


def _strangers(state: DatabaseState, manifest: Manifest) -> dict[str, list[tuple[CheckpointTable, CheckpointState]]]:
    """Names that have a position where only projectors have one, and no declaration."""
    refusing = {c.table: c for c in manifest.checkpoints if c.refuses_undeclared}
    known = {p.name for p in manifest.projectors} | set(manifest.subscriptions)
    found: dict[str, list[tuple[CheckpointTable, CheckpointState]]] = {}
    for row in state.checkpoints:
        if row.table in refusing and row.projector not in known:
            found.setdefault(row.projector, []).append((refusing[row.table], row))
    return found


def _refuse_another_store(state: DatabaseState, manifest: Manifest) -> None:
    """Of a store that is there in part, of another kind or elsewhere nobody sees positions or living projectors."""
    store = manifest.event_store
    if store is None or store.layout is None or state.event_store:
        return
    spelled_wrong = store.layout.name == "custom" and any(_is_content(r) for r in state.schema(store.name).tables)
    if state.event_store_tables or state.event_store_like or state.store_in or spelled_wrong:
        raise unfit.store_missing(store, state)


def _is_content(relation: Relation) -> bool:
    return relation.role is Role.CONTENT


def _no_table(table: TableName) -> dict[str, Any]:
    cure = f"name in the manifest the table that holds the positions which {table} shows"
    return cures.in_the_way("relation", str(table), "is a view or the like", cure, table.schema)


def _replayed(name: str, *, declared: bool) -> dict[str, Any]:
    if not declared:
        cure = 'leave it alone; or say replay = "allowed" beside it, if nothing happens twice'
        return cures.in_the_way("subscription", name, 'is declared replay = "never"', cure)
    cure = f"take [projectors.{key(name)}] out of the manifest, or allow it to replay"
    return cures.in_the_way("subscription", name, 'is a projector, and declared replay = "never"', cure)


def _unfound(table: TableName) -> dict[str, Any]:
    cure = f"correct {table} where the manifest names it, or say `optional = true` beside it if it comes later"
    return cures.of_table(*table, "does not exist", cure)


def is_missing(checkpoint: CheckpointTable, state: DatabaseState, manifest: Manifest) -> bool:
    """A declared table of positions that is not there; those of a store that is not installed yet may be."""
    store = manifest.event_store
    to_come = store is not None and checkpoint.table.schema == store.name and not state.event_store_tables
    return not checkpoint.optional and not to_come and checkpoint.table not in state.checkpoint_tables


def refuse_obstacles(
    obstacles: Obstacles, state: DatabaseState, manifest: Manifest, request: ResetRequest, shape: Shape
) -> None:
    """Refuse what a closer look found, each object by name and with its cure."""
    around = cures.surroundings_of(manifest, (way.schema for way in shape.ways))
    empty = ("reset with --empty, which drops nothing",) if _may_empty(obstacles, state, request, shape) else ()
    for outsiders, error, instead in (
        (obstacles.temporary, TemporaryDependents, empty),
        (obstacles.inheritance, InheritanceAcross, ()),
        (obstacles.references, ReferencedFromOutside, _taking_along(obstacles, manifest, request)),
        (obstacles.dependents, DependentsOutside, (*empty, *_declaring_permanent(obstacles, request))),
    ):
        if outsiders:
            objects = cures.of_outsiders(outsiders, around)
            raise error(
                count=len(outsiders), names=_named(outsiders), objects=objects, hint=cures.advice(objects, *instead)
            )


def _named(outsiders: tuple[Outsider, ...]) -> str:
    """One with its reason; of several, the reasons are said beside each."""
    if len(outsiders) == 1:
        return str(outsiders[0])
    return listed(tuple(f"{o.type} {o.identity}" for o in outsiders))


def _taking_along(obstacles: Obstacles, manifest: Manifest, request: ResetRequest) -> tuple[str, ...]:
    """Another way where the table that refers to what is emptied is a projector's: it can start over too."""
    filled = {cures.quoted(*table): p.name for p in manifest.projectors for table in p.tables}
    names = {filled[o.identity] for o in obstacles.references if o.foreign_key and o.identity in filled}
    if request.with_dependents or not names:
        return ()
    return (f"add --with-dependents, which lets {listed(tuple(sorted(names)))} start over as well",)


def _may_empty(obstacles: Obstacles, state: DatabaseState, request: ResetRequest, shape: Shape) -> bool:
    """Whether --empty is another way, which would not be refused for the same objects."""
    forbidden = any(state.schema(name).cannot_empty for name in shape.recreated)
    bound = any(o.foreign_key or any("sequence" in n.type for n in o.needs) for o in obstacles.dependents)
    return bool(shape.recreated) and request.way != "empty" and not forbidden and not bound


def _declaring_permanent(obstacles: Obstacles, request: ResetRequest) -> tuple[str, ...]:
    """Another way for a projection schema that holds what permanent data is built upon."""
    schemas = {n.schema for o in obstacles.dependents if o.inside for n in o.needs if n.schema is not None}
    if request.scope is not Scope.PROJECTIONS or not schemas:
        return ()
    return (f"declare {listed(tuple(sorted(schemas)))} permanent, if what it holds is to stay",)


def refuse_unfinished(state: DatabaseState, shape: Shape | None = None) -> None:
    """Refuse whatever does not finish the reset that was begun: what it left is neither old nor new."""
    journal = state.journal
    if journal is None:
        return
    if shape is not None:
        schemas = {way.schema for way in shape.ways}
        projectors = {projector.name for projector in shape.projectors}
        if schemas >= set(journal.schemas) and projectors >= set(journal.projectors):
            return
    objects = [culprits.of_unfinished(name, journal) for name in journal.schemas]
    raise UnfinishedReset(
        begun=journal.begun_at,
        done=journal.done,
        phases=journal.phases,
        resume=journal.resume,
        arguments=journal.arguments,
        objects=objects,
    )


def refuse_live(state: DatabaseState, shape: Shape) -> None:
    """Refuse while a projector of the scope runs: its memory would survive the reset."""
    names = {projector.name for projector in shape.projectors}
    live = tuple(p for p in state.live if shape.store is not None or any(map(p.runs, names)))
    if live:
        raise ProjectorsLive(
            names="; ".join(culprits.said_live(p) for p in live), objects=[culprits.of_live(p) for p in live]
        )
