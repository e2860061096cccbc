"""Show a rebuild while it goes: a bar for each projector on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from balados_db.planning.rebuild import Course, Pace, Standing

Show = Callable[[Course], None]
PARTS = 10  # without a terminal, a projector has a line for each of these
HEARTBEAT = 60.0  # seconds; a build server ends what is silent for too long


@contextmanager
def following(out: Console, *, bars: bool) -> Iterator[Show]:
    """Yield what is to be called after each look."""
    if not bars or not out.file.isatty() or out.is_dumb_terminal:
        yield Lines(out).show
        return
    columns = (TextColumn("  {task.description}"), BarColumn(30), TextColumn("{task.fields[said]}"))
    # Drawn only when something was seen, and taken away at the end: the answer is told after it.
    with Progress(*columns, console=out, auto_refresh=False, transient=True) as drawn:
        yield Bars(drawn).show


class Bars:
    """One bar a projector; one whose place is unknown has none that fills."""

    def __init__(self, drawn: Progress) -> None:
        self.drawn = drawn
        self.tasks: dict[str, TaskID] = {}

    def show(self, course: Course) -> None:
        """Draw all of them as they are."""
        for standing in course.standings:
            self._update(standing)
        self.drawn.refresh()

    def _update(self, standing: Standing) -> None:
        name = standing.projector
        if name not in self.tasks:
            self.tasks[name] = self.drawn.add_task(escape(name), total=None, said="")
        known = standing.goal is not None and standing.left is not None
        # A bar cannot be fuller than full; the words beside it do say by how much one is ahead.
        facts: dict[str, Any] = {"total": standing.goal or 1, "completed": _filled(standing)} if known else {}
        self.drawn.update(self.tasks[name], said=escape(in_words(standing)), **facts)


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
