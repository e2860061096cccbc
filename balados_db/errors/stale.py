"""The database is no longer the one that was planned for (exit 7)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class StalePlan(BaladosDbError):
    """The database changed since the plan was made: {changes}. Nothing was changed."""

    code = "stale_plan"
    exit_status = ExitStatus.STALE_PLAN
    cure = "look at the new plan and confirm that one"
    again: str | None = "--dry-run"
    renewed: tuple[str, ...] = ()

    def renew(self, arguments: Sequence[str]) -> None:
        """Say how a plan file is made anew: applying it with --dry-run would only say the same again."""
        self.again, self.renewed = None, ("balados-db", *arguments, "--dry-run")
        self.hint = f"make a new plan, and look at it: balados-db plan {shlex.join(arguments)} --out FILE"

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """What a new plan would be, where the one of a file is stale."""
        return (self.renewed,) if self.renewed else ()


class PlanAlreadyApplied(StalePlan):
    """This plan was {word} already, at {at}, by {role} from {client}. Nothing was changed."""

    code = "plan_already_applied"
    cure = "a plan file works once: make a new one, balados-db plan {planned} --out FILE"

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """The command that finishes a plan of several transactions which did not come to its end."""
        return (("balados-db", *self.facts["arguments"]),) if self.facts["unfinished"] else ()
