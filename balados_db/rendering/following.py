"""Show a rebuild while it goes: a bar for each projector on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from balados_db.planning.rebuild import Course, Pace, Standing
from balados_db.rendering.markup import escape

Show = Callable[[Course], None]
PARTS = 10  # without a terminal, a projector has a line for each of these
HEARTBEAT = 60.0  # seconds; a build server ends what is silent for too long


@contextmanager
def following(out: Console, *, bars: bool) -> Iterator[Show]:
    """Yield what is to be called after each look."""
    if not bars or not out.file.isatty() or out.is_dumb_terminal:
        yield Lines(out).show
        return
    bar = BarColumn(WIDEST)
    columns = (TextColumn("  {task.description}"), bar, TextColumn("{task.fields[said]}"))
    # Drawn only when something was seen, and taken away at the end: the answer is told after it.
    with Progress(*columns, console=out, auto_refresh=False, transient=True) as drawn:
        yield Bars(drawn, bar).show


class Bars:
    """One bar a projector; one whose place is unknown has none that fills. Words give way before bars do."""

    def __init__(self, drawn: Progress, bar: BarColumn) -> None:
        self.drawn, self.bar = drawn, bar
        self.tasks: dict[str, TaskID] = {}

    def show(self, course: Course) -> None:
        """Draw all of them as they are; where the terminal is too low for all, those that have to catch up."""
        console, standings = self.drawn.console, course.standings
        room = laid_out(console.width, standings)
        self.bar.bar_width = room.bar
        for standing in standings:
            seen = len(standings) < console.height or standing.state is not Pace.CAUGHT_UP
            self._update(standing, room, seen)
        self.drawn.refresh()

    def _update(self, standing: Standing, room: Room, seen: bool) -> None:
        name = standing.projector
        if name not in self.tasks:
            self.tasks[name] = self.drawn.add_task("", total=None, said="")
        known = standing.goal is not None and standing.left is not None
        # A bar cannot be fuller than full; the words beside it do say by how much one is ahead.
        facts: dict[str, Any] = {"total": standing.goal or 1, "completed": _filled(standing)} if known else {}
        said, called = escape(room.words(standing)), escape(end_of(name, room.name))
        self.drawn.update(self.tasks[name], description=called, said=said, visible=seen, **facts)


WIDEST, NARROWEST = 30, 8  # cells of a bar
_GAPS = 4  # cells around a name, a bar and the words


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many cells of a terminal's line a name and a bar get, and which words fit beside them."""

    name: int
    bar: int
    words: Callable[[Standing], str]


def laid_out(width: int, standings: Sequence[Standing]) -> Room:
    """Full words where a third of the line is enough for names, else short ones; the bar takes what is left."""
    longest = max((cell_len(standing.projector) for standing in standings), default=0)
    name = min(longest, max(width // 3, NARROWEST))
    for words in (in_words, in_short):
        left = width - _GAPS - max((len(words(standing)) for standing in standings), default=0)
        if left - name >= NARROWEST:
            break
    name = max(1, min(longest, left - NARROWEST))
    return Room(name=name, bar=max(1, min(WIDEST, left - name)), words=words)


def end_of(name: str, size: int) -> str:
    """A name as far as it fits: projectors of one application begin alike, so the end is kept."""
    if cell_len(name) <= size:
        return name
    kept = len(name)
    while kept and cell_len(name[-kept:]) >= size:
        kept -= 1
    return "…" + (name[-kept:] if kept else "")


def _filled(standing: Standing) -> int:
    if standing.state in (Pace.CAUGHT_UP, Pace.AHEAD):
        return standing.goal or 1
    return max(0, (standing.goal or 0) - (standing.left or 0))


class Lines:
    """A line when something changes: the way it goes, another tenth; and one in a while when nothing does."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.told: dict[str, tuple[Pace, int]] = {}
        self.last = 0.0

    def show(self, course: Course) -> None:
        """Tell what is new."""
        at = course.glance.at
        silent = bool(self.told) and course.goes_on and at - self.last >= HEARTBEAT
        for standing in course.standings:
            now = (standing.state, _part(standing))
            if self.told.get(standing.projector) != now or (silent and standing.state is not Pace.CAUGHT_UP):
                self.told[standing.projector], self.last = now, at
                self.out.print(f"  … {standing.projector}: {in_words(standing)}", markup=False)


def _part(standing: Standing) -> int:
    return PARTS * _filled(standing) // max(standing.goal or 0, 1)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────


def in_words(standing: Standing) -> str:
    """One projector in one line."""
    state = standing.state.value.replace("_", " ")
    if standing.state in (Pace.UNKNOWN, Pace.NOT_BEGUN):
        return state if standing.position is None else f"{state}, at {standing.position}"
    if standing.state is Pace.AHEAD:
        return f"{state}, at {standing.position:,} of {standing.head:,}"
    seen = f"{(standing.goal or 0) - (standing.left or 0):,} of {standing.goal:,}"
    pace = f", {rate(standing)} events/s, {left(standing)} left" if standing.state is Pace.MOVING else ""
    return f"{state}, {seen}{pace}"


def in_short(standing: Standing) -> str:
    """The same for a narrow terminal: how, how much of it, how much longer."""
    state = standing.state.value.replace("_", " ")
    if standing.state is Pace.MOVING:
        return f"{_percent(standing)}, {left(standing)} left"
    return f"{state}, {_percent(standing)}" if standing.state in _UNDER_WAY else state


_UNDER_WAY = (Pace.BEHIND, Pace.STALLED, Pace.NOT_RUNNING)


def _percent(standing: Standing) -> str:
    """Rounded down: what is not done is never called 100 %."""
    return f"{100 * _filled(standing) // max(standing.goal or 0, 1)} %"


def rate(standing: Standing) -> str:
    """Events per second; a dash where nothing was measured."""
    value = standing.events_per_second
    return "-" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def left(standing: Standing) -> str:
    """The time that is left, in words; a dash where nobody can say."""
    value = standing.seconds_left
    return "-" if value is None else duration(value)


def duration(seconds: float) -> str:
    """Seconds in the two largest units that they fill."""
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def row_of(standing: Standing) -> dict[str, Any]:
    """A line of the table at the end."""
    return {
        "projector": standing.projector,
        "state": standing.state.value.replace("_", " "),
        "position": standing.position,
        "head": standing.head,
        "lag": standing.lag,
        "events/s": rate(standing),
        "time left": "-" if standing.state is Pace.CAUGHT_UP else left(standing),
        "stalled since": standing.stalled_since,
        "running": "unknown" if standing.live is None else standing.live,
    }
