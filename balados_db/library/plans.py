"""A plan for each verb, made from the database as it is, and ready to be carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Literal

from psycopg import Connection

from balados_db.errors import AcrossDatabases, UsageError
from balados_db.execution import planners, road
from balados_db.execution.across import AcrossOrders, carry_out_across, plan_across, planned_together
from balados_db.execution.orders import Orders, Planner
from balados_db.execution.run import Progress
from balados_db.execution.scratch import compare
from balados_db.library.database import Database, Databases, opened
from balados_db.manifest.lookup import declared_schema
from balados_db.model import MAIN, Manifest, SchemaKind, Scope
from balados_db.planning import adopt
from balados_db.planning.plan import Plan
from balados_db.planning.request import ResetRequest
from balados_db.planning.rollback import RollbackRequest
from balados_db.planning.scope import scope_of
from balados_db.planning.together import concerned
from balados_db.postgres.catalog import Look, read_state
from balados_db.postgres.connection import translated
from balados_db.postgres.locking import Patience
from balados_db.report import Report


@dataclass(frozen=True, kw_only=True)
class Prepared(Plan):
    """A plan, and where and how to carry it out. `phrase` is None where it destroys nothing."""

    places: tuple[Database, ...] = field(repr=False)
    carry_out: Callable[[Prepared, Progress | None], Report] = field(repr=False)


def plan_create(database: Database, *, schemas: Iterable[str] | None = None) -> Prepared:
    """What is missing of the database and its declared schemas, or of these."""
    manifest, name = database.part, database.source.database
    chosen = None if schemas is None else tuple(_declared(manifest, schema) for schema in schemas)
    missing = planners.missing_database(manifest, database.migrations, name, "create")
    return _prepared(database, planners.create_planner(manifest, name, chosen), missing=missing)


def plan_init(database: Database) -> Prepared:
    """The event store, where it is ours to install, and every migration. The database must be there."""
    return _prepared(database, planners.init_planner(database.part, database.migrations))


def plan_up(database: Database) -> Prepared:
    """From nothing to ready: what `plan_create` and `plan_init` would do, in one."""
    manifest, files = database.part, database.migrations
    missing = planners.missing_database(manifest, files, database.source.database, "up")
    return _prepared(database, planners.init_planner(manifest, files, "up"), missing=missing)


def plan_migrate(
    database: Database, *, schemas: Iterable[str] = (), kinds: Iterable[SchemaKind | str] = ()
) -> Prepared:
    """Pending migrations of these schemas and kinds; of all, and of the event store, where neither is named."""
    manifest, chosen = database.part, [SchemaKind(kind) for kind in kinds]
    named = [_declared(manifest, schema) for schema in schemas]
    names = planners.scope_schemas(manifest, named, chosen)
    store = SchemaKind.EVENT_STORE in chosen or not (named or chosen)
    return _prepared(database, planners.migrate_planner(manifest, database.migrations, names, store=store))


def plan_reset(
    database: Database | Databases,
    *,
    scope: Scope | str | None = None,
    schema: str | None = None,
    projector: str | None = None,
    way: Literal["empty", "recreate"] | None = None,
    with_dependents: bool = False,
    verify_rows: bool = False,
    wait_for_projectors: float = 0.0,
    projector_grace: float = 2.0,
) -> Prepared:
    """A reset of a scope: "projections", "system", "events" or "all"; narrowed to a schema or a projector.

    A schema alone means the scope of its kind, a projector alone projections. `way` forces what the plan else decides.
    Of `Databases` the plan is of those that the reset reaches into. Raises UsageError, what protects what is kept
    (`Protected`; AcrossDatabases where a `Database` alone is not all that it reaches into), and ProjectorsLive.
    """
    _one_of("scope", scope, [known.value for known in Scope])
    _one_of("way", way, ["empty", "recreate"])
    chosen = scope_of(database.manifest, scope, schema, projector)
    if chosen is None:
        raise UsageError(problem="say what to reset: a scope, a schema or a projector")
    request = ResetRequest(
        scope=chosen,
        schema=schema,
        projector=projector,
        way=way,
        with_dependents=with_dependents,
        verify_rows=verify_rows,
    )
    patience = Patience(locks=database.lock_timeout, projectors=wait_for_projectors, grace=projector_grace)
    names = concerned(database.manifest, request)
    if isinstance(database, Databases):
        if len(names) > 1:
            return _across(tuple(database[name] for name in names), request, patience)
        database = database[names[0]]
    _refuse_other_database(database, names)
    planner = planners.reset_planner(
        database.part, database.migrations, request, wait_for_projectors=wait_for_projectors > 0
    )
    return _prepared(database, planner, patience)


def _one_of(name: str, said: str | None, right: list[str]) -> None:
    """Programs misspell as well, and what is passed over in silence is another plan."""
    if said is not None and said not in right:
        raise UsageError(problem=f"{name} is {said!r}: it is one of {', '.join(right)}")


def plan_rollback(
    database: Database,
    schema: str,
    *,
    to: str | None = None,
    with_dependents: bool = False,
    projector_grace: float = 2.0,
) -> Prepared:
    """Migrations of a schema taken back, down to `to`, which stays; the last one without it. It destroys."""
    request = RollbackRequest(schema=_declared(database.part, schema), to=to, with_dependents=with_dependents)
    planner = planners.rollback_planner(database.part, database.migrations, request)
    return _prepared(database, planner, Patience(locks=database.lock_timeout, grace=projector_grace))


def plan_adopt(
    database: Database, schemas: Iterable[str], *, to: str | None = None, accept: Iterable[str] = ()
) -> Prepared:
    """Note migrations of these schemas as applied, where what is there is what they would make.

    Compares in a scratch database. `accept` names differences to live with; others raise DifferencesFound.
    """
    manifest, accepted = database.part, tuple(accept)
    chosen = [_declared(manifest, schema) for schema in schemas]
    files = {**database.migrations, **{name: adopt.adopted(database.migrations[name], to) for name in chosen}}
    with translated("compare"):
        comparisons = compare(partial(opened, database), manifest, files, chosen)

    def planner(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        state = read_state(Look(conn=conn, manifest=manifest, ours=ours))
        return adopt.plan_adopt(state, files, comparisons, to=to, accept=accepted)

    return _prepared(database, planner)


def plan_environment(database: Database, name: str) -> Prepared:
    """The stamp inside the database. Taking a protected name away needs that name as phrase."""
    return _prepared(database, planners.environment_planner(database.part, name))


def _prepared(
    database: Database, planner: Planner, patience: Patience | None = None, missing: Plan | None = None
) -> Prepared:
    plan = road.look_and_plan(partial(opened, database), planner, missing, database.source.database)

    def carry_out(prepared: Prepared, progress: Progress | None) -> Report:
        orders = _orders(database, planner, patience or Patience(locks=database.lock_timeout), progress)
        return road.carry_out(prepared, orders, prepared.command)

    return Prepared(**_facts(plan), places=(database,), carry_out=carry_out)


def _across(places: tuple[Database, ...], request: ResetRequest, patience: Patience) -> Prepared:
    """One plan of what a reset does in all of these."""

    def orders(progress: Progress | None = None) -> AcrossOrders:
        return AcrossOrders(
            manifest=places[0].manifest,
            request=request,
            parts={str(place.name): _orders(place, planned_together, patience, progress) for place in places},
            wait_for_projectors=patience.projectors > 0,
        )

    def carry_out(prepared: Prepared, progress: Progress | None) -> Report:
        return carry_out_across(prepared, orders(progress), prepared.command)

    return Prepared(**_facts(plan_across(orders())), places=places, carry_out=carry_out)


def _facts(plan: Plan) -> dict[str, Any]:
    return {f.name: getattr(plan, f.name) for f in fields(Plan)}


def _orders(database: Database, planner: Planner, patience: Patience, progress: Progress | None) -> Orders:
    return Orders(
        manifest=database.part,
        files=database.migrations,
        open=partial(opened, database),
        planner=planner,
        patience=patience,
        progress=progress,
    )


def _declared(manifest: Manifest, schema: str) -> str:
    return declared_schema(manifest, schema).name


def _refuse_other_database(database: Database, names: tuple[str, ...]) -> None:
    """A reset of one database must not leave half of it in another. Raises AcrossDatabases."""
    if set(names) - {database.part.database or MAIN}:
        hint = "plan it in all of them: plan_reset(Databases(manifest), …)"
        raise AcrossDatabases(command="plan_reset", names=", ".join(names), hint=hint)
