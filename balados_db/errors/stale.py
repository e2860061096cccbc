"""The database is no longer the one that was planned for (exit 7)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class StalePlan(BaladosDbError):
    """The database changed since the plan was made: {changes}. Nothing was changed."""

    code = "stale_plan"
    exit_status = ExitStatus.STALE_PLAN
    cure = "look at the new plan and confirm that one"
    again = "--dry-run"


class PlanAlreadyApplied(StalePlan):
    """This plan was {word} already, at {at}, by {role} from {client}. Nothing was changed."""

    code = "plan_already_applied"
    cure = "a plan file works once: make a new one, balados-db plan {command} … --out FILE"

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """The command that finishes a plan of several transactions which did not come to its end."""
        return (("balados-db", *self.facts["arguments"]),) if self.facts["unfinished"] else ()
