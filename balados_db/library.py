"""The commands' verbs for programs: look, plan, execute. Nothing is printed, nobody is asked, no signal is caught.

A `Database` says where; it holds no connection, so any number of threads may share one, and each call connects for
itself. Every function raises `BaladosDbError`, whose subclasses have a stable `code`, an `exit_status`, `facts` and a
`hint`. Times are seconds, sizes bytes, positions the event store's own numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import Any, Literal

from psycopg import Connection

from balados_db.errors import NotConfirmed, OneDatabase, UnknownProjector, UnknownSchema, UsageError
from balados_db.execution import planners, road, watching
from balados_db.execution.executor import Orders, Planner, refuse_read_only
from balados_db.execution.run import Progress
from balados_db.migration_files import read_all
from balados_db.model import MAIN, DatabaseState, Manifest, Migration, SchemaKind, Scope
from balados_db.planning.plan import Plan
from balados_db.planning.rebuild import Course
from balados_db.planning.refusals import refuse_replay
from balados_db.planning.rollback import RollbackRequest
from balados_db.planning.shape import ResetRequest
from balados_db.planning.status import Status, assess
from balados_db.planning.together import concerned
from balados_db.postgres import agreement, connection
from balados_db.postgres.catalog import Look
from balados_db.postgres.catalog import read_state as _read_state
from balados_db.postgres.connection import translated
from balados_db.postgres.locking import Patience
from balados_db.postgres.source import Source, find_source
from balados_db.report import Report


@dataclass(frozen=True)
class Database:
    """A database of a manifest. `name` says which, where the manifest declares several.

    `url` decides; without it BALADOS_DB_URL, the manifest, DATABASE_URL, libpq's own, as for the command. `wait`: for
    the server to accept connections; `lock_timeout`: for all locks together.
    """

    manifest: Manifest
    url: str | None = field(default=None, repr=False)
    name: str | None = None
    lock_timeout: float = 10.0
    wait: float = 0.0

    @cached_property
    def part(self) -> Manifest:
        """What the manifest says of this database. Raises OneDatabase where it does not say which of several."""
        names = self.manifest.parts
        if self.name is None and len(names) > 1:
            hint = "say which: Database(manifest, name=…)"
            raise OneDatabase(command="Database(manifest)", names=", ".join(names), hint=hint)
        if self.name not in (None, *names):
            raise UsageError(problem=f"no schema of the manifest lies in a database {self.name!r}")
        return self.manifest if names == (MAIN,) else self.manifest.part(self.name or names[0])

    @cached_property
    def source(self) -> Source:
        """Where the URL comes from; shows no password. Raises NoUrl, NoUrlFor or InvalidUrl."""
        return find_source(self.url, self.part)

    @cached_property
    def migrations(self) -> Mapping[str, tuple[Migration, ...]]:
        """The migrations of each declared schema, in order, by the schema's name. Raises what is wrong with a file."""
        return read_all(self.part)


@dataclass(frozen=True, kw_only=True)
class Prepared(Plan):
    """A plan, and where and how to carry it out. `phrase` is None where it destroys nothing."""

    database: Database = field(repr=False)
    planner: Planner = field(repr=False)
    patience: Patience = field(repr=False)


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────


def connect(database: Database, *, dbname: str | None = None) -> Connection[Any]:
    """Open a connection of your own, in autocommit, with this library's settings; close it yourself.

    `dbname` names another database of the same server. Raises Unreachable and what it has below it.
    """
    wait, lock_timeout = database.wait, database.lock_timeout
    return connection.connect(database.source, command="library", database=dbname, wait=wait, lock_timeout=lock_timeout)


def read_state(database: Database) -> DatabaseState:
    """Everything that a plan may depend on, as it is at one moment; takes no lock above a reader's."""
    with connect(database) as conn, translated("look"):
        return _read_state(Look(conn=conn, manifest=database.part))


def status(database: Database) -> Status:
    """Per schema what is applied, pending and drifted, per projector how far it is, and what there is to say of it."""
    files = database.migrations
    return assess(read_state(database), database.part, files)


