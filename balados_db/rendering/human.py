"""Words for people: the preview of a plan, the outcome of a command. Colours and boxes only on a terminal."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from balados_db.finding import Severity
from balados_db.planning.plan import Danger, Destroyed, Forecast, Kept, Plan, in_shell
from balados_db.planning.steps import ForgetCheckpoints, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from balados_db.model import Identity
    from balados_db.report import Report

HEADLINES = {
    Danger.SAFE: ("✅ SAFE", "green", "projections only: they are rebuilt from the events"),
    Danger.CAUTION: (
        "⚠️  CAUTION",
        "yellow",
        "projections only, but not all of them are rebuilt by a declared projector",
    ),
    Danger.DANGER: ("⚠️  DANGER", "bold yellow", "permanent data: it exists nowhere else"),
    Danger.EXTREME: ("☢️  EXTREME DANGER", "bold red", "events are the source of truth and CANNOT BE RECOVERED"),
}


class _Console(Console):
    """Leaves it to the caller what to do when nobody reads any more; rich itself would end the program."""

    def on_broken_pipe(self) -> None:
        """Called while the BrokenPipeError is being handled."""
        raise


def console(file: IO[str], no_color: bool) -> Console:
    """A console that does without colours, boxes and line breaks of its own where nobody looks on."""
    terminal = file.isatty()
    return _Console(
        file=file,
        no_color=no_color or bool(os.environ.get("NO_COLOR")),
        highlight=False,
        emoji=False,
        soft_wrap=True,
        width=None if terminal else 200,
    )


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────


def render_plan(plan: Plan, out: Console, source: str | None = None, sources: Mapping[str, str] | None = None) -> None:
    """Print what a plan will do, from the plan itself. `sources`: whence the URL of each of its databases comes."""
    _headline(plan, out)
    if not plan.sites:
        _target(plan.identity, out, source)
    for site in plan.sites:
        out.print(f"[bold]{escape(site.name)}[/]: ", end="")
        _target(site.identity, out, (sources or {}).get(site.name))
    if plan.is_empty:
        out.print("Nothing to do.")
        return
    _will(plan, out)
    _keeps(plan, out)
    _connected(plan, out)
    _afterwards(plan, out)
    for text in plan.not_restored:
        out.print(f"  [yellow]cannot be given back by this role:[/] {escape(text)}")
    for text in plan.stale:
        out.print(f"  [yellow]becomes stale:[/] {escape(text)}")
    for text in plan.warnings:
        out.print(f"  [yellow]note:[/] {escape(text)}")
    out.print()


def _headline(plan: Plan, out: Console) -> None:
    if plan.danger in HEADLINES:
        word, style, what = HEADLINES[plan.danger]
        why = f" — {what}" if plan.scope else ""
        out.print(f"\n[{style}]{word}[/]: {plan.command}{why}.\n")


def _target(identity: Identity | None, out: Console, source: str | None) -> None:
    if identity is None:
        return
    environment = identity.environment or "not stamped"
    by = f" (URL from {escape(source)})" if source else ""
    behind = " behind a pooler" if identity.pooled else ""
    out.print(
        f"server {escape(identity.server)}{behind} · database [bold]{escape(identity.database)}[/]"
        f" · role {escape(identity.role)} · environment {escape(environment)}"
        f" · PostgreSQL {identity.server_version}{by}"
    )


# What every destructive plan does, said once in the line about what is kept.
_CEREMONY = (
    *("CreateRecords", "CapturePreserved", "ProvePreserved", "WriteReceipt", "RecordStructure"),
    *("OpenJournal", "NoteProgress", "CloseJournal", "RewindCheckpoints", "ProveRewound"),
)
_SAID_BY_SCHEMA = ("EmptyTables", "RestartSequences", "DropContents", "DropRelations")
_VERBS = {"empty": "empty", "recreate": "drop and recreate", "rollback": "roll back"}


def _will(plan: Plan, out: Console) -> None:
    out.print("\nThis will:")
    for schema, destroyed in _by_schema(plan).items():
        _destroys(plan, schema, destroyed, out)
    unsaid = (*_CEREMONY, *_SAID_BY_SCHEMA, "ForgetCheckpoints") if plan.destructive else ()
    for step in plan.steps:
        if type(step).__name__ not in unsaid:
            out.print(f"  - {escape(step.summary)}")
    _forgets(plan, out)


def _destroys(plan: Plan, schema: str, destroyed: list[Destroyed], out: Console) -> None:
    way = next((w for w in plan.ways if w.schema == schema), None)
    verb = _VERBS[way.way if way else "empty"]
    rows, size = _rows(destroyed), size_of(sum(d.bytes for d in destroyed))
    holds = f" — {escape(way.holds)}" if way and way.holds else ""
    name = f"[bold]{escape(schema)}[/]{_in(destroyed[0].database)}"
    out.print(f"  - {verb} {name}: {rows}, {size} in {_tables(destroyed)}{holds}")
    if way:
        out.print(f"    [dim]because {escape(way.why)}[/]")


def _forgets(plan: Plan, out: Console) -> None:
    steps = [step for step in plan.steps if isinstance(step, ForgetCheckpoints)]
    if not steps:
        return
    names = tuple(dict.fromkeys(name for step in steps for name in step.projectors))
    who = "everybody" if any(step.everybody for step in steps) else listed(names, most=10)
    places = listed(tuple(step.table for step in steps))
    alone = len(names) == 1 and who != "everybody"
    after = f": {'it replays' if alone else 'they replay'} history" if plan.scope == "projections" else ""
    out.print(f"  - forget how far {escape(who)} got, in {escape(places)}{after}")
    if plan.forecast is not None:
        out.print(f"    [dim]{escape(forecast_in_words(plan.forecast))}[/]")
    for taken in plan.starts_over:
        if taken.because:
            out.print(f"    [dim]{escape(taken.projector)} as well, because {escape(taken.because)}[/]")


def forecast_in_words(forecast: Forecast) -> str:
    """How long the replay will take, and how that is known."""
    events = f"{'' if forecast.exact else '~'}{forecast.events:,} event{'' if forecast.events == 1 else 's'}"
    if not forecast.events and forecast.exact:
        return "no event to replay"
    if forecast.seconds is None or forecast.measured_on is None:
        return f"{events} to replay; `rebuild wait` measures how long that takes"
    times = "1 rebuild" if forecast.rebuilds == 1 else f"{forecast.rebuilds} rebuilds"
    measured = f"measured with {times}, the last on {forecast.measured_on[:10]}"
    unknown = f"; of {listed(forecast.unmeasured)} none was" if forecast.unmeasured else ""
    return f"about {about(forecast.seconds)} for {events}, {measured}{unknown}"


def about(seconds: float) -> str:
    """Seconds in one unit, as somebody says it who does not know better."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {unit}s"
    whole = max(1, round(seconds))
    return "1 second" if whole == 1 else f"{whole} seconds"


