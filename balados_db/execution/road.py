"""Look and plan, carry out, say what was done: of every command's road the part that asks and prints nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from balados_db.errors import BaladosDbError, NoDatabase
from balados_db.execution.course import Course
from balados_db.execution.executor import execute
from balados_db.execution.orders import Open, Orders, Outcome, Planner
from balados_db.execution.trigger import pull
from balados_db.model import Identity, Manifest
from balados_db.planning.plan import Plan
from balados_db.planning.steps import ForgetCheckpoints
from balados_db.postgres.catalog import looking, read_identity
from balados_db.postgres.connection import MAINTENANCE, translated
from balados_db.postgres.locking import looked_at
from balados_db.report import Report

if TYPE_CHECKING:
    from psycopg import Connection


def look_and_plan(open_: Open, planner: Planner, missing: Plan | None, database: str) -> Plan:
    """Plan for the database as it is. `missing` is the plan for one that is not there; without one: NoDatabase."""
    try:
        with looked_at(open_) as conn, about(lambda: _seen(conn)):
            return planner(conn, ())
    except NoDatabase:
        if missing is None:
            raise
    return replace(missing, identity=_to_be(open_, database))


@contextlib.contextmanager
def about(identity: Callable[[], Identity | None]) -> Iterator[None]:
    """What goes wrong says in which database it did, as the server reports it; where that can be known."""
    try:
        yield
    except BaladosDbError as exc:
        with contextlib.suppress(Exception):
            exc.identity = exc.identity or identity()
        raise


def _seen(conn: Connection[Any]) -> Identity:
    with looking(conn):
        return read_identity(conn)


def _to_be(open_: Open, database: str) -> Identity:
    """The identity of a database that is not there yet: its server is, and an oid it has none."""
    with open_(database=MAINTENANCE) as conn, translated("look"), looking(conn):
        found = read_identity(conn, records=False)
    return replace(found, database=database, database_oid=0, read_only=False)


def carry_out(plan: Plan, orders: Orders, command: str) -> Report:
    """Carry out a plan that needs no consent or has it, then set off what the manifest wants after a reset."""
    outcome = execute(plan, orders)
    return reported(plan, outcome, command, orders.manifest, [orders.open], orders.course)


def reported(
    plan: Plan, outcome: Outcome, command: str, manifest: Manifest, opens: Sequence[Open], course: Course
) -> Report:
    """Say what was done, and set off what the manifest wants after a reset."""
    report = Report(
        command=command,
        plan=plan,
        done=outcome.done,
        warnings=(*plan.warnings, *outcome.warnings),
        next=_next_of(plan),
    )
    return report if plan.trigger is None else _pulled(report, plan, manifest, opens, course)


def _pulled(report: Report, plan: Plan, manifest: Manifest, opens: Sequence[Open], course: Course) -> Report:
    """The report with what the manifest sets off once the reset is done; a receipt has a number in one database."""
    receipts = [step.details["receipt"] for step in report.done if "receipt" in step.details]
    receipt = receipts[-1] if receipts and len(opens) == 1 else None
    found = pull(plan, receipt, opens, manifest.file.parent, course)
    return replace(report, done=(*report.done, *found.done), warnings=(*report.warnings, *found.warnings))


def _next_of(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """What to run when a plan is carried out."""
    if any(isinstance(step, ForgetCheckpoints) for step in plan.steps):
        return (("balados-db", "rebuild", "wait"),)
    return (("balados-db", "status"),) if plan.command in ("reset", "rollback") else ()
