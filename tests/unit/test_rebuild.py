"""How a rebuild is judged: looks in, words and numbers out; what was not measured is never told."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import ConsoleDimensions

from balados_db.model import CheckpointState, CheckpointTable, DatabaseState, Manifest
from balados_db.planning.rebuild import Course, Glance, Goals, Pace, Standing, heads_of, judge
from balados_db.planning.rebuild_findings import shortfalls, unseen
from balados_db.rendering.console import console
from balados_db.rendering.following import Lines, duration, following, in_words, row_of
from tests.unit.builders import LAYOUT, LOG, MANIFEST, STATE, SUBSCRIPTIONS, VERSIONS, declaring, live

NAME = "Loans"
RUNNING = (live(NAME),)


def seen(place: int | str | None, head: int | None = 100, **facts: Any) -> DatabaseState:
    """A store whose newest event is `head`, and a projector that has seen `place`; None: there is no row."""
    rows = () if place is None else (CheckpointState(table=SUBSCRIPTIONS, projector=NAME, position=place),)
    return replace(STATE, **{"head": head, "checkpoints": rows, "live": RUNNING, **facts})


def watched(
    *looks: tuple[float, DatabaseState],
    goal: int | None = None,
    manifest: Manifest = MANIFEST,
    before: Course | None = None,
) -> Course:
    """The course after these looks, each with the second at which it was made."""
    course = before
    for at, state in looks:
        glance = Glance(at=at, when=f"2026-01-01T00:{int(at) // 60:02}:{int(at) % 60:02}Z", state=state)
        course = judge(glance, course, manifest, (NAME,), {NAME: {None: goal}})
    assert course is not None
    return course


def standing(*looks: tuple[float, DatabaseState], **facts: Any) -> Standing:
    return watched(*looks, **facts).standings[0]


# ── one look ─────────────────────────────────────────────────────────────────────────────────────────────

FROM_MINUS_ONE = replace(MANIFEST, checkpoints=(replace(MANIFEST.checkpoints[0], origin=-1), *MANIFEST.checkpoints[1:]))
NO_POSITION = replace(MANIFEST, checkpoints=(CheckpointTable(table=SUBSCRIPTIONS, projector="subscription_name"),))
LIFELESS = declaring(LOG, layout=replace(LAYOUT, liveness=None))
VERSION_ALONE = (CheckpointState(table=VERSIONS, projector=NAME, position=60),)
BOTH = (*VERSION_ALONE, CheckpointState(table=SUBSCRIPTIONS, projector=NAME, position=100))

APART = replace(MANIFEST, checkpoints=(replace(MANIFEST.checkpoints[0], head="1"), *MANIFEST.checkpoints[1:]))


def apart(**rows: tuple[int, int]) -> DatabaseState:
    """A projector that follows several sources, each with numbers of its own: the place in each, and its head."""
    found = (
        CheckpointState(table=SUBSCRIPTIONS, projector=NAME, position=place, head=head, source=source)
        for source, (place, head) in rows.items()
    )
    return seen(None, head=None, checkpoints=tuple(found))


ONE_LOOK: dict[str, tuple[DatabaseState, Manifest, Pace, int | None]] = {
    "at the head": (seen(100), MANIFEST, Pace.CAUGHT_UP, 0),
    "behind": (seen(40), MANIFEST, Pace.BEHIND, 60),
    "behind, and nobody holds its lock": (seen(40, live=()), MANIFEST, Pace.NOT_RUNNING, 60),
    "behind, in a store whose projectors cannot be seen": (seen(40, live=()), LIFELESS, Pace.BEHIND, 60),
    "no position after its reset": (seen(None), MANIFEST, Pace.BEHIND, 100),
    "no position, and an origin of its own": (seen(None), FROM_MINUS_ONE, Pace.BEHIND, 101),
    "no position in an empty store": (seen(None, head=0), MANIFEST, Pace.CAUGHT_UP, 0),
    "no position in an empty store, not running": (seen(None, head=0, live=()), MANIFEST, Pace.CAUGHT_UP, 0),
    "the first event is number 0": (seen(None, head=0), FROM_MINUS_ONE, Pace.BEHIND, 1),
    "ahead of the head": (seen(120), MANIFEST, Pace.AHEAD, -20),
    "ahead of an empty store": (seen(7, head=0), MANIFEST, Pace.AHEAD, -7),
    "an opaque position": (seen("0x1f"), MANIFEST, Pace.UNKNOWN, None),
    "no column with a position": (seen(None), NO_POSITION, Pace.UNKNOWN, None),
    "not begun, where only its place tells the head": (seen(None, head=None), APART, Pace.NOT_BEGUN, None),
    "no store that could tell": (seen(None, head=None, event_store=False), APART, Pace.UNKNOWN, None),
    "one of its sources is behind": (apart(shop=(10, 10), returns=(2, 5)), APART, Pace.BEHIND, 3),
    "an unknown head": (seen(40, head=None), MANIFEST, Pace.UNKNOWN, None),
    "no event store": (seen(40, head=None, event_store=False), MANIFEST, Pace.UNKNOWN, None),
    "handled events only": (seen(None, checkpoints=VERSION_ALONE), MANIFEST, Pace.BEHIND, 40),
    "the subscription counts": (seen(None, checkpoints=BOTH), MANIFEST, Pace.CAUGHT_UP, 0),
}


@pytest.mark.parametrize("case", ONE_LOOK)
def test_one_look(case: str) -> None:
    """It tells place and lag, with its sign; of one look no rate, no time and no stall."""
    state, manifest, pace, lag = ONE_LOOK[case]
    found = standing((0, state), manifest=manifest)

    assert (found.state, found.lag) == (pace, lag)
    assert (found.events_per_second, found.stalled_since) == (None, None)
    assert found.seconds_left == (0.0 if pace is Pace.CAUGHT_UP else None)


LIVES = {
    "somebody holds the lock": (seen(40), MANIFEST, True),
    "nobody does": (seen(40, live=()), MANIFEST, False),
    "somebody holds another's": (seen(40, live=(live("Feed", 12),)), MANIFEST, False),
    "locks say nothing": (seen(40, live=()), LIFELESS, None),
    "there is no store": (seen(40, event_store=False, head=None, live=()), MANIFEST, None),
}


@pytest.mark.parametrize("case", LIVES)
def test_whether_it_runs(case: str) -> None:
    """Yes, no, or nobody knows."""
    state, manifest, expected = LIVES[case]
    assert standing((0, state), manifest=manifest).live is expected


# ── several looks ────────────────────────────────────────────────────────────────────────────────────────

# looks as (second, place, head) → pace, events per second, seconds left, stalled since
COURSES: dict[str, tuple[list[tuple[float, int | None, int]], Pace, float | None, float | None, str | None]] = {
    "steady": ([(0, 0, 100), (2, 20, 100)], Pace.MOVING, 10, 8, None),
    "from no row at all": ([(0, None, 100), (2, 20, 100)], Pace.MOVING, 10, 8, None),
    "not moved for a moment": ([(0, 40, 100), (1, 40, 100)], Pace.BEHIND, 0, None, None),
    "stalled": ([(0, 40, 100), (5, 40, 100), (12, 40, 100)], Pace.STALLED, 0, None, "2026-01-01T00:00:00Z"),
    "stalled after a while": (
        [(0, 20, 100), (3, 40, 100), (9, 40, 100), (14, 40, 100)],
        Pace.STALLED,
        0,
        None,
        "2026-01-01T00:00:03Z",
    ),
    "moving again": ([(0, 40, 100), (12, 40, 100), (14, 60, 100)], Pace.MOVING, 10, 4, None),
    "gaps: positions jump": ([(0, 0, 100), (1, 90, 100), (2, 91, 100)], Pace.MOVING, 45.5, 9 / 45.5, None),
    "what was fast long ago does not count": (
        [(0, 0, 10_000), (1, 9_000, 10_000), (20, 9_000, 10_000), (21, 9_010, 10_000), (22, 9_020, 10_000)],
        Pace.MOVING,
        10,
        98,
        None,
    ),
    "a head that moves as fast": ([(0, 0, 100), (2, 20, 120)], Pace.MOVING, 10, None, None),
    "a head that moves more slowly": ([(0, 0, 100), (2, 20, 110)], Pace.MOVING, 10, 18, None),
    "caught up": ([(0, 0, 100), (2, 100, 100)], Pace.CAUGHT_UP, 50, 0, None),
    "caught up and still": ([(0, 100, 100), (60, 100, 100)], Pace.CAUGHT_UP, 0, 0, None),
    "reset meanwhile": ([(0, 80, 100), (2, 0, 100)], Pace.BEHIND, None, None, None),
    "two looks in the same moment": ([(0, 0, 100), (0, 20, 100)], Pace.BEHIND, None, None, None),
}


@pytest.mark.parametrize("case", COURSES)
def test_several_looks(case: str) -> None:
    """Rates are measured between looks of the last seconds, time left by how fast the rest becomes less."""
    looks, pace, rate, seconds, since = COURSES[case]
    found = standing(*((at, seen(place, head)) for at, place, head in looks))

    assert (found.state, found.stalled_since) == (pace, since)
    assert found.events_per_second == (None if rate is None else pytest.approx(rate))
    assert found.seconds_left == (None if seconds is None else pytest.approx(seconds))


def test_one_that_does_not_run_is_said_not_to_run_and_since_when_it_is_still() -> None:
    """That nobody holds its lock says more than that it stalled."""
    found = standing((0, seen(40, live=())), (30, seen(40, live=())))

    assert (found.state, found.stalled_since) == (Pace.NOT_RUNNING, "2026-01-01T00:00:00Z")


def test_a_marker_that_stands_still_is_no_stall() -> None:
    """`projection_versions` moves with handled events alone: beside a subscription that moves it says nothing, and
    alone it cannot tell a projector that waits for one of its events from one that hangs.
    """
    moving = [(float(at), seen(None, checkpoints=(*VERSION_ALONE, *seen(at).checkpoints))) for at in (0, 6, 12, 18)]
    alone = [(float(at), seen(None, checkpoints=VERSION_ALONE)) for at in (0, 12, 60)]

    assert standing(*moving).state is Pace.MOVING
    found = standing(*alone)
    assert (found.state, found.stalled_since, found.events_per_second) == (Pace.BEHIND, None, 0)
    (finding,) = shortfalls(watched(*alone), MANIFEST)
    assert "log.projection_versions alone knows it" in finding.message


# ── the goal ─────────────────────────────────────────────────────────────────────────────────────────────

GOALS: dict[str, tuple[list[tuple[int | str | None, int | None]], Pace]] = {
    "the head moves on, the goal does not": ([(0, 100), (100, 900)], Pace.CAUGHT_UP),
    "beyond the goal, behind the head": ([(0, 100), (300, 900)], Pace.CAUGHT_UP),
    "one event is missing": ([(0, 100), (99, 900)], Pace.MOVING),
    "the events were reset meanwhile": ([(40, 100), (None, 0)], Pace.CAUGHT_UP),
    "the events alone were reset": ([(40, 100), (40, 0)], Pace.AHEAD),
    "ahead, and then the head came by": ([(120, 100), (120, 130)], Pace.AHEAD),
    "ahead, and then reset": ([(120, 100), (None, 100)], Pace.BEHIND),
    "an unknown place stays so": ([("a", 100), ("b", 100)], Pace.UNKNOWN),
}


@pytest.mark.parametrize("case", GOALS)
def test_the_goal_is_the_head_as_it_was(case: str) -> None:
    """Who waits waits for 100, whatever is written meanwhile; what is gone is not waited for."""
    looks, pace = GOALS[case]
    course = watched(*((float(at), seen(place, head)) for at, (place, head) in enumerate(looks)), goal=100)

    assert course.standings[0].state is pace
    assert course.goes_on is (pace in (Pace.MOVING, Pace.BEHIND))
    assert course.caught_up is (pace is Pace.CAUGHT_UP)


def test_of_several_each_is_judged_by_itself() -> None:
    """One that lags keeps the others waiting."""
    rows = tuple(CheckpointState(table=SUBSCRIPTIONS, projector=n, position=p) for n, p in ((NAME, 100), ("Feed", 1)))
    glance = Glance(at=0, when="now", state=seen(None, checkpoints=rows))
    course = judge(glance, None, MANIFEST, (NAME, "Feed"))

    assert [s.state for s in course.standings] == [Pace.CAUGHT_UP, Pace.NOT_RUNNING]
    assert course.goes_on
    assert [f.subject for f in shortfalls(course, MANIFEST)] == ["Feed"]


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────

NO_STORE = replace(MANIFEST, schemas=MANIFEST.schemas[:-1])
SHORTFALLS: dict[str, tuple[Course, Manifest, str, str]] = {
    "moving": (watched((0, seen(0)), (2, seen(20))), MANIFEST, "not_caught_up", "has seen 20 of 100; 10.0 events/s"),
    "not running": (watched((0, seen(40, live=()))), MANIFEST, "not_caught_up", "is not running"),
    "stalled": (
        watched((0, seen(40)), (12, seen(40))),
        MANIFEST,
        "not_caught_up",
        "has not moved since 2026-01-01T00:00:00Z, although it runs",
    ),
    "handled events only": (
        watched((0, seen(None, checkpoints=VERSION_ALONE))),
        MANIFEST,
        "not_caught_up",
        "log.projection_versions alone knows it",
    ),
    "ahead": (watched((0, seen(120))), MANIFEST, "ahead_of_head", "ahead of the head by 20"),
    "was ahead": (watched((0, seen(120)), (1, seen(120, 130))), MANIFEST, "ahead_of_head", "was ahead of the head"),
    "opaque": (watched((0, seen("0x1f"))), MANIFEST, "progress_unknown", "its position is no number: 0x1f"),
    "no column": (watched((0, seen(None)), manifest=NO_POSITION), NO_POSITION, "progress_unknown", "no table with"),
    "no head": (watched((0, seen(1, None))), MANIFEST, "progress_unknown", "number of the newest event is unknown"),
    "not installed": (
        watched((0, seen(1, None, event_store=False))),
        MANIFEST,
        "progress_unknown",
        "no event store is installed in log",
    ),
    "not declared": (
        watched((0, seen(1, None)), manifest=NO_STORE),
        NO_STORE,
        "progress_unknown",
        "the manifest declares no event store",
    ),
}


@pytest.mark.parametrize("case", SHORTFALLS)
def test_what_is_missing_is_named_with_a_cure(case: str) -> None:
    """Each finding names its projector, the reason, and something to do."""
    course, manifest, code, said = SHORTFALLS[case]
    (finding,) = shortfalls(course, manifest)

    assert (finding.code, finding.subject) == (code, NAME)
    assert finding.message.startswith(f"{NAME}: ")
    assert said in finding.message
    assert finding.cure


def test_whoever_caught_up_is_no_finding() -> None:
    """And one that could not be looked at is."""
    assert shortfalls(watched((0, seen(100))), MANIFEST) == ()
    assert [f.code for f in unseen((NAME,))] == ["not_seen"]


WORDS = {
    "moving, 20 of 100, 10 events/s, 8 s left": watched((0, seen(0)), (2, seen(20))),
    "moving, 20 of 120, 10 events/s, - left": watched((0, seen(0, 100)), (2, seen(20, 120))),
    "caught up, 100 of 100": watched((0, seen(100))),
    "caught up, 0 of 0": watched((0, seen(None, 0))),
    "ahead, at 120 of 100": watched((0, seen(120))),
    "unknown, at 0x1f": watched((0, seen("0x1f"))),
    "unknown": watched((0, seen(None, None))),
}


@pytest.mark.parametrize("words", WORDS)
def test_one_line_each(words: str) -> None:
    """A projector in one line; a row of the table says the same, and neither invents a number."""
    found = WORDS[words].standings[0]

    assert in_words(found) == words
    assert row_of(found)["state"] == found.state.value.replace("_", " ")


def test_durations() -> None:
    """In the two largest units that they fill."""
    said = [duration(seconds) for seconds in (0, 0.4, 59, 60, 3_600, 86_399, 90_000)]

    assert said == ["0 s", "0 s", "59 s", "1 min 0 s", "1 h 0 min", "23 h 59 min", "1 d 1 h"]


def test_lines_are_told_when_something_changes_and_once_in_a_while() -> None:
    """A line for another tenth, another state, and for a minute without either; nothing for each look."""
    out = io.StringIO()
    lines = Lines(console(out, no_color=True))
    course = None
    for at, place in ((0, 0), (1, 1), (2, 2), (3, 15), (4, 16), (20, 16), (60, 16), (79, 16), (81, 16), (82, 16)):
        course = watched((at, seen(place)), before=course)
        lines.show(course)

    said = [line.split(": ")[1].split(", ")[:2] for line in out.getvalue().splitlines()]
    assert said == [
        ["behind", "0 of 100"],
        ["moving", "1 of 100"],
        ["moving", "15 of 100"],
        ["stalled", "16 of 100"],
        ["stalled", "16 of 100"],
    ]


# ── several sources of events ────────────────────────────────────────────────────────────────────────────


def waited(*states: DatabaseState) -> Course:
    """The course of one who waits for the heads as they were when each source was first seen."""
    course: Course | None = None
    goals: Goals = {}
    for at, state in enumerate(states):
        goals = heads_of(state, APART, NAME, goals)
        course = judge(Glance(at=at, when="2026-01-01T00:00:00Z", state=state), course, APART, (NAME,), {NAME: goals})
    assert course is not None
    return course


def test_each_source_has_a_goal_of_its_own() -> None:
    """One that was nearer to its head must not pass for the one that was last: it used to be called caught up."""
    last = apart(shop=(997, 1000), returns=(5, 10)), apart(shop=(998, 1000), returns=(10, 10))

    assert waited(*last).standings[0].left == 2
    assert not waited(*last).caught_up
    assert waited(*last, apart(shop=(1000, 1400), returns=(10, 10))).caught_up


def test_a_source_that_begins_later_has_the_head_as_it_then_is() -> None:
    """Nobody can know before that it is followed; from then on its goal stays."""
    begun = seen(None, head=None), apart(shop=(1, 50)), apart(shop=(50, 50), returns=(0, 10))

    assert [waited(*begun[:n]).standings[0].state for n in (1, 2, 3)] == [Pace.NOT_BEGUN, Pace.BEHIND, Pace.BEHIND]
    assert waited(*begun).standings[0].goal == 10
    assert waited(*begun, apart(shop=(50, 90), returns=(10, 70))).caught_up


def test_a_goal_of_the_whole_store_is_kept_for_a_row_that_comes_later() -> None:
    """Where there is but one numbering, events that come while it begins are not waited for."""
    store = seen(None, head=100), apart(shop=(100, 130))

    assert waited(*store).caught_up


# ── on a terminal of any width ───────────────────────────────────────────────────────────────────────────

LONG = "MyApp.Projections.Read.Models.Subscription.Aggregates.PopularityOfEverything"


class Screen(io.StringIO):
    """What a terminal would be sent."""

    def isatty(self) -> bool:
        return True


def drawn(width: int, height: int, *standings: Standing) -> list[str]:
    """The lines on a terminal after one look at these."""
    out = console(Screen(), no_color=True)
    out.size = ConsoleDimensions(width, height)
    glance = Glance(at=0, when="2026-01-01T00:00:00Z", state=STATE)
    with following(out, bars=True) as show:
        show(Course(glance=glance, standings=standings))
        shown = out.file.getvalue()  # type: ignore[attr-defined]
    last = re.split(r"\x1b\[(?:1A|2K)", shown)[-1]  # each frame takes away the one before it
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", last).splitlines() if line.strip()]


def half(name: str) -> Standing:
    facts = {"goal": 1_200_060, "left": 600_030, "events_per_second": 123_456.0, "seconds_left": 5.0}
    return Standing(projector=name, state=Pace.MOVING, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("name", ["Loans", "SubscriptionsProjector", LONG, "読書の投影" * 9])
def test_every_width_has_a_bar_and_how_long_it_takes(width: int, name: str) -> None:
    """Nothing is cut but the beginning of a name; on 80 columns the bars had vanished, and the time left with them."""
    line, short = drawn(width, 20, half(name), half("Fines"))

    assert max(cell_len(text) for text in (line, short)) <= width
    assert line.count("━") >= 4  # half of the narrowest one
    assert line.endswith("5 s left")
    assert line.split()[0].removeprefix("…") in name


def test_a_low_terminal_shows_whoever_is_not_done() -> None:
    """Those that have caught up make room for one that has not."""
    done = [Standing(projector=f"Done{n}", state=Pace.CAUGHT_UP, goal=1, left=0) for n in range(9)]
    lines = drawn(80, 6, *done, half(NAME))

    assert [line.split()[0] for line in lines] == [NAME]
