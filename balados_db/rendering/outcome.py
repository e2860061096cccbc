"""What was done or found, in words for people: the answer on one console, what is beside it on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balados_db.finding import Severity
from balados_db.rendering.markup import escape, escape_lines
from balados_db.rendering.preview import CEREMONY, render_plan
from balados_db.rendering.tables import print_table

if TYPE_CHECKING:
    from rich.console import Console

    from balados_db.planning.plan import Plan
    from balados_db.report import Report


def render_report(report: Report, out: Console, err: Console) -> None:
    """Print a command's answer on `out`, what is beside it on `err`."""
    for name, part in report.databases.items():
        out.print(f"\n[bold]Database {escape(name)}[/]{_where(part)}")
        render_report(part, out, err)
    if report.databases:
        return
    if report.text is not None:
        render_answer(report, out)
        _beside(report, err)
        return
    if report.dry_run and report.plan is not None:
        render_plan(report.plan, out)
        out.print(escape_lines(report.last_words))
        return
    if report.plan is not None and not report.done:
        out.print("Nothing to do.")
    for line in _done(report):
        out.print(f"  ✓ {escape(line)}")
    _facts(report, out)
    _beside(report, err)
    if report.done and report.plan is not None:
        out.print(_said(report.plan))


def _where(report: Report) -> str:
    target = report.plan.identity if report.plan else report.identity
    return escape(f": {target.database} on {target.server}") if target else ""


def render_answer(report: Report, out: Console) -> None:
    """Print the bare answer: what --quiet leaves."""
    for name, part in report.databases.items():
        out.print(f"\nDatabase {escape(name)}")
        render_answer(part, out)
    if report.databases:
        return
    if report.text is not None:
        out.file.write(report.text if report.text.endswith("\n") else report.text + "\n")
    elif report.dry_run and report.plan is not None:
        render_plan(report.plan, out)
    _facts(report, out)


def _facts(report: Report, out: Console) -> None:
    """Tables where there is neither document nor plan; and the findings of a command that was asked for them."""
    if report.text is None and not report.dry_run:
        for name, rows in report.tables.items():
            if rows:
                print_table(name, rows, out)
    if report.findings_answer and not report.findings_in_text:
        _findings(report, out)


def _beside(report: Report, err: Console) -> None:
    for text in report.warnings:
        err.print(f"[yellow]note:[/] {escape_lines(text)}")
    if not report.findings_answer:
        _findings(report, err)


def _findings(report: Report, out: Console) -> None:
    for finding in report.findings:
        mark = "note" if finding.severity is Severity.NOTE else "finding"
        style = "red" if finding.severity is Severity.ERROR else "yellow"
        out.print(f"[{style}]{mark}:[/] {escape_lines(finding.message)}")
        if finding.cure:
            out.print(f"  → {escape_lines(finding.cure)}")


def _done(report: Report) -> list[str]:
    """What was done: step by step, but a destructive run in the few lines that matter."""
    if report.plan is None or not report.plan.destructive or not report.plan.scope:
        return [step.summary for step in report.done]
    plain = (*CEREMONY, "EmptyTables", "RestartSequences", "DropRelations", "ForgetCheckpoints")
    hidden = {step.id for step in report.plan.steps if type(step).__name__ in plain}
    well = [step for step in report.done if not step.details.get("exit_status")]
    lines = [step.summary for step in well if step.id not in hidden]
    tables = len(report.plan.destroys)
    if tables and report.plan.command == "reset":
        lines.append(f"{'1 table is' if tables == 1 else f'{tables} tables are'} empty")
    forgotten = sum(step.details.get("forgotten", 0) for step in report.done)
    lines.append(f"{'1 position is' if forgotten == 1 else f'{forgotten} positions are'} forgotten")
    facts = max((step.details.get("facts", 0) for step in report.done), default=0)
    lines.append(f"everything else is what it was: {facts:,} facts compared before and after")
    return lines


def _said(plan: Plan) -> str:
    if plan.scope == "projections":
        return "Done. Start the projectors: they replay history from the beginning."
    return "Done."
