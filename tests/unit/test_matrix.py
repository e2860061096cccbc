"""What `make torture` makes of the outcomes, and what it takes for PostgreSQL."""

from __future__ import annotations

import pytest

from tests.torture.case import BY_CHOICE, CASES, WAYS
from tests.torture.majors import Pin, Unobtainable, checked
from tests.torture.outcomes import Outcome, broken_promises, new
from tests.torture.table import Proof, complaints, lines

PINNED = Pin(
    "15.0", "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
)  # of nothing


def case(name: str, way: str = BY_CHOICE, **facts: object) -> Outcome:
    usual = {"expect": "either", "exit": 0, "code": "", "passed": True, "test": f"{name} {way}"}
    return {"kind": "case", "name": name, "way": way, **usual, **facts}


def all_cases(**facts: object) -> list[Outcome]:
    return [case(c.name, way, **facts) for c in CASES for way in WAYS]


def test_only_the_pinned_archive_is_unpacked() -> None:
    """One byte more, and it is not what was pinned."""
    assert checked(b"", PINNED) == b""
    with pytest.raises(Unobtainable, match="not the pinned"):
        checked(b"!", PINNED)


def test_an_outcome_without_its_facts_is_a_mistake() -> None:
    """The table is made of them."""
    with pytest.raises(AssertionError, match="rounds"):
        new("loop", {"name": "a projector's life"})


@pytest.mark.parametrize(
    ("found", "promise"),
    [
        pytest.param(all_cases(), "", id="all done"),
        pytest.param(all_cases(exit=5, code="x"), "more refused than done", id="all refused"),
        pytest.param(
            [*all_cases()[1:], case(CASES[0].name, expect="success", exit=5)], CASES[0].name, id="one expected"
        ),
        pytest.param(all_cases(exit=5, code="x")[1:], "", id="a part of the run promises nothing"),
    ],
)
def test_what_holds_of_the_whole(found: list[Outcome], promise: str) -> None:
    """At least as many done as refused, and none refused by choice that is expected to succeed."""
    broken = broken_promises(found)

    assert bool(broken) == bool(promise)
    assert promise in " ".join(broken)


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param(Proof("15.1", problem="no such package"), id="could not be run"),
        pytest.param(
            Proof("15.1", [{"kind": "failure", "test": "t", "reason": "AssertionError"}], 1), id="a test failed"
        ),
        pytest.param(Proof("15.1", [], 4), id="pytest could not begin"),
    ],
)
def test_a_version_that_was_not_proved_is_complained_of(proof: Proof) -> None:
    """Never skipped silently: the last lines say what is wrong."""
    assert complaints(proof)
    assert any("FAILED" in line for line in lines([proof]))


def test_the_table_counts_each_way() -> None:
    """Done, refused, failed; kills and rounds are summed."""
    kills = [{"kind": "kills", "name": "a", "count": n, "passed": True, "test": "k"} for n in (3, 4)]
    found = [case("T01"), case("T02", exit=5), case("T03", passed=False), *kills]

    row = lines([Proof("18.4", found)])[1].split()

    assert row == ["18.4", "1/1/1", "0/0/0", "0/0/0", "7", "0", "0", "0"]
