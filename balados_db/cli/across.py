"""Look, plan, ask, do, tell: the same road, where a reset concerns several databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balados_db.cli.confirmation import confirm
from balados_db.cli.databases import refuse_same
from balados_db.cli.pipeline import refuse_other, show_preview
from balados_db.cli.progress import clear_progress
from balados_db.cli.session import Session
from balados_db.errors import in_database
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.execution.across import AcrossOrders
    from balados_db.planning.plan import Plan
    from balados_db.planning.request import ResetRequest
    from balados_db.postgres.locking import Patience


def reset_across(
    session: Session,
    names: tuple[str, ...],
    request: ResetRequest,
    patience: Patience,
    *,
    dry_run: bool,
    given: str | None,
) -> Report:
    """Plan in all of these databases, show it as one, ask for the one phrase, and carry it out."""
    from balados_db.cli.signals import WATCH
    from balados_db.execution.across import AcrossOrders, plan_across
    from balados_db.execution.road import pulled

    parts = {part.database: part for part in session.parts if part.database in names}
    orders = AcrossOrders(
        manifest=session.manifest,
        request=request,
        parts={name: part.orders(_nobody, patience) for name, part in parts.items() if name},
        wait_for_projectors=patience.projectors > 0,
        approved=session.approved,
    )
    for part in parts.values():
        with in_database(part.database):
            part.refuse_disagreement()
    plan = plan_across(orders)
    _refuse(plan)
    if session.approved is not None:
        refuse_other(plan, session.approved)
    if dry_run or plan.is_empty:
        return Report(command=session.command, plan=plan, dry_run=dry_run, warnings=plan.warnings)
    show_preview(plan, session, asking=given is None and session.interactive)
    confirm(plan, given, session.interactive)
    report = _carried_out(session, plan, orders)
    if plan.trigger is None:
        return report
    return pulled(report, plan, session.manifest, [part.open for part in parts.values()], WATCH.course)


def _carried_out(session: Session, plan: Plan, orders: AcrossOrders) -> Report:
    from balados_db.execution.across import execute_across
    from balados_db.execution.road import next_of

    try:
        outcome = execute_across(plan, orders)
    finally:
        clear_progress(session.options)
    warnings = (*plan.warnings, *outcome.warnings)
    return Report(command=session.command, plan=plan, done=outcome.done, warnings=warnings, next=next_of(plan))


def _refuse(plan: Plan) -> None:
    """Before anybody is asked for a phrase."""
    from balados_db.execution.executor import refuse_read_only

    refuse_same({site.name: site.identity for site in plan.sites})
    for site in plan.sites:
        with in_database(site.name):
            refuse_read_only(site.identity)


def _nobody(*_: Any) -> Plan:
    raise AssertionError("a reset of several databases is planned in all of them at once")
