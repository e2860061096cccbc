"""What a plan will do, in words for people, from the plan itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balados_db.planning.plan import Danger, Destroyed, Kept, Plan, in_shell
from balados_db.planning.steps import ForgetCheckpoints, listed
from balados_db.rendering.amounts import count, forecast_in_words, size_of
from balados_db.rendering.markup import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from balados_db.model import Identity

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
CEREMONY = (
    *("CreateRecords", "CapturePreserved", "ProvePreserved", "WriteReceipt", "RecordStructure"),
    *("OpenJournal", "NoteProgress", "CloseJournal", "RewindCheckpoints", "ProveRewound"),
)
_SAID_BY_SCHEMA = ("EmptyTables", "RestartSequences", "DropContents", "DropRelations")
_VERBS = {"empty": "empty", "recreate": "drop and recreate", "rollback": "roll back"}


def _will(plan: Plan, out: Console) -> None:
    out.print("\nThis will:")
    for schema, destroyed in _by_schema(plan).items():
        _destroys(plan, schema, destroyed, out)
    unsaid = (*CEREMONY, *_SAID_BY_SCHEMA, "ForgetCheckpoints") if plan.destructive else ()
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
