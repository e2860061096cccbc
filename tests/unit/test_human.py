"""What a person reads before being asked: golden previews, without colours or boxes where nobody looks on."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from balados_db.finding import Finding, Severity
from balados_db.planning.create import plan_create
from balados_db.planning.plan import Plan, one_phase
from balados_db.planning.refusals import Obstacles
from balados_db.planning.steps import CreateSchema, RecordStructure
from balados_db.rendering.amounts import count, size_of
from balados_db.rendering.console import console
from balados_db.rendering.outcome import render_answer, render_report
from balados_db.rendering.preview import render_plan
from balados_db.rendering.tables import cell
from balados_db.report import Report, StepResult
from tests.unit.builders import (
    EMPTY_SERVER,
    FRESH,
    IDENTITY,
    MANIFEST,
    MEMBERS,
    STATS,
    Change,
    drifted,
    in_database,
    in_identity,
    in_schema,
    relation,
    session,
    with_relations,
)
from tests.unit.reset_rows import ALL, EVENTS, SAFE, STATS_ALONE, SYSTEM, Row


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the terminal that runs the tests."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM", "COLORTERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def preview(plan: Plan, source: str | None = None, *, no_color: bool = False) -> str:
    out = io.StringIO()
    render_plan(plan, console(out, no_color), source)
    return out.getvalue()


def told(report: Report) -> tuple[str, str]:
    """What a report prints on standard output and on standard error."""
    out, err = io.StringIO(), io.StringIO()
    render_report(report, console(out, False), console(err, False))
    return out.getvalue(), err.getvalue()


PREVIEWS: dict[str, tuple[Row, tuple[Change, ...], str]] = {
    "SAFE": (
        Row(id="", request=SAFE),
        (in_identity(environment="staging"), in_database(undeclared=("elsewhere",))),
        """
✅ SAFE: reset — projections only: they are rebuilt from the events.

server 127.0.0.1:5432 · database club · role librarian · environment staging · PostgreSQL 15.4 (URL from --url)

This will:
  - empty reading: 30 rows, 24 kB in loans, fines, privacy — what reading shows
    because its migrations and its structure are as they were recorded
  - empty board: 10 rows, 8 kB in feed — what board shows
    because its migrations and its structure are as they were recorded
  - empty stats: 10 rows, 8 kB in counters — what stats shows
    because its migrations and its structure are as they were recorded
  - forget how far Loans, Feed, Counter got, in log.subscriptions, log.projection_versions: they replay history
    ~7 events to replay; `rebuild wait` measures how long that takes

This is kept; any difference before the commit takes everything back:
  ✓ members: 2 tables, 20 rows — members and their cards
  ✓ log: 4 tables, 40 rows — every event
  ✓ elsewhere: not in the manifest, so not touched

""",
    ),
    "CAUTION": (
        Row(id="", request=STATS_ALONE),
        (with_relations(relation("stats.by_hand", rows=1_234_567, exact=False, bytes=3_000_000)),),
        """
⚠️  CAUTION: reset — projections only, but not all of them are rebuilt by a declared projector.

server 127.0.0.1:5432 · database club · role librarian · environment not stamped · PostgreSQL 15.4 (URL from --url)

This will:
  - empty stats: ~1,234,577 rows, 3 MB in counters, by_hand — what stats shows
    because its migrations and its structure are as they were recorded
  - forget how far Counter got, in log.subscriptions, log.projection_versions: it replays history
    ~7 events to replay; `rebuild wait` measures how long that takes

This is kept; any difference before the commit takes everything back:
  ✓ members: 2 tables, 20 rows — members and their cards
  ✓ reading: 3 tables, 30 rows — what reading shows
  ✓ board: 1 table, 10 rows — what board shows
  ✓ log: 4 tables, 40 rows — every event
  note: no declared projector rebuilds stats.by_hand: they stay empty

""",
    ),
    "DANGER": (
        Row(id="", request=SYSTEM, obstacles=Obstacles(stale=("reading.best",))),
        (in_schema(MEMBERS, **drifted, not_restorable=("members.cards: owner postgres",)),),
        """
⚠️  DANGER: reset — permanent data: it exists nowhere else.

server 127.0.0.1:5432 · database club · role librarian · environment not stamped · PostgreSQL 15.4 (URL from --url)

This will:
  - drop and recreate members: 20 rows, 16 kB in people, cards — members and their cards
    because its structure is no longer the one that was recorded
  - apply to members: 0001_members, 0002_members
  - give back owners, grants and publications in members