# ── planning ─────────────────────────────────────────────────────────────────────────────────────────────


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
    database: Database,
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
    Raises UsageError, what protects what is kept (`Protected`), and ProjectorsLive.
    """
    chosen = _scope(database.manifest, scope, schema, projector)
    request = ResetRequest(
        scope=chosen,
        schema=schema,
        projector=projector,
        way=way,
        with_dependents=with_dependents,
        verify_rows=verify_rows,
    )
    _refuse_other_database(database, request)
    planner = planners.reset_planner(
        database.part, database.migrations, request, wait_for_projectors=wait_for_projectors > 0
    )
    patience = Patience(locks=database.lock_timeout, projectors=wait_for_projectors, grace=projector_grace)
    return _prepared(database, planner, patience)


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
    from balados_db.execution.scratch import compare
    from balados_db.planning.adopt import adopted
    from balados_db.planning.adopt import plan_adopt as decide

    manifest, accepted = database.part, tuple(accept)
    chosen = [_declared(manifest, schema) for schema in schemas]
    files = {**database.migrations, **{name: adopted(database.migrations[name], to) for name in chosen}}
    with translated("compare"):
        comparisons = compare(partial(_open, database), manifest, files, chosen)

    def planner(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        state = _read_state(Look(conn=conn, manifest=manifest, ours=ours))
        return decide(state, files, comparisons, to=to, accept=accepted)

    return _prepared(database, planner)


def plan_environment(database: Database, name: str) -> Prepared:
    """The stamp inside the database. Taking a protected name away needs that name as phrase."""
    return _prepared(database, planners.environment_planner(database.part, name))


def _prepared(
    database: Database, planner: Planner, patience: Patience | None = None, missing: Plan | None = None
) -> Prepared:
    plan = road.look_and_plan(partial(_open, database), planner, missing, database.source.database)
    facts = {f.name: getattr(plan, f.name) for f in fields(Plan)}
    return Prepared(
        **facts, database=database, planner=planner, patience=patience or Patience(locks=database.lock_timeout)
    )


def _open(where: Database, database: str | None = None) -> Connection[Any]:
    return connect(where, dbname=database)


def _declared(manifest: Manifest, schema: str) -> str:
    if manifest.schema(schema) is None:
        raise UnknownSchema(file=str(manifest.file), name=schema)
    return schema


def _scope(manifest: Manifest, scope: Scope | str | None, schema: str | None, projector: str | None) -> Scope:
    declared = manifest.schema(_declared(manifest, schema)) if schema is not None else None
    if projector is not None:
        refuse_replay(manifest, projector)
        if projector not in {p.name for p in manifest.projectors}:
            raise UnknownProjector(file=str(manifest.file), name=projector)
    if scope is not None:
        return Scope(scope)
    if projector is not None:
        return Scope.PROJECTIONS
    if declared is not None:
        return Scope.of(declared.kind)
    raise UsageError(problem="say what to reset: a scope, a schema or a projector")


def _refuse_other_database(database: Database, request: ResetRequest) -> None:
    """A reset of one database must not leave half of it in another. Raises AcrossDatabases."""
    from balados_db.errors import AcrossDatabases

    names = concerned(database.manifest, request)
    if set(names) - {database.part.database or MAIN}:
        raise AcrossDatabases(command="plan_reset", names=", ".join(names), hint="")


# ── executing ────────────────────────────────────────────────────────────────────────────────────────────


def execute(plan: Prepared, *, confirm: str | None = None, progress: Progress | None = None) -> Report:
    """Carry out a plan, or change nothing. One that destroys needs its own `phrase` as `confirm`, to the letter.

    `progress` gets each step as it begins, in the thread that executes. What the manifest sets off after a reset
    (`[rebuild]`) is set off; what its command prints is not caught.

    Under the locks everything is looked at and planned again: raises StalePlan where that is another plan. Raises
    NotConfirmed, TargetsDisagree where no `url` was given and the sources name several databases, ReadOnlyServer, Busy,
    ConnectionLost, Unfinished (part of a reset in several transactions is committed), and whatever a step raises.
    """
    database = plan.database
    refuse_read_only(plan.identity)
    if plan.destructive:
        agreement.refuse_disagreement(database.url, database.part)
    if plan.is_empty:
        return Report(command=plan.command, plan=plan, warnings=plan.warnings)
    if plan.destructive and confirm != plan.phrase:
        reason = "confirm is not given" if confirm is None else "confirm is not this plan's phrase"
        raise NotConfirmed(reason=reason, hint="show what the plan destroys; whoever agrees gives plan.phrase")
    orders = Orders(
        manifest=database.part,
        files=database.migrations,
        open=partial(_open, database),
        planner=plan.planner,
        patience=plan.patience,
        progress=progress,
    )
    return road.carry_out(plan, orders, plan.command)


# ── rebuilding ───────────────────────────────────────────────────────────────────────────────────────────


def rebuild_status(database: Database, *, projectors: Iterable[str] = ()) -> Course:
    """How far these projectors are, or all. Of one look no rate can be told: who is behind is looked at twice."""
    with _watching(database, projectors) as eye:
        course = eye.look_patiently()
        if course.goes_on:
            time.sleep(watching.SECOND_LOOK)
            course = eye.look() or course
        return course


def rebuild_wait(
    database: Database,
    *,
    projectors: Iterable[str] = (),
    timeout: float | None = None,
    progress: Callable[[Course], None] | None = None,
) -> Course | None:
    """Wait until these projectors, or all, are where the head was at the first look; `caught_up` says whether.

    None where no look was possible in time, because the tables were locked. `progress` is called after each look. How
    long it took is noted in the database, for the next plan's forecast, where this role may.
    """
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    with _watching(database, projectors) as eye:
        eye.wait(deadline, progress or (lambda course: None))
        eye.keep_measure()
        return eye.course


def _watching(database: Database, projectors: Iterable[str]) -> AbstractContextManager[watching.Eye]:
    names, manifest = tuple(dict.fromkeys(projectors)), database.part
    unknown = [name for name in names if name not in {p.name for p in manifest.projectors}]
    if unknown:
        raise UnknownProjector(file=str(manifest.file), name=unknown[0])
    return watching.watching([(partial(_open, database), manifest)], manifest, names)
