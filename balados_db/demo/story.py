"""The story itself, chapter by chapter. Whatever it claims was checked a moment before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from balados_db.answers.learning import DemoAnswer, DemoTable
from balados_db.demo.narrator import Narrator
from balados_db.demo.proof import Reading, differences, of_kind, read_contents, read_positions, rows
from balados_db.demo.stage import Projectors, Stage, open_stage
from balados_db.errors import DemoFailed
from balados_db.exits import ExitStatus
from balados_db.model import SchemaKind, Scope

if TYPE_CHECKING:
    from psycopg import Connection

# What examples/projector runs. The example's manifest declares more: for them nothing happens in this story.
NAMES = ("SubscriptionsProjector", "PlayStatusesProjector", "PublicEventsProjector", "PopularityProjector")
STALLED = 60.0  # seconds without any movement


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the story comes to. Seconds of wall time."""

    events: int
    contents: Reading
    first_seconds: float
    rebuild_seconds: float

    def answer(self, kept: str | None) -> DemoAnswer:
        """As the command tells them."""
        return DemoAnswer(
            events=self.events,
            projection_seconds=round(self.first_seconds, 2),
            rebuild_seconds=round(self.rebuild_seconds, 2),
            projectors=NAMES,
            rebuilt_rows=rows(of_kind(self.contents, SchemaKind.PROJECTION)),
            tables=tuple(
                DemoTable(table=str(table), kind=content.kind.value, rows=content.rows)
                for table, content in self.contents.items()
            ),
            kept=kept,
        )


def tell_story(narrator: Narrator, *, events: int, keep: bool) -> DemoAnswer:
    """Tell the whole story; returns its figures. Raises DemoFailed if anything does not go as promised."""
    narrator.heading("A PostgreSQL of its own")
    narrator.tell(
        "Balados Sync is a podcast server that keeps every change as an event. What users see (subscriptions,",
        "listening positions, popularity) is projected from these events; accounts exist only in their tables.",
        "This story runs on a server that was made for it, and that nobody else can reach.",
    )
    with open_stage(narrator, keep=keep) as stage:
        narrator.fact(f"it runs: {stage.url}")
        narrator.fact(f"the manifest says what each schema is: {stage.manifest.file}")
        narrator.tell("Every command below is also given --url and --manifest with these two.")
        figures = _tell(stage, events)
    return figures.answer(str(stage.folder) if keep else None)


def _tell(stage: Stage, events: int) -> Figures:
    _prepare(stage, events)
    with stage.projectors() as projectors:
        first = _follow(stage, projectors)
        before = _look_at_projections(stage)
        _try_while_projectors_live(stage, before)
        _stop(stage, projectors)
    _reset(stage, before)
    seconds = _rebuild(stage)
    after = _prove(stage, before)
    return Figures(events=events, contents=after, first_seconds=first, rebuild_seconds=seconds)


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────


def _prepare(stage: Stage, events: int) -> None:
    narrator = stage.narrator
    narrator.heading("From nothing to ready")
    narrator.tell("One command makes the database and its schemas, installs the event store, applies every migration.")
    stage.command("up")

    narrator.heading("Accounts and events")
    narrator.tell("Accounts are written directly: no event tells of them, so nothing could ever bring them back.")
    stage.program("accounts.py")
    narrator.tell("", "Everything else happens as events, which are only ever appended.")
    stage.program("store.py", "--events", str(events))

    narrator.heading("Projectors at work")
    narrator.tell(
        "A projector reads the events in order and keeps its tables up to date. It remembers its place in the",
        "database, and holds a lock there for as long as it lives. Of the six that the manifest declares, the four",
        "run here that these events concern.",
    )


def _look_at_projections(stage: Stage) -> Reading:
    reading = _read(stage)
    filled = {table: content for table, content in of_kind(reading, SchemaKind.PROJECTION).items() if content.rows}
    if not filled:
        raise DemoFailed(problem="the projectors made no rows")
    for table, content in filled.items():
        stage.narrator.fact(f"{table}: {content.rows:,} rows")
    stage.command("status")
    return reading


# ── the reset ────────────────────────────────────────────────────────────────────────────────────────────


def _try_while_projectors_live(stage: Stage, before: Reading) -> None:
    narrator = stage.narrator
    narrator.heading("A reset at the wrong moment")
    narrator.tell(
        "A projector keeps its place in memory. Emptied under its feet, its tables would stay empty: it would go on",
        "from where it was. So a reset is refused while one lives, even with the right phrase.",
    )
    stage.command(*_reset_words(stage), promised=ExitStatus.BUSY)
    _require_equal(before, _read(stage), "a refused reset changed something")
    narrator.fact(f"refused with exit status {int(ExitStatus.BUSY)} (busy: try again later), and not a row has changed")


