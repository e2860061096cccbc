"""Judge how a rebuild goes: how far each projector is, how fast, how long it will take. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from balados_db.model import CheckpointState, DatabaseState, Manifest
from balados_db.planning.status import head_at, last_of, place_at, progress_rows, status_at

WINDOW = 10.0  # seconds: a rate is measured over this long, so that what was fast an hour ago does not count
STALLED_AFTER = 10.0  # seconds without moving: less may be one slow event


class Pace(str, Enum):
    """How it goes with one projector."""

    CAUGHT_UP = "caught_up"
    MOVING = "moving"
    BEHIND = "behind"  # not seen to move, but not for long enough to be called stalled
    STALLED = "stalled"
    NOT_RUNNING = "not_running"  # behind, does not move, and nobody holds its lock
    AHEAD = "ahead"  # beyond the newest event: it skips those that come
    NOT_BEGUN = "not_begun"  # no position yet, and only its position would tell how much there is to see
    UNKNOWN = "unknown"  # no number to compare


_GOING_ON = frozenset({Pace.MOVING, Pace.BEHIND, Pace.STALLED, Pace.NOT_RUNNING, Pace.NOT_BEGUN})
# The heads that a projector is to reach, one for each source of events that is numbered apart; None is the whole store.
Goals = Mapping[str | None, int | None]


@dataclass(frozen=True, kw_only=True)
class Glance:
    """One lean look. `at`: seconds of a clock that never goes back; `when`: the time of day, ISO 8601 in UTC."""

    at: float
    when: str
    state: DatabaseState


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where one projector is. None is what nobody knows, or what was not measured: it is never a guess.

    `position` is as it is stored, `lag` counts to the head, `left` to the goal; below zero it is ahead.
    """

    projector: str
    state: Pace
    position: int | str | None = None
    table: str | None = None  # where the position was read
    head: int | None = None
    goal: int | None = None
    lag: int | None = None
    left: int | None = None
    live: bool | None = None
    events_per_second: float | None = None
    seconds_left: float | None = None
    stalled_since: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A projector's place at one look, and how much was left; of several sources, in the one with most to do."""

    at: float
    place: int
    left: int
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trail:
    """Where a projector was seen lately, and since when it has been where it is."""

    sightings: tuple[Sighting, ...]
    still_at: float
    still_since: str
    start: Sighting  # the last look at which it stood where it was first seen, or where it was reset to
    arrived: Sighting | None = None  # the first one at which nothing was left


@dataclass(frozen=True, kw_only=True)
class Course:
    """All of them as last seen, and what the next look is compared with."""

    glance: Glance
    standings: tuple[Standing, ...] = ()
    trails: Mapping[str, Trail] = field(default_factory=dict)

    @property
    def goes_on(self) -> bool:
        """Whether anybody has still to catch up; of an unknown place nothing can be waited for."""
        return any(standing.state in _GOING_ON for standing in self.standings)

    @property
    def caught_up(self) -> bool:
        """Whether all of them have; none at all have nothing to catch up with."""
        return all(standing.state is Pace.CAUGHT_UP for standing in self.standings)

    def standing(self, name: str) -> Standing | None:
        """Where this projector is."""
        return next((s for s in self.standings if s.projector == name), None)


def judge(
    glance: Glance,
    before: Course | None,
    manifest: Manifest,
    names: Sequence[str],
    goals: Mapping[str, Goals] | None = None,
) -> Course:
    """Put a look beside those before it. `goals` are the heads to be reached; without one, it is the head as it is."""
    trails, standings = {}, []
    for name in names:
        aim = _aim(glance.state, manifest, name, (goals or {}).get(name, {}))
        trail = _trail(glance, before.trails.get(name) if before else None, manifest, aim)
        if trail is not None:
            trails[name] = trail
        standings.append(_standing(glance, before, manifest, name, aim, trail))
    return Course(glance=glance, standings=tuple(standings), trails=trails)


def heads_of(state: DatabaseState, manifest: Manifest, name: str, known: Goals) -> Goals:
    """The heads as they are now, but for those that are known already: one source of events may be begun later."""
    settled = {source: head for source, head in known.items() if head is not None}
    whole = settled.get(None, state.head)
    rows = progress_rows(state, manifest, name)
    found = {row.source: head_at(row, state) if whole is None else whole for row in rows}
    return {None: whole, **found, **settled}


@dataclass(frozen=True, kw_only=True)
class _Aim:
    """The row that tells a projector's progress, and what it is to reach."""

    row: CheckpointState | None
    goal: int | None