This is kept; any difference before the commit takes everything back:
  ✓ reading: 3 tables, 30 rows — what reading shows
  ✓ board: 1 table, 10 rows — what board shows
  ✓ stats: 1 table, 10 rows — what stats shows
  ✓ log: 4 tables, 40 rows — every event
  cannot be given back by this role: members.cards: owner postgres
  becomes stale: reading.best

""",
    ),
    "EXTREME": (
        Row(id="", request=EVENTS),
        (),
        """
☢️  EXTREME DANGER: reset — events are the source of truth and CANNOT BE RECOVERED.

server 127.0.0.1:5432 · database club · role librarian · environment not stamped · PostgreSQL 15.4 (URL from --url)

This will:
  - empty log: 30 rows, 24 kB in streams, events, subscriptions — every event
    because its tables' identity is what its library locks by; seeded anew
  - seed the event store in log
  - forget how far everybody got, in log.projection_versions

This is kept; any difference before the commit takes everything back:
  ✓ members: 2 tables, 20 rows — members and their cards
  ✓ reading: 3 tables, 30 rows — what reading shows
  ✓ board: 1 table, 10 rows — what board shows
  ✓ stats: 1 table, 10 rows — what stats shows
  note: every projection becomes stale: what it shows comes from events that are gone

""",
    ),
}
every_preview = pytest.mark.parametrize(("row", "changes", "golden"), PREVIEWS.values(), ids=PREVIEWS)


@every_preview
def test_a_preview_reads(row: Row, changes: tuple[Change, ...], golden: str) -> None:
    """Danger first, then where, what goes and why, what is kept, what else there is to know."""
    assert preview(row.plan(*changes), "--url") == golden


@every_preview
def test_a_preview_is_plain_text_without_a_terminal(row: Row, changes: tuple[Change, ...], golden: str) -> None:
    """No escape sequence, no box, no padding at a line's end."""
    text = preview(row.plan(*changes))

    assert "\x1b" not in text
    assert not re.search("[─-╿]", text)
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


@every_preview
def test_a_preview_never_shows_the_phrase(row: Row, changes: tuple[Change, ...], golden: str) -> None:
    """Nobody can paste the phrase without having been asked for it."""
    plan = row.plan(*changes)

    assert plan.phrase
    assert plan.phrase not in preview(plan, "--url").replace("EXTREME DANGER", "")


HOLDS = {
    "projections": (SAFE, ("what reading shows", "what board shows", "what stats shows")),
    "permanent data": (SYSTEM, ("members and their cards",)),
    "events": (EVENTS, ("every event",)),
    "everything": (ALL, tuple(s.holds for s in MANIFEST.schemas)),
}


@pytest.mark.parametrize(("request_", "holds"), HOLDS.values(), ids=HOLDS)
def test_what_a_schema_holds_is_said_before_it_is_destroyed(request_: object, holds: tuple[str, ...]) -> None:
    """The manifest's `holds` stands in every preview that would destroy the schema, in its own words."""
    text = preview(Row(id="", request=request_).plan())  # type: ignore[arg-type]

    assert [words for words in holds if words not in text] == []


def test_who_is_connected_is_said_before_anything_is_destroyed() -> None:
    """The contract's preview names the other sessions."""
    text = preview(Row(id="", request=SAFE).plan(in_database(sessions=(session(4711),))))

    assert "4711" in text


def test_a_pooler_in_between_is_said() -> None:
    """The server that is named is the one behind it."""
    pooled = replace(IDENTITY, pooled=True)

    assert "server 127.0.0.1:5432 behind a pooler · database club" in preview(Plan(command="reset", identity=pooled))


def test_a_long_list_is_one_line() -> None:
    """A pipe has no width: nothing is broken or cut but the list itself, which ends in a count."""
    tables = with_relations(*(relation(f"stats.a_table_with_a_rather_long_name_{n:02}") for n in range(12)))
    text = preview(Row(id="", request=STATS_ALONE).plan(tables))
    line = next(line for line in text.splitlines() if "empty stats" in line)

    assert line.endswith("and 5 more — what stats shows")
    assert len(line) > 200


def test_names_are_shown_as_they_are() -> None:
    """What looks like markup in a name is a name."""
    text = preview(Row(id="", request=STATS_ALONE).plan(with_relations(relation("stats.[red]x[/]"))))

    assert "[red]x[/]" in text


