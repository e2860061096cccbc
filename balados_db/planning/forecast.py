"""Say how long a rebuild will take, from those that were measured, and measure the one that is looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from balados_db.model import DatabaseState, Manifest, Measured, Projector, TableName
from balados_db.planning.plan import Forecast
from balados_db.planning.rebuild import Course, Trail
from balados_db.planning.status import head_of, origin_of

RECENT = 5  # rebuilds of one projector that count: rules and machines change


def forecast_of(state: DatabaseState, manifest: Manifest, projector: Projector) -> Forecast | None:
    """What it takes one projector to see every event; nothing where nobody knows how many there are.

    What was measured is numbers a second, and so is what is asked for: gaps are in both. How many events lie between
    them is counted in the store where the layout says how.
    """
    origin, head = origin_of(manifest), head_of(state, manifest, projector.name)
    if origin is None or head is None:
        return None
    events, exact = _events(state, manifest, head - origin)
    known = [m for m in state.measured if m.projector == projector.name][:RECENT]
    seconds = sum(m.seconds for m in known)
    passed = sum(m.to_position - m.from_position for m in known)
    if not known or passed <= 0:
        return Forecast(events=events, exact=exact, unmeasured=(projector.name,))
    return Forecast(
        events=events,
        exact=exact,
        seconds=(head - origin) * seconds / passed,
        rebuilds=len(known),
        measured_on=max(m.at for m in known),
    )


def together(forecasts: Iterable[Forecast | None]) -> Forecast | None:
    """They run beside each other: the slowest of those that are known tells the time."""
    found = [f for f in forecasts if f is not None]
    if not found:
        return None
    slowest = max(found, key=lambda f: f.seconds if f.seconds is not None else -1.0)
    return Forecast(
        events=slowest.events,
        exact=slowest.exact,
        seconds=slowest.seconds,
        rebuilds=slowest.rebuilds,
        measured_on=slowest.measured_on,
        unmeasured=tuple(name for f in found for name in f.unmeasured),
    )


def _events(state: DatabaseState, manifest: Manifest, numbers: int) -> tuple[int, bool]:
    """How many events there are: counted or estimated in their table; else their numbers, which may have gaps."""
    store = manifest.event_store
    table = store.layout.events if store and store.layout else None
    relation = state.relation(TableName(store.name, table)) if store and table else None
    if relation is None or relation.rows is None:
        return numbers, False
    return relation.rows, relation.exact


def measure(course: Course, manifest: Manifest) -> tuple[Measured, ...]:
    """Of those that were seen to catch up from before the middle: a backlog of a day is no rebuild."""
    found = (_measured(name, trail, origin_of(manifest)) for name, trail in course.trails.items())
    return tuple(m for m in found if m is not None)


def _measured(name: str, trail: Trail, origin: int | None) -> Measured | None:
    """From the last look at which it stood where it started to the first one at which it had arrived."""
    start, end = trail.start, trail.arrived
    if origin is None or end is None or end.at <= start.at:
        return None
    passed = end.place - start.place
    if passed <= 0 or 2 * passed < end.place - origin:
        return None
    return Measured(projector=name, from_position=start.place, to_position=end.place, seconds=end.at - start.at)
