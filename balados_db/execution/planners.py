"""Look and plan: one planner a command, ready to be run again under the lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from balados_db.errors import StalePlan, UsageError
from balados_db.execution.orders import Planner
from balados_db.manifest.lookup import declared_schema
from balados_db.migration_files import checksum, read_install
from balados_db.model import DatabaseState, Files, Manifest, SchemaKind, SchemaState
from balados_db.planning.create import plan_create, plan_init
from balados_db.planning.ground import Ground
from balados_db.planning.migrate import plan_migrate
from balados_db.planning.plan import Danger, Plan, one_phase
from balados_db.planning.refusals import Obstacles
from balados_db.planning.request import ResetRequest
from balados_db.planning.reset import plan_reset
from balados_db.planning.rollback import RollbackRequest, plan_rollback, shape_rollback, taken_back
from balados_db.planning.shape import Shape, Whole, shape_reset
from balados_db.planning.steps import AddToEventStore, CreateRecords, InstallEventStore, StampEnvironment, Step
from balados_db.postgres.catalog import Look, read_state, steadily
from balados_db.postgres.eventstore import install_files
from balados_db.postgres.obstacles import read_obstacles
from balados_db.postgres.reference import Stamp, read_stamp

if TYPE_CHECKING:
    from psycopg import Connection


BORN = (SchemaState(name="public", exists=True),)  # what a new database is born with


def create_planner(manifest: Manifest, database: str, schemas: tuple[str, ...] | None = None) -> Planner:
    """Plans what is missing of database and schemas."""

    def plan(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        return plan_create(read_state(Look(conn=conn, manifest=manifest, ours=ours)), manifest, database, schemas)

    return plan


def init_planner(manifest: Manifest, files: Files, command: str = "init") -> Planner:
    """Plans event store and migrations."""
    install = tuple(f.name for f in install_files(manifest.event_store))

    def plan(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        state = read_state(Look(conn=conn, manifest=manifest, ours=ours))
        return _installing(plan_init(state, manifest, files, install, command), manifest)

    return plan


def missing_database(manifest: Manifest, files: Files, database: str, command: str) -> Plan:
    """The plan for a database that does not exist: everything, seen from nothing."""
    nothing = DatabaseState(identity=None, exists=False, schemas=BORN)
    created = plan_create(nothing, manifest, database)
    if command == "create":
        return created
    install = tuple(f.name for f in install_files(manifest.event_store))
    nothing = replace(nothing, missing_additions=install)
    rest = _installing(plan_init(nothing, manifest, files, install, command), manifest)
    return replace(rest, phases=(created.phases[0], *rest.phases))


def _installing(plan: Plan, manifest: Manifest) -> Plan:
    """Where install SQL is run, the plan depends on its content as well as on the names of its files."""
    names = {
        name for step in plan.steps if isinstance(step, InstallEventStore | AddToEventStore) for name in step.files
    }
    if not names:
        return plan
    found = {f.name: checksum(read_install(f)) for f in install_files(manifest.event_store) if f.name in names}
    return replace(plan, preconditions={**plan.preconditions, "install": found})


def migrate_planner(manifest: Manifest, files: Files, schemas: Sequence[str], *, store: bool = False) -> Planner:
    """Plans pending migrations of these schemas; `store` adds what the event store's install SQL has new."""

    def plan(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        state = read_state(Look(conn=conn, manifest=manifest, ours=ours))
        return _installing(plan_migrate(state, manifest, files, schemas, store=store), manifest)

    return plan


def reset_planner(
    manifest: Manifest, files: Files, request: ResetRequest, *, wait_for_projectors: bool = False
) -> Planner:
    """Plans a reset. Under the lock our own fence holds the projectors' locks, so nobody counts as live."""

    def plan(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        look = Look(conn=conn, manifest=manifest, ours=ours)

        def read() -> tuple[DatabaseState, Shape, Obstacles]:
            state = read_state(look)
            return state, *_shaped(look, state, files, request)

        state, shape, obstacles = steadily(conn, read)
        ignored = are_ignored(manifest, wait_for_projectors, bool(ours))
        return plan_reset(state, manifest, files, request, shape, obstacles, ignore_live=ignored)

    return plan


def are_ignored(manifest: Manifest, waiting: bool, locked: bool) -> bool:
    """Whether live projectors are nobody's concern: not yet while there is time, no more once they are locked out.

    Where a store has no locks of its own, whoever runs is refused at the very last.
    """
    layout = manifest.event_store.layout if manifest.event_store else None
    if layout is not None and layout.probe is not None and locked:
        return False
    return waiting or locked


def _shaped(
    look: Look, state: DatabaseState, files: Files, request: ResetRequest, whole: Whole | None = None
) -> tuple[Shape, Obstacles]:
    """Shape the reset; a schema that would be emptied while it leans on one that is recreated is recreated too.

    `whole` is what the manifest is a part of, where the reset concerns several databases.
    """
    leaning: frozenset[str] = frozenset()
    while True:
        shape = shape_reset(state, look.manifest, files, request, leaning, whole)
        obstacles = read_obstacles(look, state, shape)
        emptied = {way.schema for way in shape.ways if way.way == "empty" and way.schema != shape.store}
        found = {o.schema for o in obstacles.dependents if o.schema in emptied}
        if not found or request.way is not None:
            return shape, obstacles
        leaning |= {name for name in found if name is not None}


def look_at_part(look: Look, files: Files, request: ResetRequest, whole: Whole) -> Ground:
    """What a reset that concerns several databases finds in one of them."""

    def read() -> tuple[DatabaseState, Shape, Obstacles]:
        placed = tuple(dict.fromkeys(row.projector for row in whole.state.checkpoints))
        state = replace(read_state(look), placed_elsewhere=placed)
        return state, *_shaped(look, state, files, request, whole)

    state, shape, obstacles = steadily(look.conn, read)
    return Ground(state=state, manifest=look.manifest, files=files, request=request, shape=shape, obstacles=obstacles)


def rollback_planner(manifest: Manifest, files: Files, request: RollbackRequest) -> Planner:
    """Plans a rollback: of a projection, a reset of that schema."""
    declared_schema(manifest, request.schema)

    def plan(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        look = Look(conn=conn, manifest=manifest, ours=ours)

        def read() -> tuple[DatabaseState, Shape, Obstacles]:
            state = read_state(look)
            if not taken_back(state, files, request):
                return state, Shape(), Obstacles()
            shape = shape_rollback(state, manifest, files, request)
            return state, shape, read_obstacles(look, state, shape)

        state, shape, obstacles = steadily(conn, read)
        return plan_rollback(
            state, manifest, files, request, shape, obstacles, ignore_live=are_ignored(manifest, False, bool(ours))
        )

    return plan


def environment_planner(manifest: Manifest, name: str) -> Planner:
    """Plans the stamp, with the phrase that it needs where it would take a protected name away.

    Under the lock (`ours` is given) it raises StalePlan where the stamp became one that nobody was asked about.
    """
    if not name or name != name.strip() or not name.isprintable():
        raise UsageError(problem=f"{name!r} is no name: write one without blanks at its ends or control characters")
    shown: set[str | None] = set()

    def plan(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        state = read_state(Look(conn=conn, manifest=manifest, ours=ours))
        planned = _guarded(_stamping(state, name), steadily(conn, lambda: read_stamp(conn)), manifest, name)
        if ours and planned.phrase not in {None, *shown}:
            raise StalePlan(changes=f"it was stamped {planned.phrase} meanwhile")
        shown.add(planned.phrase)
        return planned

    return plan


def _stamping(state: DatabaseState, name: str) -> Plan:
    steps: list[Step] = [] if state.own_schema else [CreateRecords()]
    stamped = state.identity is not None and state.identity.environment == name
    steps = [] if stamped else [*steps, StampEnvironment(environment=name)]
    stamp = {"name": state.identity.environment if state.identity else None}
    phases = one_phase("stamp", steps)
    return Plan(command="environment set", identity=state.identity, phases=phases, preconditions={"stamp": stamp})


def _guarded(plan: Plan, stamp: Stamp | None, manifest: Manifest, name: str) -> Plan:
    if stamp is None:
        return plan
    if stamp.name == name:  # a copy that is given the name on purpose: from now on it is its own
        again = one_phase("stamp", [StampEnvironment(environment=name)])
        return plan if stamp.made_here else replace(plan, phases=again)
    if stamp.name not in manifest.protected:
        return plan
    unlocked = f"{stamp.name} is protected: without that name permanent data and events can be reset here"
    return replace(plan, phrase=stamp.name, danger=Danger.DANGER, warnings=(*plan.warnings, unlocked))


def scope_schemas(manifest: Manifest, schemas: Sequence[str], kinds: Sequence[SchemaKind]) -> tuple[str, ...]:
    """The migrated schemas that names and kinds choose; all of them when neither is given."""
    for name in schemas:
        declared_schema(manifest, name)
    if not schemas and not kinds:
        return tuple(s.name for s in manifest.migrated)
    return tuple(s.name for s in manifest.migrated if s.name in schemas or s.kind in kinds)
