"""What a command has to say when it is done: one type, whatever the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from balados_db.exits import ExitStatus
from balados_db.finding import Finding, Severity
from balados_db.planning.plan import Plan


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """One step that was carried out. Seconds of wall time."""

    id: str
    summary: str
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of a command. `result` holds a query's answer, by the names that the JSON shows."""

    command: str
    plan: Plan | None = None
    dry_run: bool = False
    done: tuple[StepResult, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    findings_answer: bool = False  # the findings are what was asked for, not something beside the answer
    findings_in_text: bool = False  # `text` says them already
    result: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)  # the same for people
    text: str | None = None  # the answer of a command that prints a document
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
