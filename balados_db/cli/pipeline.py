"""Look, plan, ask, do, tell: the one road that every writing command takes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from balados_db.cli.confirmation import confirm
from balados_db.cli.endings import noticing_loss, write_object
from balados_db.cli.progress import clear_progress
from balados_db.cli.session import Session
from balados_db.errors import NoDatabase, StalePlan
from balados_db.planning.steps import ForgetCheckpoints
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.execution.executor import Planner
    from balados_db.model import Identity
    from balados_db.plan_file import PlanFile
    from balados_db.planning.plan import Plan
    from balados_db.postgres.locking import Patience


def carry_out(
    session: Session,
    planner: Planner,
    *,
    dry_run: bool = False,
    given: str | None = None,
    patience: Patience | None = None,
    missing: Plan | None = None,
) -> Report:
    """Plan, show, ask for the phrase where the plan has one, and execute.

    `missing` is the plan for a database that does not exist yet; without one that is an error.
    """
    from balados_db.execution.executor import execute, refuse_read_only

    session.manifest, session.files  # noqa: B018  # every mistake in files before any connection
    plan = _plan(session, planner, missing)
    refuse_read_only(plan.identity)  # before anybody is asked for a phrase
    if session.approved is not None:
        _refuse_other(plan, session.approved)
    if plan.destructive:
        session.refuse_disagreement()
    if dry_run or plan.is_empty:
        return Report(command=session.command, plan=plan, dry_run=dry_run, warnings=plan.warnings)
    if plan.destructive:
        show_preview(plan, session, asking=given is None and session.interactive)
        confirm(plan, given, session.interactive)
    try:
        outcome = execute(plan, session.orders(planner, patience))
    finally:
        clear_progress(session.options)
    report = Report(
        command=session.command,
        plan=plan,
        done=outcome.done,
        warnings=(*plan.warnings, *outcome.warnings),
        next=next_of(plan),
    )
    return report if plan.trigger is None else pulled(report, plan, session, (session,))


def pulled(report: Report, plan: Plan, session: Session, parts: Sequence[Session]) -> Report:
    """The report with what the manifest sets off once the reset is done; a receipt has a number in one database."""
    from balados_db.execution.trigger import pull

    receipts = [step.details["receipt"] for step in report.done if "receipt" in step.details]
    receipt = receipts[-1] if receipts and len(parts) == 1 else None
    found = pull(plan, receipt, [part.open for part in parts], session.manifest.file.parent)
    return replace(report, done=(*report.done, *found.done), warnings=(*report.warnings, *found.warnings))


def _plan(session: Session, planner: Planner, missing: Plan | None) -> Plan:
    from balados_db.postgres.connection import translated
    from balados_db.postgres.locking import named_blockers

    try:
        with session.open() as conn, named_blockers(conn), translated("look"):
            return planner(conn, ())
    except NoDatabase:
        if missing is None:
            raise
    return replace(missing, identity=_to_be(session))


def _to_be(session: Session) -> Identity:
    """The identity of a database that is not there yet: its server is, and an oid it has none."""
    from balados_db.postgres.catalog import looking, read_identity
    from balados_db.postgres.connection import MAINTENANCE, translated

    with session.open(database=MAINTENANCE) as conn, translated("look"), looking(conn):
        found = read_identity(conn, records=False)
    return replace(found, database=session.source.database, database_oid=0, read_only=False)


def _refuse_other(plan: Plan, approved: PlanFile) -> None:
    """Raises StalePlan where the plan that was approved is not the one that is made now."""
    from balados_db import __version__
    from balados_db.planning.plan import Danger

    try:
        plan.refuse_other(approved.facts, Danger(approved.danger))
    except StalePlan as exc:
        if approved.made_by == __version__:
            raise
        said = f"it was made by balados-db {approved.made_by}, and this is {__version__}"
        raise StalePlan(**{**exc.facts, "changes": f"{said}; {exc.facts['changes']}"}) from exc


def next_of(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """What to run when a plan is carried out."""
    if any(isinstance(step, ForgetCheckpoints) for step in plan.steps):
        return (("balados-db", "rebuild", "wait"),)
    return (("balados-db", "status"),) if plan.command in ("reset", "rollback") else ()


def show_preview(plan: Plan, session: Session, *, asking: bool) -> None:
    """Say on standard error what is going to happen; nobody is asked without having been told."""
    if not asking and (session.options.json or session.options.quiet):
        return
    from balados_db.rendering.human import console, render_plan

    out = console(sys.stderr, session.options.no_color)
    if not plan.sites:
        render_plan(plan, out, session.source.name)
        return
    render_plan(plan, out, sources={part.database: part.source.name for part in session.parts if part.database})


def tell(report: Report, session: Session) -> None:
    """Print the one answer on standard output. That nobody reads it any more changes nothing about the outcome."""
    with noticing_loss():
        _tell(report, session)


def _tell(report: Report, session: Session) -> None:
    if session.options.json:
        from balados_db.rendering.envelope import success

        write_object(success(report, session.command))
        return
    from balados_db.rendering.human import console, render_answer, render_report

    out = console(sys.stdout, session.options.no_color)
    if session.options.quiet:
        render_answer(report, out)
    else:
        render_report(report, out, console(sys.stderr, session.options.no_color))