def test_nothing_to_do_is_said() -> None:
    """A plan without steps says where it looked, and nothing else."""
    text = preview(Plan(command="migrate", identity=FRESH.identity))

    assert text.startswith("server 127.0.0.1:5432 · database club")
    assert text.endswith("Nothing to do.\n")


def test_a_plan_for_a_database_that_is_not_there_lists_its_steps() -> None:
    """There is no server's word to show yet."""
    text = preview(plan_create(EMPTY_SERVER, MANIFEST, "club"))

    assert "  - create database club\n  - create schema members\n" in text
    assert "server" not in text


COLOURS = {
    "forced": ({"FORCE_COLOR": "1", "TERM": "xterm-256color"}, False, True),
    "forced, but --no-color": ({"FORCE_COLOR": "1", "TERM": "xterm-256color"}, True, False),
    "forced, but NO_COLOR": ({"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm-256color"}, False, False),
    "forced, but a dumb terminal": ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, False),
    "nothing said": ({}, False, False),
}


@pytest.mark.parametrize(("environment", "no_color", "coloured"), COLOURS.values(), ids=COLOURS)
def test_colours(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], no_color: bool, coloured: bool) -> None:
    """FORCE_COLOR, NO_COLOR, TERM=dumb and --no-color mean what they mean elsewhere."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text = preview(Row(id="", request=SAFE).plan(), no_color=no_color)

    assert bool(re.search("\x1b\\[[0-9;]*3[0-9]", text)) is coloured


# ── the outcome ──────────────────────────────────────────────────────────────────────────────────────────


def done(plan: Plan) -> tuple[StepResult, ...]:
    return tuple(StepResult(id=s.id, summary=s.summary) for s in plan.steps)


def test_a_dry_run_says_that_nothing_was_changed() -> None:
    """The preview, and that it is one."""
    out, err = told(Report(command="reset", plan=Row(id="", request=SAFE).plan(), dry_run=True))

    assert out.startswith("\n✅ SAFE")
    assert out.endswith("Dry run: nothing was changed.\n")
    assert err == ""


def told_as_done(report: Report) -> list[str]:
    """The lines that say what was done."""
    return [line[4:] for line in told(report)[0].splitlines() if line.startswith("  ✓ ")]


def test_a_reset_that_was_done_is_told_in_the_lines_that_matter() -> None:
    """What is empty, what is forgotten, what was compared; ceremonies are in the JSON."""
    plan = Row(id="", request=SAFE).plan()
    report = Report(command="reset", plan=plan, done=done(plan))

    assert told_as_done(report) == [
        "5 tables are empty",
        "0 positions are forgotten",
        "everything else is what it was: 0 facts compared before and after",
    ]
    assert told(report)[0].endswith("Done. Start the projectors: they replay history from the beginning.\n")


def test_every_step_of_another_run_is_said_once() -> None:
    """A sentence is printed only if a step did it."""
    steps = one_phase("migrate", [CreateSchema(schema="reading"), RecordStructure(schema="reading")])
    plan = Plan(command="migrate", identity=None, phases=steps)

    assert told_as_done(Report(command="migrate", plan=plan, done=done(plan))) == [s.summary for s in plan.steps]


def test_after_the_events_are_gone_nobody_is_told_to_replay_them() -> None:
    """There is no history left."""
    plan = Row(id="", request=EVENTS).plan()

    assert "replay" not in told(Report(command="reset", plan=plan, done=done(plan)))[0]


def test_a_plan_that_had_nothing_to_do_says_so() -> None:
    """Silence would leave a person wondering."""
    assert told(Report(command="migrate", plan=Plan(command="migrate", identity=None)))[0] == "Nothing to do.\n"


def test_a_document_is_printed_as_it_is() -> None:
    """No markup, no wrapping: it may go into a file."""
    text = "# [bold]x[/]\n" + "y" * 300

    assert told(Report(command="docs", text=text)) == (text + "\n", "")


def test_the_answer_and_the_conversation_are_apart() -> None:
    """Warnings and findings go to standard error."""
    out, err = told(
        Report(command="status", warnings=("a",), findings=(Finding(code="b", subject="b", message="b", cure="c"),))
    )

    assert out == ""
    assert err == "note: a\nfinding: b\n  → c\n"


def test_findings_that_were_asked_for_are_the_answer() -> None:
    """They go to standard output, --quiet or not; a note is called one."""
    note = Finding(code="n", subject="n", message="seen in part", severity=Severity.NOTE)
    report = Report(command="verify", text="Checked.", findings=(note,), findings_answer=True, warnings=("beside",))
    quiet = console(io.StringIO(), no_color=True)
    render_answer(report, quiet)

    assert told(report) == ("Checked.\nnote: seen in part\n", "note: beside\n")
    assert quiet.file.getvalue() == "Checked.\nnote: seen in part\n"  # type: ignore[attr-defined]


def test_rows_become_a_table() -> None:
    """Columns in line, no box."""
    rows = (
        {"projector": "Loans", "last_seen": 7, "live": True},
        {"projector": "[x]", "last_seen": None, "live": False},
    )
    out, _ = told(Report(command="rebuild status", tables={"projectors": rows}))

    assert [line.split() for line in out.splitlines()] == [
        ["projectors"],
        ["projector", "last", "seen", "live"],
        ["Loans", "7", "yes"],
        ["[x]", "-", "no"],
    ]


@pytest.mark.parametrize("width", [40, 80, None])
def test_no_width_cuts_a_number(width: int | None) -> None:
    """Each row becomes a few lines where a terminal is too narrow; a pipe has no width. At 80 columns digits were cut."""
    name = "MyApp.Projections." * 12 + "Loans"
    row = {"projector": name, "state": "not running", "position": 1_234_567_890, "head": 1_234_567_999, "note": None}
    report = Report(command="rebuild status", tables={"": (row, {**row, "projector": "Fines"})})
    out = console(io.StringIO(), False)
    if width is not None:
        out.file.isatty = lambda: True  # type: ignore[method-assign]
        out.width = width
    render_report(report, out, console(io.StringIO(), False))
    lines = out.file.getvalue().splitlines()  # type: ignore[attr-defined]

    assert "\n".join(lines).count("1,234,567,999") == 2
    assert not [line for line in lines if "…" in line]
    if width is None:
        assert [line.split()[0] for line in lines] == ["projector", name, "Fines"]
    else:
        assert max(len(line) for line in lines if line != name) <= width


def test_no_name_redraws_what_is_confirmed() -> None:
    """Whoever may name a table or a subscriber could clear the screen before the phrase, or add lines of their own."""
    odd = "loans\x1b[2J\r\u202e\nThis is kept: everything"
    row, strangers = Row(id="", request=SAFE), with_relations(relation(f"stats.{odd}"))
    shown = preview(row.plan(strangers))
    finding = Finding(code="x", subject="x", message=f"{odd}: a\nsecond line", cure=odd)
    said = "".join(told(Report(command="verify", findings=(finding,), warnings=(odd,), tables={"": ({"name": odd},)})))

    assert r"loans\x1b[2J\r\u202e\nThis is kept: everything" in shown
    for text in (shown, said):
        assert not {"\x1b", "\r", "\u202e"} & set(text)
    assert "\nThis is kept: everything" not in shown.split("\nThis is kept; any")[0]


CELLS = {None: "-", "": "-", True: "yes", False: "no", 1_234: "1,234", ("a", "b"): "a, b", (): "-", "text": "text"}


def test_cells() -> None:
    """Nothing is shown as a word of Python."""
    assert {value: cell(value) for value in CELLS} == CELLS


def test_counts_and_sizes() -> None:
    """`~` marks an estimate; one row is a row; sizes have a unit."""
    assert [count(1, True), count(0, True), count(1500, False), count(None, False)] == [
        "1 row",
        "0 rows",
        "~1,500 rows",
        "unknown rows",
    ]
    assert [size_of(n) for n in (0, 1023, 8192, 3 << 20, 5 << 30, 3 << 40)] == [
        "0 B",
        "1023 B",
        "8 kB",
        "3 MB",
        "5 GB",
        "3.0 TB",
    ]


def test_unknown_rows_are_said_to_be_unknown() -> None:
    """A table that was never analysed does not count as empty."""
    text = preview(Row(id="", request=STATS_ALONE).plan(with_relations(relation("stats.counters", rows=None))))

    assert "empty stats: unknown rows" in text


def test_a_missing_schema_is_said_to_be_created() -> None:
    """What is made anew from nothing stands in the preview as well."""
    row = Row(id="", request=STATS_ALONE)
    text = preview(replace(row, state=replace(row.state, schemas=row.state.schemas[:3])).plan())

    assert f"create schema {STATS}" in text
