"""Carry a plan out: fence, lock, look again, compare, run the steps, stop at the first failure."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from balados_db.errors import BaladosDbError, ConnectionLost, ReadOnlyServer, StalePlan
from balados_db.execution.handlers import HANDLERS, Run
from balados_db.model import Identity, Manifest, Migration
from balados_db.planning.plan import Fence, Phase, Plan
from balados_db.planning.steps import CreateDatabase
from balados_db.postgres.connection import MAINTENANCE, local_settings, translated
from balados_db.postgres.locking import Patience, begin_locked, fence, fence_stands, pid_of, strays
from balados_db.postgres.queries import query
from balados_db.report import StepResult

if TYPE_CHECKING:
    from psycopg import Connection

Open = Callable[..., "Connection[Any]"]
Planner = Callable[["Connection[Any]", tuple[int, ...]], Plan]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What it takes to carry plans out. `open` opens a connection, `planner` looks and plans on one."""

    manifest: Manifest
    files: Mapping[str, tuple[Migration, ...]]
    open: Open
    planner: Planner
    patience: Patience = field(default_factory=Patience)
    progress: Progress | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done, and what there is to say afterwards."""

    done: tuple[StepResult, ...]
    warnings: tuple[str, ...] = ()


def execute(plan: Plan, orders: Orders) -> Outcome:
    """Carry a plan out, or change nothing.

    Raises StalePlan when the database is no longer the one that was planned for, and whatever a step raises.
    """
    refuse_read_only(plan.identity)
    done: list[StepResult] = []
    if any(isinstance(step, CreateDatabase) for step in plan.steps):
        done += _create_database(plan, orders)
        with orders.open() as conn:
            plan = orders.planner(conn, ())
    if plan.is_empty:
        return Outcome(done=tuple(done))
    cut: list[str] = []
    with orders.open() as conn:
        with fence(orders.open, plan.fence or Fence(), orders.patience, lambda: cut.append(_CUT_SHORT)) as guard:
            if not plan.destructive:
                plan = _planned_anew(plan, orders, conn, guard)
            done += _phases(plan, orders, conn, guard)
            warnings = _afterwards(plan, orders, conn, guard)
        return Outcome(done=tuple(done), warnings=(*warnings, *cut))


_CUT_SHORT = "interrupted after the commit: the projectors were kept out for less than the grace; restart them"


def _planned_anew(shown: Plan, orders: Orders, conn: Connection[Any], guard: Connection[Any]) -> Plan:
    """Plan again what nobody had to confirm: whoever held the mutex before us may have left nothing to do."""
    fresh = orders.planner(conn, (pid_of(guard),))
    if fresh.destructive:
        raise StalePlan(changes="what was harmless would now destroy something", planned=shown.digest, now=fresh.digest)
    return fresh


def refuse_read_only(identity: Identity | None) -> None:
    """Refuse where nothing can be written: a standby, or somebody's own fence."""
    if identity is None:
        return
    if identity.in_recovery:
        raise ReadOnlyServer(problem=f"{identity.server} is a standby")
    if identity.read_only:
        raise ReadOnlyServer(problem=f"{identity.database} is set to default_transaction_read_only")


def _create_database(plan: Plan, orders: Orders) -> list[StepResult]:
    step = next(s for s in plan.steps if isinstance(s, CreateDatabase))
    with orders.open(database=MAINTENANCE) as conn:
        run = Run(conn=conn, manifest=orders.manifest, files=orders.files, plan=plan, atomic=False)
        try:
            return [_step(step, run)]
        except BaladosDbError as exc:
            if isinstance(exc.__cause__, psycopg.errors.DuplicateDatabase):
                return []  # somebody else was faster: what we wanted is there
            raise


def _phases(plan: Plan, orders: Orders, conn: Connection[Any], guard: Connection[Any]) -> list[StepResult]:
    done: list[StepResult] = []
    for number, phase in enumerate(plan.phases):
        run = Run(
            conn=conn,
            manifest=orders.manifest,
            files=orders.files,
            plan=plan,
            client=socket.gethostname(),
            progress=_progress(orders, plan, len(done)),
            atomic=phase.atomic,
        )
        try:
            if phase.atomic:
                done += _atomic(phase, run, orders, guard, first=number == 0)
            else:
                done += [_step(step, run) for step in phase.steps]
        except BaladosDbError as exc:
            exc.done = tuple(result.summary for result in done)
            raise
    return done


