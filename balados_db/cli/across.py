"""Look, plan, ask, do, tell: the same road, where a reset concerns several databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balados_db.cli.confirmation import confirm
from balados_db.cli.pipeline import refuse_other, show_preview
from balados_db.cli.progress import clear_progress
from balados_db.cli.session import Session
from balados_db.errors import in_database
from balados_db.report import Report

if TYPE_CHECKING:
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
    from balados_db.execution.across import AcrossOrders, carry_out_across, plan_across, planned_together

    parts = {part.database: part for part in session.parts if part.database in names}
    orders = AcrossOrders(
        manifest=session.manifest,
        request=request,
        parts={name: part.orders(planned_together, patience) for name, part in parts.items() if name},
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
    try:
        return carry_out_across(plan, orders, session.command)
    finally:
        clear_progress(session.options)


def _refuse(plan: Plan) -> None:
    """Before anybody is asked for a phrase."""
    from balados_db.execution.executor import refuse_read_only

    for site in plan.sites:
        with in_database(site.name):
            refuse_read_only(site.identity)
