"""What the steps of a reset are built from, and the steps of each kind of work in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from balados_db.model import CheckpointTable, DatabaseState, Files, Manifest, Relation, RelationKind, Role, TableName
from balados_db.planning.plan import Locks
from balados_db.planning.refusals import Obstacles
from balados_db.planning.request import ResetRequest
from balados_db.planning.shape import Shape
from balados_db.planning.size import in_order
from balados_db.planning.steps import (
    ApplyMigrations,
    CreateSchema,
    DropContents,
    EmptyTables,
    ForgetCheckpoints,
    GiveBack,
    RefreshViews,
    RestartFreeSequences,
    SeedEventStore,
    Step,
)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Everything that the steps of a reset are built from."""

    state: DatabaseState
    manifest: Manifest
    files: Files
    request: ResetRequest
    shape: Shape
    obstacles: Obstacles

    @property
    def rows(self) -> bool:
        """Whether every kept row is compared: when asked for, or when the server does not count what is written."""
        identity = self.state.identity
        return self.request.verify_rows or (identity is not None and not identity.counts_writes)

    @property
    def projectors(self) -> tuple[str, ...]:
        """The names of those who start over."""
        return tuple(p.name for p in self.shape.projectors)

    @property
    def checkpoints(self) -> tuple[CheckpointTable, ...]:
        """The tables in which positions are forgotten; those that are emptied themselves need no forgetting."""
        emptied = set(self.shape.emptied_names)
        there = self.state.checkpoint_tables
        return tuple(c for c in self.manifest.checkpoints if c.table in there and c.table not in emptied)


def what_stays(ground: Ground) -> tuple[TableName, ...]:
    """What stays where it is in schemas that are recreated: positions, and other tools' histories."""
    return tuple(r.table for n in ground.shape.recreated for r in ground.state.schema(n).relations if r.stays)


def to_drop(ground: Ground) -> list[Step]:
    """All at once: recreated schemas may depend on one another."""
    there = tuple(name for name in ground.shape.recreated if ground.state.schema(name).exists)
    return [DropContents(schemas=there, keep=what_stays(ground))] if there else []


def to_empty(ground: Ground) -> list[Step]:
    """The tables, in one go, with what belongs to an event store that is emptied."""
    shape = ground.shape
    steps: list[Step] = (
        [EmptyTables(tables=shape.emptied_names, settings=guard_settings(ground))] if shape.emptied else []
    )
    return [*steps, *to_restart(ground), *to_seed(ground)]


def to_restart(ground: Ground) -> list[Step]:
    """The event store's sequences that belong to no table."""
    sequences = free_sequences(ground)
    return [RestartFreeSequences(sequences=sequences)] if sequences else []


def free_sequences(ground: Ground) -> tuple[TableName, ...]:
    """The event store's sequences that belong to no table, when its events go."""
    store = ground.manifest.event_store
    if ground.shape.store is None or store is None or store.layout is None:
        return ()
    found = (r for r in ground.state.schema(store.name).relations if r.kind is RelationKind.SEQUENCE and not r.owned)
    wanted = store.layout.sequences
    return tuple(r.table for r in found if any(fnmatchcase(r.name, name) for name in wanted))


def guard_settings(ground: Ground) -> tuple[tuple[str, str], ...]:
    """What lets a reset through the event store's own guards."""
    store = ground.manifest.event_store
    return tuple(store.layout.reset_settings.items()) if ground.shape.store and store and store.layout else ()


def to_seed(ground: Ground) -> list[Step]:
    """What an emptied event store holds from the beginning."""
    store = ground.manifest.event_store
    seeds = ground.shape.store and store and store.layout and store.layout.seed
    return [SeedEventStore(schema=ground.shape.store)] if ground.shape.store and seeds else []


def to_make(ground: Ground) -> list[Step]:
    """The recreated schemas, by their migrations, with their rights."""
    return [
        *(CreateSchema(schema=n) for n in ground.shape.recreated if not ground.state.schema(n).exists),
        *(step for name in ground.shape.recreated for step in _made(ground, name)),
    ]


def _made(ground: Ground, name: str) -> list[Step]:
    ids = tuple(m.id for m in ground.files.get(name, ()))
    stay = tuple(table.name for table in what_stays(ground) if table.schema == name)
    back: list[Step] = [GiveBack(schema=name, keep=stay)] if ground.state.schema(name).exists else []
    return [ApplyMigrations(schema=name, migrations=ids), *back]


def to_refresh(ground: Ground) -> list[Step]:
    """The materialized views, each after those that it reads."""
    views = tuple(view.table for view in in_order(ground.shape.refreshed, ground.obstacles.reading))
    return [RefreshViews(views=views)] if views else []


def to_forget(ground: Ground) -> list[Step]:
    """Positions: of those who start over, or of everybody where the events go."""
    if ground.shape.events_go:
        return [ForgetCheckpoints(table=c.table, projectors=(), everybody=True) for c in ground.checkpoints]
    names = ground.projectors
    return [ForgetCheckpoints(table=c.table, projectors=names) for c in ground.checkpoints if names]


def locks_of(ground: Ground) -> Locks:
    """What a reset in one transaction locks."""
    state, shape = ground.state, ground.shape
    recreated = [r for n in shape.recreated for r in state.schema(n).relations]
    doomed = [r for r in (*recreated, *shape.emptied) if r.role is not Role.EXTENSION]
    kept = tuple(dict.fromkeys(table for _, table in ground.obstacles.lock_too))
    return with_checkpoints(ground, (*lockable(doomed), *kept))


def lockable(relations: list[Relation]) -> tuple[TableName, ...]:
    """In the order of their age, whoever takes them."""
    found = [r for r in relations if r.holds_rows and r.lockable]
    return tuple(r.table for r in sorted(found, key=lambda r: r.oid))


def with_checkpoints(ground: Ground, exclusive: tuple[TableName, ...]) -> Locks:
    """These locks and the tables of positions: against readers too, where nothing else keeps projectors out."""
    own = [r.table for r in ground.shape.emptied]
    positions = tuple(t for t in ground.state.checkpoint_tables if t not in own)
    others = tuple(t for t in exclusive if t not in positions)
    if not _has_locks(ground):
        return Locks(exclusive=(*positions, *others))
    return Locks(checkpoints=positions, exclusive=others)


def _has_locks(ground: Ground) -> bool:
    """Whether projectors are kept out by locks of their store; else whoever starts must wait to read its position."""
    store = ground.manifest.event_store
    return bool(store and store.layout and store.layout.liveness)
