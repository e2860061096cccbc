"""Carry a plan out: fence, lock, look again, compare, run the steps, stop at the first failure."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from balados_db.answers.answer import StepResult
from balados_db.errors import BaladosDbError, ReadOnlyServer, StalePlan, Stopped
from balados_db.execution.handlers import Run
from balados_db.execution.orders import Orders, Outcome
from balados_db.execution.run import Tracker
from balados_db.execution.transaction import atomic, carried_out
from balados_db.execution.unfinished import told_what_is_done
from balados_db.model import Identity
from balados_db.plan_file import PlanFile
from balados_db.planning.plan import Fence, Phase, Plan
from balados_db.planning.steps import CreateDatabase
from balados_db.postgres import plans
from balados_db.postgres.connection import MAINTENANCE, translated
from balados_db.postgres.locking import Grace, fence, late, pid_of, strays

if TYPE_CHECKING:
    from psycopg import Connection


def execute(plan: Plan, orders: Orders) -> Outcome:
    """Carry a plan out, or change nothing.

    Raises StalePlan when the database is no longer the one that was planned for, and whatever a step raises.
    """
    refuse_read_only(plan.identity)
    orders.course.begin()
    if not any(isinstance(step, CreateDatabase) for step in plan.steps):
        return _execute(plan, orders)
    created = _create_database(plan, orders)
    try:
        with orders.open() as conn:
            rest = _look(orders, conn)
        if orders.approved is not None:
            _refuse_other_rest(plan, rest)
        outcome = _execute(rest, orders)
    except (BaladosDbError, Stopped) as exc:
        error = exc.error if isinstance(exc, Stopped) else exc
        error.done = (*(result.summary for result in created), *error.done)
        raise
    return replace(outcome, done=(*created, *outcome.done))


def _execute(plan: Plan, orders: Orders) -> Outcome:
    if plan.is_empty:
        return Outcome(done=())
    cut: list[str] = []
    with orders.open() as conn:
        with fence(orders.open, plan.fence or Fence(), orders.patience, grace_of(orders, cut)) as guard:
            plan = _once(plan) if orders.approved else _settled(plan, orders, conn, guard)
            _phases(plan, orders, conn, guard)
        # After the release: while the fence stands, nobody else can hold one of its locks.
        said = afterwards(plan.fence, orders)
    done = orders.course.done
    return Outcome(done=done, warnings=(*not_given_back(done), *said, *dict.fromkeys(cut)))


def grace_of(orders: Orders, cut: list[str]) -> Grace:
    """The time after the commit; an interruption cuts it short, and leaves a word about that."""
    course = orders.course
    return Grace(
        seconds=orders.patience.grace, over=lambda: course.stopped is not None, cut=lambda: cut.append(CUT_SHORT)
    )


def _look(orders: Orders, conn: Connection[Any], *ours: int) -> Plan:
    """Look and plan; a connection that is lost meanwhile is said to be lost."""
    with translated("look"):
        return orders.planner(conn, ours)


def not_given_back(done: Sequence[StepResult]) -> tuple[str, ...]:
    """What recreating lost although it was said before the phrase was asked for."""
    return tuple(f"not given back: {text}" for step in done for text in step.details.get("not_restored", ()))


CUT_SHORT = "interrupted after the commit: the projectors were kept out for less than the grace; restart them"


def _once(plan: Plan) -> Plan:
    """A plan file is used up in a transaction: where the first phase is none, in one of its own before it."""
    return plan if plan.phases[0].atomic else replace(plan, phases=(Phase(name="begin", steps=()), *plan.phases))


def _refuse_other_rest(shown: Plan, rest: Plan) -> None:
    """The database is made; what follows must be what was approved when it was not there yet."""
    approved = [step for step in shown.steps if not isinstance(step, CreateDatabase)]
    if list(rest.steps) != approved or rest.danger.is_worse_than(shown.danger):
        raise StalePlan(changes="somebody else worked in the new database", planned=shown.digest, now=rest.digest)


def _settled(shown: Plan, orders: Orders, conn: Connection[Any], guard: Connection[Any]) -> Plan:
    """Plan again what nobody had to confirm: whoever held the mutex before us may have left nothing to do."""
    if shown.destructive:
        return shown
    fresh = _look(orders, conn, pid_of(guard))
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
        phase = Phase(name="create", steps=(step,), atomic=False)
        run = Run(conn=conn, manifest=orders.manifest, files=orders.files, plan=plan, phase=phase)
        orders.course.unsure = True
        try:
            created = [carried_out(step, run)]
        except BaladosDbError as exc:
            if not isinstance(exc.__cause__, psycopg.errors.DuplicateDatabase):
                raise
            created = []  # somebody else was faster: what we wanted is there
        orders.course.unsure = False
        return created


def _phases(plan: Plan, orders: Orders, conn: Connection[Any], guard: Connection[Any]) -> None:
    """One after the other. What is committed is noted in the course, whatever ends this."""
    course = orders.course
    tracker = Tracker(tell=orders.progress, total=len(plan.steps)) if orders.progress else None
    ours = pid_of(guard)
    with told_what_is_done(plan, course):
        for number, phase in enumerate(plan.phases):
            run = Run(
                conn=conn,
                manifest=orders.manifest,
                files=orders.files,
                plan=plan,
                phase=phase,
                client=socket.gethostname(),
                progress=tracker,
                ours=(ours,),
            )
            last = number == len(plan.phases) - 1
            if phase.atomic:
                sure = _make_sure(plan, orders, conn, ours, first=number == 0, last=last)
                atomic(run, orders, ((conn, ours),), sure)
            else:
                _alone(run, orders, last=last)


def _alone(run: Run, orders: Orders, *, last: bool) -> None:
    """Outside any transaction: what was done when it is interrupted, nobody knows."""
    course = orders.course
    course.unsure = True
    results = [carried_out(step, run) for step in run.phase.steps]
    if last and orders.approved is not None:
        plans.end(run.conn, orders.approved)
    course.commit(course.phases + 1, (*course.done, *results), last=last)


def _make_sure(
    plan: Plan, orders: Orders, conn: Connection[Any], ours: int, *, first: bool, last: bool
) -> Callable[[], None]:
    """Under the first transaction's locks: what was confirmed or approved is what would be planned now, and a plan file
    is used up; in the last one it is done with.

    What comes back raises StalePlan or PlanAlreadyApplied.
    """
    approved = orders.approved

    def check() -> None:
        if first and (plan.destructive or approved is not None):
            _refuse_stale(plan, _look(orders, conn, ours))

    return using_up(conn, approved, check, first=first, last=last)


def using_up(
    conn: Connection[Any], approved: PlanFile | None, check: Callable[[], None], *, first: bool, last: bool
) -> Callable[[], None]:
    """The check, and around it what becomes of a plan file: used up in the first transaction, done with in the last."""

    def sure() -> None:
        if first and approved is not None:
            plans.refuse_used(conn, approved)
        check()
        if first and approved is not None:
            plans.use_up(conn, approved)
        if last and approved is not None:
            plans.end(conn, approved)

    return sure


def _refuse_stale(shown: Plan, fresh: Plan) -> None:
    """Raises StalePlan where this is not what was confirmed, or where somebody subscribed anew since."""
    fresh.refuse_other(shown.facts, shown.danger)
    refuse_unfenced(shown.fence, fresh.fence)


def refuse_unfenced(shown: Fence | None, fresh: Fence | None) -> None:
    """A row that was made since has a lock of its own, which nobody holds off. Raises StalePlan."""
    if fresh is not None and not set(fresh.ids) <= set(shown.ids if shown else ()):
        raise StalePlan(changes="subscriptions were made since it was planned")


def afterwards(wanted: Fence | None, orders: Orders) -> tuple[str, ...]:
    """Look for subscribers that slipped in between reading their row and trying the lock.

    The work is committed: that the server cannot be asked any more is no failure of it.
    """
    store = orders.manifest.event_store
    live = store.layout.liveness if store and store.layout else None
    if wanted is None or (live is None and wanted.probe is None) or orders.course.stopped:
        return ()
    try:
        with orders.open() as conn:
            found = strays(conn, wanted.class_table, live.id) if live and wanted.class_table else ()
            late_ones = late(conn, wanted, orders.patience.grace)
    except (BaladosDbError, psycopg.Error):
        return ("the server could not be asked any more whether a projector slipped in: restart those that run",)
    return (
        *(f"{who} lives on a position that was forgotten: restart it" for who in found),
        *(f"{who} may live on a position that was forgotten: restart it" for who in late_ones),
    )