def _by_schema(plan: Plan) -> dict[str, list[Destroyed]]:
    found: dict[str, list[Destroyed]] = {}
    for destroyed in plan.destroys:
        found.setdefault(destroyed.schema, []).append(destroyed)
    return found


def _tables(destroyed: list[Destroyed]) -> str:
    names = ", ".join(d.table for d in destroyed[:8])
    more = f" and {len(destroyed) - 8} more" if len(destroyed) > 8 else ""
    return escape(f"{names}{more}")


def _keeps(plan: Plan, out: Console) -> None:
    if not plan.keeps or not plan.destructive:
        return
    out.print("\nThis is kept; any difference before the commit takes everything back:")
    for kept in plan.keeps:
        out.print(f"  ✓ [bold]{escape(kept.schema)}[/]{_in(kept.database)}: {escape(_kept(kept))}")


def _in(database: str | None) -> str:
    """In which of several databases."""
    return f" in {escape(database)}" if database else ""


def _connected(plan: Plan, out: Console) -> None:
    if not plan.connected or not plan.destructive:
        return
    who = tuple(f"{s.application or 'unnamed'} (process {s.pid}, user {s.user}, {s.client})" for s in plan.connected)
    out.print(f"\nConnected meanwhile: {escape(listed(who))}")


def _afterwards(plan: Plan, out: Console) -> None:
    trigger = plan.trigger
    if trigger is None:
        return
    notify = [f"notify channel {trigger.notify}"] if trigger.notify else []
    command = [f"run {in_shell(trigger.command)} (for {trigger.timeout:g} s at most)"] if trigger.command else []
    out.print(f"\nAfterwards: {escape(', '.join([*notify, *command]))}")