def _progress(orders: Orders, plan: Plan, done: int) -> Callable[[str], None] | None:
    if orders.progress is None:
        return None
    report, total = orders.progress, len(plan.steps)
    return lambda text: report(text, done, total)


def _atomic(phase: Phase, run: Run, orders: Orders, guard: Connection[Any], *, first: bool) -> list[StepResult]:
    """One transaction: everything in it happens, or nothing does."""
    conn, plan = run.conn, run.plan
    try:
        with translated(phase.name, plan.identity):
            _begin(conn, plan, orders)
            if first and plan.destructive:
                _refuse_stale(plan, orders.planner(conn, (pid_of(guard),)))
            done = []
            for step in phase.steps:
                if run.progress:
                    run.progress(step.summary)
                done.append(_step(step, run))
            if not fence_stands(conn, guard):
                raise StalePlan(changes="the fence fell: its connection was ended")
    except BaseException:
        _roll_back(conn)
        raise
    _commit(conn, plan, orders)
    return done


def _begin(conn: Connection[Any], plan: Plan, orders: Orders) -> None:
    if plan.fence is not None:
        begin_locked(conn, plan.locks, orders.patience.locks)
        return
    conn.execute(query("begin_migrating"))
    conn.execute(local_settings())
    from psycopg import sql

    milliseconds = max(1, int(orders.patience.locks * 1000))  # 0 would mean for ever
    conn.execute(query("bounded_lock").format(milliseconds=sql.Literal(f"{milliseconds}ms")))


def _refuse_stale(shown: Plan, fresh: Plan) -> None:
    if shown.digest == fresh.digest:
        return
    changes = [key for key, value in shown.preconditions.items() if fresh.preconditions.get(key) != value]
    if not changes:
        changes = ["its steps"]
    raise StalePlan(changes=", ".join(changes), planned=shown.digest, now=fresh.digest)


def _step(step: Any, run: Run) -> StepResult:
    begun = time.monotonic()
    with translated(step.summary, run.plan.identity):
        details = HANDLERS[type(step)](step, run) or {}
    return StepResult(id=step.id, summary=step.summary, seconds=time.monotonic() - begun, details=details)


def _roll_back(conn: Connection[Any]) -> None:
    """Clean-up never hides the first error."""
    try:
        if not conn.closed:
            conn.rollback()
    except psycopg.Error:
        conn.close()


def _commit(conn: Connection[Any], plan: Plan, orders: Orders) -> None:
    """Commit; when the answer is lost, ask the server what became of it, and say that."""
    row = conn.execute(query("transaction_id")).fetchone()
    xid = row[0] if row else ""
    try:
        conn.commit()
    except (psycopg.OperationalError, KeyboardInterrupt) as exc:
        status = _status(orders, xid)
        if status == "committed":
            return
        if isinstance(exc, KeyboardInterrupt):
            raise
        target = plan.identity.server if plan.identity else "the server"
        outcome = f"The transaction is {status}."
        raise ConnectionLost(target=target, problem="in the middle of the commit", outcome=outcome) from exc


def _status(orders: Orders, xid: str) -> str:
    try:
        with orders.open() as conn:
            for _ in range(50):  # what is still in progress is waited for
                row = conn.execute(query("transaction_status"), {"xid": xid}).fetchone()
                if row is None or row[0] != "in progress":
                    break
                time.sleep(0.1)
    except (BaladosDbError, psycopg.Error):
        return "in doubt: the server does not answer; run the command again, it looks first"
    return str(row[0]) if row and row[0] else "unknown"


def _afterwards(plan: Plan, orders: Orders, conn: Connection[Any], guard: Connection[Any]) -> tuple[str, ...]:
    """Look for subscribers that slipped in between reading their row and trying the lock."""
    wanted = plan.fence
    store = orders.manifest.event_store
    live = store.layout.liveness if store and store.layout else None
    if wanted is None or wanted.class_table is None or live is None:
        return ()
    found = strays(conn, wanted.class_table, live.id, (pid_of(guard),))
    return tuple(f"{who} lives on a position that was forgotten: restart it" for who in found)
