"""Say what keeps a rebuild from being complete, and what to do about each projector. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from balados_db.finding import Finding, error, warning
from balados_db.model import DatabaseState, Manifest
from balados_db.planning.cures import of_missing_store
from balados_db.planning.rebuild import Course, Pace, Standing, may_count_less
from balados_db.planning.status import CURES, starting_over

_CURES = {
    Pace.MOVING: "allow more time with --timeout",
    Pace.BEHIND: "allow more time with --timeout",
    Pace.STALLED: "look at what the projector says; then start it again",
    Pace.NOT_RUNNING: "start it",
    Pace.NOT_BEGUN: "start it",
}


def shortfalls(course: Course, manifest: Manifest) -> tuple[Finding, ...]:
    """A finding for each projector that has not caught up, in the manifest's order."""
    return tuple(f for standing in course.standings for f in _of(standing, course.glance.state, manifest))


def beside(course: Course, manifest: Manifest) -> tuple[Finding, ...]:
    """What somebody who only looks should hear of: everything but that a projector is still on its way."""
    return tuple(f for f in shortfalls(course, manifest) if f.code != "not_caught_up")


def unseen(names: Sequence[str]) -> tuple[Finding, ...]:
    """Of projectors whose positions could not be read at all."""
    said = "its position could not be read: the tables were locked all the time"
    return tuple(error("not_seen", name, f"{name}: {said}", "end or commit what locks them") for name in names)


def _of(standing: Standing, state: DatabaseState, manifest: Manifest) -> Iterator[Finding]:
    name = standing.projector
    if standing.state is Pace.UNKNOWN:
        why, cure = _unknown(standing, state, manifest)
        yield error("progress_unknown", name, f"{name}: nobody can tell whether it has caught up: {why}", cure)
    elif standing.state is Pace.AHEAD:
        cure = f"forget its position: {starting_over(name)}"
        yield error("ahead_of_head", name, f"{name}: {_ahead(standing)}", cure)
    elif standing.state is Pace.NOT_BEGUN:
        said = f"{name}: has not begun: only its position will tell how many events there are for it"
        yield warning("not_caught_up", name, said, _CURES[standing.state])
    elif standing.state is not Pace.CAUGHT_UP:
        said = f"{name}: has seen {_seen(standing)} of {standing.goal:,}; {how(standing)}{_doubt(standing, manifest)}"
        yield warning("not_caught_up", name, said, _CURES[standing.state])


def _ahead(standing: Standing) -> str:
    if standing.lag is not None and standing.lag < 0:
        return f"is ahead of the head by {-standing.lag:,}: it will skip new events"
    return "was ahead of the head: it has skipped the events that came meanwhile"


def _seen(standing: Standing) -> str:
    return f"{standing.goal - standing.left:,}" if standing.goal is not None and standing.left is not None else "?"


def how(standing: Standing) -> str:
    """How one goes that has not caught up, in words."""
    rate = standing.events_per_second
    still = f"has not moved since {standing.stalled_since}" if standing.stalled_since else "was not seen to move"
    if standing.state is Pace.MOVING:
        return f"{rate:,.1f} events/s"
    if standing.state is Pace.NOT_RUNNING:
        return f"{still}, and is not running: nobody holds the lock of its subscription"
    return f"{still}, although it runs" if standing.live else still


def _doubt(standing: Standing, manifest: Manifest) -> str:
    """A position that stands only where a later table keeps it may lag behind what the projector has seen."""
    if not may_count_less(manifest, standing.table):
        return ""
    return f" ({standing.table} alone knows it, and may count only the events that it handles)"


def _unknown(standing: Standing, state: DatabaseState, manifest: Manifest) -> tuple[str, str]:
    store = manifest.event_store
    if store is None:
        return "the manifest declares no event store", "declare the schema that holds the events"
    if not state.event_store:
        like = state.event_store_like
        cure = of_missing_store(store.name, like) if like else CURES["event_store_missing"]
        return f"{'another' if like else 'no'} event store is installed in {store.name}", cure
    if standing.head is None:
        cure = "let `head` in the manifest answer with a number, in an empty store too, and let this role read it"
        return "the number of the newest event is unknown", cure
    if standing.position is None:
        return "no table with its position is declared", "name the `position` column of [[checkpoints]]"
    return f"its position is no number: {standing.position}", "ask the application itself"