def _kept(kept: Kept) -> str:
    if kept.kind == "undeclared":
        return "not in the manifest, so not touched"
    word = "other table" if kept.partly else "table"
    tables = f"1 {word}" if kept.tables == 1 else f"{kept.tables} {word}s"
    rows = f"{tables}, {count(kept.rows, kept.exact)}"
    return f"{rows} — {kept.holds}" if kept.holds else rows


def _rows(destroyed: list[Destroyed]) -> str:
    known = [d.rows for d in destroyed if d.rows is not None]
    if len(known) < len(destroyed):
        return f"at least {sum(known):,} rows" if sum(known) else "unknown rows"
    return count(sum(known), all(d.exact for d in destroyed))


def count(rows: int | None, exact: bool) -> str:
    """Rows in words: `~` marks an estimate."""
    if rows is None:
        return "unknown rows"
    return f"{'' if exact else '~'}{rows:,} {'row' if rows == 1 else 'rows'}"


def size_of(size: int) -> str:
    """Bytes in words."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


# ── the outcome ──────────────────────────────────────────────────────────────────────────────────────────


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
        out.print(escape(report.last_words))
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
                _print_table(name, rows, out)
    if report.findings_answer and not report.findings_in_text:
        _findings(report, out)


def _beside(report: Report, err: Console) -> None:
    for text in report.warnings:
        err.print(f"[yellow]note:[/] {escape(text)}")
    if not report.findings_answer:
        _findings(report, err)


def _findings(report: Report, out: Console) -> None:
    for finding in report.findings:
        mark = "note" if finding.severity is Severity.NOTE else "finding"
        style = "red" if finding.severity is Severity.ERROR else "yellow"
        out.print(f"[{style}]{mark}:[/] {escape(finding.message)}")
        if finding.cure:
            out.print(f"  → {escape(finding.cure)}")


def _done(report: Report) -> list[str]:
    """What was done: step by step, but a destructive run in the few lines that matter."""
    if report.plan is None or not report.plan.destructive or not report.plan.scope:
        return [step.summary for step in report.done]
    plain = (*_CEREMONY, "EmptyTables", "RestartSequences", "DropRelations", "ForgetCheckpoints")
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


def _print_table(name: str, rows: Any, out: Console) -> None:
    """As wide as it is: nothing is cut. Where a terminal has no room for it, each row becomes a few lines."""
    table = _table(name, rows)
    width = Measurement.get(out, out.options.update(max_width=_UNBOUND), table).maximum
    if not out.file.isatty():
        out.width = max(out.width, width)
    if width <= out.width:
        out.print(table)
        return
    if name:
        out.print(f"[italic]{escape(name)}[/]")
    for row in rows:
        _print_row(row, out)


_UNBOUND = 1_000_000


def _print_row(row: Mapping[str, Any], out: Console) -> None:
    """Its first column as a heading, then what there is to say, broken between facts."""
    heading, *columns = row
    out.print(f"[bold]{escape(cell(row[heading]))}[/]")
    line = ""
    for fact in (f"{c.replace('_', ' ')} {cell(row[c])}" for c in columns if cell(row[c]) != "-"):
        if line and len(line) + len(fact) + 5 > out.width:
            out.print(f"  {escape(line)}")
            line = ""
        line = f"{line} · {fact}" if line else fact
    if line:
        out.print(f"  {escape(line)}")


def _table(name: str, rows: Any) -> Table:
    table = Table(title=name or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    columns = list(rows[0])
    for column in columns:
        number = isinstance(rows[0][column], int) and not isinstance(rows[0][column], bool)
        table.add_column(column.replace("_", " "), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(escape(cell(row[c])) for c in columns))
    return table


def cell(value: Any) -> str:
    """One value of a table."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or "-"
    return str(value)
