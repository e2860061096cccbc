"""What the next rebuild will take: from what was measured, scaled to what is there; nothing known is nothing said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balados_db.model import CheckpointState, Manifest, Measured, Role, Scope
from balados_db.planning.forecast import measure
from balados_db.planning.plan import Forecast, Plan
from balados_db.rendering.amounts import about, forecast_in_words
from tests.unit.builders import (
    LAYOUT,
    LOG,
    MANIFEST,
    SUBSCRIPTIONS,
    Change,
    declaring,
    in_database,
    relation,
    with_relations,
)
from tests.unit.reset_rows import ALL, SAFE, Row, asked
from tests.unit.test_rebuild import FROM_MINUS_ONE, NAME, seen, watched

COUNTED = declaring(LOG, layout=replace(LAYOUT, events="events"))


def took(
    seconds: float, *, projector: str = "Loans", start: int = 0, end: int = 100, at: str = "2026-01-02"
) -> Measured:
    return Measured(projector=projector, from_position=start, to_position=end, seconds=seconds, at=at)


def planned(
    *measured: Measured, manifest: Manifest = COUNTED, changes: tuple[Change, ...] = (), request: Any = None
) -> Plan:
    """A reset in a store with 300 numbers and 250 events."""
    events = relation("log.events", role=Role.EVENTS, rows=250)
    row = Row(id="", request=request or asked(Scope.PROJECTIONS, projector="Loans"), manifest=manifest)
    return row.plan(in_database(head=300, measured=measured), with_relations(events), *changes)


def test_what_was_measured_is_scaled_to_the_events_there_are() -> None:
    """100 numbers in 20 seconds: 300 take a minute; said are the events that there are, and by what it is known."""
    forecast = planned(took(20.0)).forecast

    assert forecast == Forecast(events=250, exact=True, seconds=60.0, rebuilds=1, measured_on="2026-01-02")
    assert forecast_in_words(forecast) == (
        "about 60 seconds for 250 events, measured with 1 rebuild, the last on 2026-01-02"
    )


def test_several_rebuilds_count_by_their_length_and_only_the_last_ones() -> None:
    """A long one says more than a short one; what was measured six rebuilds ago says nothing any more."""
    recent = [took(10.0), took(10.0, end=300), took(10.0), took(10.0), took(10.0)]
    forecast = planned(*recent, took(9999.0)).forecast

    assert forecast is not None
    assert (forecast.seconds, forecast.rebuilds) == (pytest.approx(300 * 50 / 700), 5)


def test_the_slowest_tells_the_time_and_the_unknown_ones_are_named() -> None:
    """They run beside each other; of one that was never measured nothing is claimed."""
    plan = planned(took(10.0), took(30.0, projector="Feed"), request=SAFE)

    assert plan.forecast is not None
    assert (plan.forecast.seconds, plan.forecast.unmeasured) == (90.0, ("Counter",))
    assert [s.forecast and s.forecast.seconds for s in plan.starts_over] == [30.0, 90.0, None]
    assert "; of Counter none was" in forecast_in_words(plan.forecast)


NOTHING: dict[str, tuple[dict[str, Any], Forecast | None]] = {
    "nobody measured": ({}, Forecast(events=250, exact=True, unmeasured=("Loans",))),
    "nobody knows the head": ({"changes": (in_database(head=None),)}, None),
    "positions are no numbers": (
        {"manifest": replace(COUNTED, checkpoints=(replace(COUNTED.checkpoints[0], origin="a"),))},
        None,
    ),
    "nobody counts events": ({"manifest": MANIFEST}, Forecast(events=300, unmeasured=("Loans",))),
}


@pytest.mark.parametrize("case", NOTHING)
def test_what_is_not_known_is_not_said(case: str) -> None:
    """No seconds without a measure, no forecast without numbers; numbers in place of a count are an estimate."""
    facts, expected = NOTHING[case]
    assert planned(**facts).forecast == expected


def test_where_the_events_go_nothing_is_replayed() -> None:
    """`--all` has no replay to foretell."""
    assert planned(took(20.0), request=ALL).forecast is None


def test_a_forecast_is_no_part_of_what_is_confirmed() -> None:
    """It moves by itself, with every event."""
    assert planned(took(20.0)).digest == planned(took(40.0)).digest == planned().digest


def test_time_in_one_unit() -> None:
    """As somebody says it who does not know better."""
    assert [about(s) for s in (0.0, 1.4, 89, 90, 181, 5399, 5400, 90_000, 2_390_400)] == [
        *(
            "1 second",
            "1 second",
            "89 seconds",
            "2 minutes",
            "3 minutes",
            "90 minutes",
            "2 hours",
            "25 hours",
            "28 days",
        )
    ]


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────

# places by second, up to a head of 100 → from, to, seconds
MEASURES: dict[str, tuple[list[tuple[float, int | None]], tuple[int, int, float] | None]] = {
    "from the beginning": ([(0, None), (5, None), (6, 40), (8, 100), (60, 100)], (0, 100, 3)),
    "it stood at its start for a while": ([(0, 0), (50, 0), (51, 50), (52, 100)], (0, 100, 2)),
    "it had begun already": ([(0, 30), (1, 60), (7, 100)], (30, 100, 7)),
    "a backlog is no rebuild": ([(0, 60), (1, 100)], None),
    "it had arrived already": ([(0, 100), (1, 100)], None),
    "it has not arrived": ([(0, 0), (1, 99)], None),
    "reset while it was looked at": ([(0, 0), (1, 80), (2, None), (3, 50), (4, 100)], (0, 100, 2)),
    "arrived, and then reset": ([(0, 0), (1, 100), (2, None)], None),
}


@pytest.mark.parametrize("case", MEASURES)
def test_a_rebuild_is_measured_from_its_start_to_its_arrival(case: str) -> None:
    """Between the last look at the start and the first at the goal; waiting before and after does not count."""
    looks, expected = MEASURES[case]
    course = watched(*((at, seen(place)) for at, place in looks))

    found = [(m.from_position, m.to_position, m.seconds) for m in measure(course, MANIFEST)]
    assert found == ([] if expected is None else [expected])


def test_half_of_the_way_is_counted_from_the_origin() -> None:
    """Where the first event is number 0 the way is one longer; an unknown place measures nothing."""
    course = watched((0.0, seen(49)), (1.0, seen(100)), manifest=FROM_MINUS_ONE)
    assert [m.projector for m in measure(course, FROM_MINUS_ONE)] == [NAME]
    opaque = (CheckpointState(table=SUBSCRIPTIONS, projector=NAME, position="0x1"),)
    assert measure(watched((0.0, seen(None, checkpoints=opaque))), MANIFEST) == ()
