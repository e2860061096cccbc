"""What a command has to say when it is done: one type, whatever the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from balados_db.answers.answer import Answer, StepResult
from balados_db.exits import ExitStatus
from balados_db.finding import Finding, Severity

if TYPE_CHECKING:  # the model is large, a plan larger: --help and completion need none
    from balados_db.model import Identity
    from balados_db.planning.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of a command. `result` is its answer, of the type that `balados_db.answers.table.ANSWERS` has for it.

    `identity` is the database that was asked, where there is no plan that says so.
    """

    command: str
    plan: Plan | None = None
    identity: Identity | None = None
    dry_run: bool = False
    done: tuple[StepResult, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    findings_answer: bool = False  # the findings are what was asked for, not something beside the answer
    findings_in_text: bool = False  # `text` says them already
    result: Answer = field(default_factory=Answer)
    tables: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)  # what people see of the answer
    text: str | None = None  # for people too, where the answer is a document
    last_words: str = "Dry run: nothing was changed."  # for people, below a plan that was only made
    next: tuple[tuple[str, ...], ...] = ()
    databases: Mapping[str, Report] = field(default_factory=dict)  # where several are concerned: what of each

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.done) or any(report.changed for report in self.databases.values())

    @property
    def exit_status(self) -> ExitStatus:
        """Findings are a status of their own; notes ask for nothing, and everything else that gets here went well."""
        found = (*self.findings, *(f for report in self.databases.values() for f in report.findings))
        asking = any(finding.severity is not Severity.NOTE for finding in found)
        return ExitStatus.FINDINGS if asking else ExitStatus.OK
