"""Look, plan, ask, do, tell: the one road that every writing command takes."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from balados_db.cli.confirmation import confirm
from balados_db.cli.endings import noticing_loss, write_object
from balados_db.cli.progress import clear_progress
from balados_db.cli.session import Session
from balados_db.errors import StalePlan, in_database
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.execution.orders import Planner
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
    from balados_db.execution import road
    from balados_db.execution.executor import refuse_read_only

    session.manifest, session.files  # noqa: B018  # every mistake in files before any connection
    plan = road.look_and_plan(session.open, planner, missing, session.source.database)
    with road.about(lambda: plan.identity):
        refuse_read_only(plan.identity)  # before anybody is asked for a phrase
        if session.approved is not None:
            refuse_other(plan, session.approved)
        if plan.destructive:
            session.refuse_disagreement()
        if dry_run or plan.is_empty:
            return Report(command=session.command, plan=plan, dry_run=dry_run, warnings=plan.warnings)
        if plan.destructive:
            show_preview(plan, session, asking=given is None and session.interactive)
            confirm(plan, given, session.interactive)
        try:
            return road.carry_out(plan, session.orders(planner, patience), session.command)
        finally:
            clear_progress(session.options)


def refuse_other(plan: Plan, approved: PlanFile) -> None:
    """Raises StalePlan where the plan that was approved is not the one that is made now."""
    from balados_db import __version__
    from balados_db.planning.plan import Danger

    try:
        plan.refuse_other(approved.facts, Danger(approved.danger))
    except StalePlan as exc:
        if approved.made_by == __version__:
            raise
        said = f"it was made by balados-db {approved.made_by}, and this is {__version__}"
        with in_database(exc.database):
            raise StalePlan(**{**exc.facts, "changes": f"{said}; {exc.facts['changes']}"}) from exc


def show_preview(plan: Plan, session: Session, *, asking: bool) -> None:
    """Say on standard error what is going to happen; nobody is asked without having been told."""
    if not asking and (session.options.json or session.options.quiet):
        return
    from balados_db.rendering.console import console
    from balados_db.rendering.preview import render_plan

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
        from balados_db.redaction import redacted
        from balados_db.rendering.envelope import success

        following = tuple(tuple(map(redacted, session.placed(action))) for action in report.next)
        write_object(success(replace(report, next=following), session.command))
        return
    from balados_db.rendering.console import console
    from balados_db.rendering.outcome import render_answer, render_report

    out = console(sys.stdout, session.options.no_color)
    if session.options.quiet:
        render_answer(report, out)
    else:
        render_report(report, out, console(sys.stderr, session.options.no_color))