def _aim(state: DatabaseState, manifest: Manifest, name: str, goals: Goals) -> _Aim:
    """Of several rows the one that has most to do, so that none is forgotten that is numbered apart."""

    def goal(row: CheckpointState | None) -> int | None:
        asked, head = goals.get(row.source if row else None), head_at(row, state)
        # Events that were reset meanwhile never come back: nobody can be asked to reach what is gone.
        return head if asked is None or head is None else min(asked, head)

    row = last_of(progress_rows(state, manifest, name), goal)
    return _Aim(row=row, goal=goal(row))


def _trail(glance: Glance, before: Trail | None, manifest: Manifest, aim: _Aim) -> Trail | None:
    place = place_at(aim.row, manifest)
    if place is None or aim.goal is None:
        return None
    source = aim.row.source if aim.row else None
    now = Sighting(at=glance.at, place=place, left=aim.goal - place, source=source)
    there = now if now.left <= 0 else None
    last = before.sightings[-1] if before else None
    # It was reset, or another source counts now: what was measured before is no measure.
    if before is None or last is None or place < last.place or source != (last.source or source):
        return Trail(sightings=(now,), still_at=glance.at, still_since=glance.when, start=now, arrived=there)
    moved = place != last.place
    return Trail(
        sightings=(*_recent(before.sightings, glance.at), now),
        still_at=glance.at if moved else before.still_at,
        still_since=glance.when if moved else before.still_since,
        start=before.start if place != before.start.place else now,
        arrived=before.arrived or there,
    )


def _recent(sightings: tuple[Sighting, ...], now: float) -> tuple[Sighting, ...]:
    """Those of the window; the last one in any case, for one alone measures nothing."""
    return tuple(s for s in sightings if now - s.at <= WINDOW) or sightings[-1:]


def _standing(
    glance: Glance, before: Course | None, manifest: Manifest, name: str, aim: _Aim, trail: Trail | None
) -> Standing:
    row = aim.row
    found = status_at(glance.state, manifest, name, row)
    live = found.live if _shows_life(manifest) and glance.state.event_store else None
    rate, seconds = _measured(trail)
    still = trail is not None and _is_still(trail) and not may_count_less(manifest, str(row.table) if row else None)
    pace = _pace(found.lag, live, rate, trail, still, before.standing(name) if before else None)
    if pace is Pace.UNKNOWN and row is None and glance.state.event_store and _numbered_apart(manifest):
        pace = Pace.NOT_BEGUN
    return Standing(
        projector=name,
        state=pace,
        position=found.position,
        table=str(row.table) if row else None,
        head=found.head,
        goal=aim.goal,
        lag=found.lag,
        left=trail.sightings[-1].left if trail else None,
        live=live,
        events_per_second=rate,
        seconds_left=0.0 if pace is Pace.CAUGHT_UP else seconds,
        stalled_since=trail.still_since if trail and pace in _GOING_ON and still else None,
    )


def _numbered_apart(manifest: Manifest) -> bool:
    """Whether only a projector's own row tells how many events there are for it."""
    return any(checkpoint.head for checkpoint in manifest.checkpoints if checkpoint.position)


def _shows_life(manifest: Manifest) -> bool:
    """Whether the event store is of a kind whose running projectors can be seen."""
    store = manifest.event_store
    return bool(store and store.layout and store.layout.shows_life)


def _measured(trail: Trail | None) -> tuple[float | None, float | None]:
    """Events per second, and seconds left at the pace at which what is left becomes less: a head may move as well."""
    if trail is None or len(trail.sightings) < 2:
        return None, None
    first, last = trail.sightings[0], trail.sightings[-1]
    passed = last.at - first.at
    if passed <= 0:
        return None, None
    closing = (first.left - last.left) / passed
    seconds = last.left / closing if closing > 0 and last.left > 0 else None
    return (last.place - first.place) / passed, seconds


def may_count_less(manifest: Manifest, table: str | None) -> bool:
    """Whether a position stands only where a later table keeps it: that one may count only the events it handles.

    Then it may stand still while the projector goes on.
    """
    first = next((str(c.table) for c in manifest.checkpoints if c.position), None)
    return table not in (None, first)


def _pace(
    lag: int | None,
    live: bool | None,
    rate: float | None,
    trail: Trail | None,
    still: bool,
    before: Standing | None,
) -> Pace:
    if lag is None or trail is None:
        return Pace.UNKNOWN
    # Once it was ahead, the events that came meanwhile are skipped already; only going back mends that.
    was_ahead = before is not None and before.state is Pace.AHEAD and len(trail.sightings) > 1
    if lag < 0 or was_ahead:
        return Pace.AHEAD
    if trail.sightings[-1].left <= 0:
        return Pace.CAUGHT_UP
    if rate and not _is_still(trail):
        return Pace.MOVING
    if live is False:
        return Pace.NOT_RUNNING
    return Pace.STALLED if still else Pace.BEHIND


def _is_still(trail: Trail) -> bool:
    return trail.sightings[-1].at - trail.still_at >= STALLED_AFTER