def _stop(stage: Stage, projectors: Projectors) -> None:
    stage.narrator.heading("A reset at the right moment")
    stage.narrator.tell("The projectors are stopped; then the same command does its work, in one transaction.")
    stage.narrator.command(("kill", "%1"))
    projectors.stop()


def _reset(stage: Stage, before: Reading) -> None:
    narrator = stage.narrator
    stage.command(*_reset_words(stage))
    now = _read(stage)
    left = rows(of_kind(now, SchemaKind.PROJECTION))
    if left:
        raise DemoFailed(problem=f"after the reset {left} rows are left in the projections")
    narrator.fact(f"projections: {rows(of_kind(before, SchemaKind.PROJECTION)):,} rows before, none now")
    _require_equal(_kept(before), _kept(now), "the reset changed what it was to keep")
    narrator.fact(f"accounts and events: the same {rows(_kept(now)):,} rows")
    positions = _positions(stage)[1]
    if forgotten := sorted(set(NAMES) & set(positions)):
        raise DemoFailed(problem=f"the reset left positions behind: {', '.join(forgotten)}")
    narrator.fact("no projector has a place any more: each will begin with the first event")


def _reset_words(stage: Stage) -> tuple[str, ...]:
    return ("reset", "--projections", "--confirm", stage.manifest.phrases[Scope.PROJECTIONS])


# ── after ────────────────────────────────────────────────────────────────────────────────────────────────


def _rebuild(stage: Stage) -> float:
    stage.narrator.heading("The rebuild")
    stage.narrator.tell("Nothing else is needed: started again, the projectors replay history.")
    with stage.projectors() as projectors:
        seconds = _follow(stage, projectors)
        projectors.stop()
    return seconds


def _prove(stage: Stage, before: Reading) -> Reading:
    narrator = stage.narrator
    narrator.heading("The proof")
    after = _read(stage)
    _require_equal(before, after, "the rebuild did not bring everything back")
    rebuilt = of_kind(after, SchemaKind.PROJECTION)
    narrator.fact(f"projections: {rows(rebuilt):,} rows in {len(rebuilt)} tables, each row as it was before the reset")
    narrator.fact(f"accounts and events: {rows(_kept(after)):,} rows, none of them touched")
    narrator.tell("", "For a database of your own, begin with: balados-db manifest init", "")
    return after


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────


def _read(stage: Stage) -> Reading:
    with stage.connect() as conn:
        return read_contents(conn, stage.manifest)


def _positions(stage: Stage) -> tuple[int, dict[str, int]]:
    with stage.connect() as conn:
        return read_positions(conn, stage.manifest)


def _kept(reading: Reading) -> Reading:
    return of_kind(reading, SchemaKind.PERMANENT, SchemaKind.EVENT_STORE)


def _require_equal(before: Reading, after: Reading, problem: str) -> None:
    """Raises DemoFailed that names every table which is not what it was."""
    if found := differences(before, after):
        raise DemoFailed(problem=f"{problem}: {'; '.join(found)}")


def _follow(stage: Stage, projectors: Projectors) -> float:
    """Wait until every projector has seen the newest event; returns how long that took, in seconds."""
    begun = time.monotonic()
    with stage.connect() as conn:
        head, _ = read_positions(conn, stage.manifest)
        with stage.narrator.following(NAMES, head) as update:
            for positions in _until_caught_up(conn, stage, projectors):
                update(positions)
    seconds = time.monotonic() - begun
    stage.narrator.fact(f"{head:,} events seen by {len(NAMES)} projectors in {seconds:.1f} s")
    return seconds


def _until_caught_up(conn: Connection[Any], stage: Stage, projectors: Projectors) -> Iterator[dict[str, int]]:
    moved, last = time.monotonic(), dict[str, int]()
    while True:
        head, positions = read_positions(conn, stage.manifest)
        yield positions
        if all(positions.get(name, 0) >= head for name in NAMES):
            return
        projectors.check()
        if positions != last:
            moved, last = time.monotonic(), positions
        elif time.monotonic() - moved > STALLED:
            raise DemoFailed(problem=f"the projectors stand still: {projectors.last_words()}")
        time.sleep(0.1)
