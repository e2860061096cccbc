"""One transaction: everything in it happens, or nothing does; and when nobody knows, the server is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from balados_db.answers.answer import StepResult
from balados_db.errors import BaladosDbError, ConnectionLost, Interrupted, Stopped
from balados_db.execution.course import Course
from balados_db.execution.handlers import HANDLERS, Run
from balados_db.execution.orders import Orders
from balados_db.postgres.connection import local_settings, translated
from balados_db.postgres.guest import give_back_session, remember_session, send
from balados_db.postgres.locking import begin_locked, fence_stands
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

Fenced = tuple["Connection[Any]", int]  # a worker's connection, and the process of its database's fence


def atomic(run: Run, orders: Orders, fenced: Sequence[Fenced], sure: Callable[[], None]) -> None:
    """One transaction: everything in it happens, or nothing does. What is committed is noted in the course.

    `sure` raises where it must not begin; it is called under the locks. Every fence must stand when it ends.
    """
    conn, phase = run.conn, run.phase
    try:
        with translated(phase.name, run.identity):
            _begin(run, orders)
            sure()
            results = [carried_out(step, run) for step in phase.steps]
            give_back_session(conn)
            if not all(fence_stands(worker, pid) for worker, pid in fenced):
                raise _lost(run, "that of the fence was ended", "Nothing was changed.")
    except BaseException:
        _roll_back(conn)
        raise
    _commit(run, orders, results)


def _begin(run: Run, orders: Orders) -> None:
    conn = run.conn
    if run.plan.fence is not None:  # of a plan over several databases each has its own, and this is an empty one
        begin_locked(conn, run.phase.locks, orders.patience.locks)
        return
    send(conn, query("begin_migrating"), orders.patience.locks)  # a pooler may let us wait for minutes
    remember_session(conn)
    conn.execute(local_settings(conn))
    from psycopg import sql

    milliseconds = max(1, int(orders.patience.locks * 1000))  # 0 would mean for ever
    conn.execute(query("bounded_lock").format(milliseconds=sql.Literal(f"{milliseconds}ms")))


def carried_out(step: Any, run: Run) -> StepResult:
    """Hand a step to its handler, and say what came of it and how long that took."""
    begun = time.monotonic()
    if run.progress:
        run.progress.begin(step)
    with translated(step.summary, run.identity, fires=step.fires):
        details = HANDLERS[type(step)](step, run) or {}
    if run.progress:
        run.progress.end()
    return StepResult(id=step.id, summary=step.summary, seconds=time.monotonic() - begun, details=details)


def _roll_back(conn: Connection[Any]) -> None:
    """Clean-up never hides the first error."""
    try:
        if not conn.closed:
            conn.rollback()
    except psycopg.Error:
        conn.close()


def _commit(run: Run, orders: Orders, results: list[StepResult]) -> None:
    """Commit; when the answer is lost or not waited for, ask the server what became of it, and say that."""
    conn, course = run.conn, orders.course
    number, done = course.phases + 1, (*course.done, *results)
    last = number == len(run.plan.phases)
    with translated("commit", run.identity):
        row = conn.execute(query("transaction_id")).fetchone()
    xid = row[0] if row else ""
    try:
        course.unsure = True
        conn.commit()
        course.commit(number, done, last=last)
    except (psycopg.OperationalError, KeyboardInterrupt) as exc:
        conn.close()  # a commit that has not reached the server yet shall not come true after we have asked
        status = _status(orders, xid)
        if status == "committed":
            course.commit(number, done, last=last)
            _go_on(exc, course)
            return
        course.unsure = status != "aborted"
        if isinstance(exc, KeyboardInterrupt):
            raise
        told = f"The transaction is {status}."
        raise _lost(run, "in the middle of the commit", told, in_doubt=course.unsure) from exc


def _lost(run: Run, problem: str, outcome: str, **facts: Any) -> ConnectionLost:
    target = run.identity.server if run.identity else "the server"
    return ConnectionLost(target=target, problem=problem, outcome=outcome, **facts)


def _go_on(exc: BaseException, course: Course) -> None:
    """It is committed. Whoever interrupted it finds it done, where it was the last; else that is the end here."""
    if not isinstance(exc, KeyboardInterrupt):
        return
    if not course.settled:
        raise exc
    course.stopped = exc.error if isinstance(exc, Stopped) else Interrupted(outcome="")


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
