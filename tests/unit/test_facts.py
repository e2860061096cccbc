"""What a digest is taken of, spelled in one way; and what became of a plan, in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from balados_db.canonical import canonical, digest, plain
from balados_db.planning.facts import changed_database, changes
from balados_db.planning.plan import Danger

HERE = {"system_identifier": "7", "database": "club", "database_oid": 5}


def facts(**changed: Any) -> dict[str, Any]:
    """Facts of a plan, with some of them changed; preconditions by their own names."""
    steps = [{"step": "empty_tables", "tables": [["stats", "counters"]]}]
    known: dict[str, Any] = {
        "trigger": None,
        "command": "reset",
        "scope": "projections",
        "phrase": "DELETE",
        "target": HERE,
        "steps": steps,
    }
    preconditions = {
        "applied": {"stats": {"0001": "a"}},
        "files": {"stats": {"0001": "a"}},
        "structure": {"stats": "x"},
        "relations": {"stats": {"counters": 100}},
        "checkpoints": {"events.subscriptions": ["Counter"]},
        "rollback files": {"0001": "b"},
        "install": {"1.sql": "c"},
        "deeds": {"forget": {}},
        "stamp": {"name": None},
    }
    for name, value in changed.items():
        (known if name in known else preconditions)[name.replace("_", " ")] = value
    return {**known, "preconditions": preconditions}


def test_a_value_has_one_spelling() -> None:
    """Whatever the order of keys, the letters and the kind of list; the digest is the same wherever it is taken."""
    first, second = {"b": [1, "ü"], "a": None}, {"a": None, "b": (1, "ü")}

    assert canonical(first) == canonical(second) == '{"a":null,"b":[1,"\\u00fc"]}'
    assert digest(first) == "sha256:e6079cc869da30fa7778650261b5c569a08642cba6de37e7cffd9ab5d28d87c8"
    assert plain(second) == first


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: "a"}, {"a": {None: 1}}, object(), {"a": {1, 2}}])
def test_what_has_no_spelling_is_refused(value: object) -> None:
    """NaN, keys that are no text, sets and objects."""
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


SAID: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "another server": ({"target": {**HERE, "system_identifier": "8"}}, ["another server (system identifier 7)"]),
    "another database": ({"target": {**HERE, "database": "x"}}, ["made for database club, and this is x"]),
    "made anew": ({"target": {**HERE, "database_oid": 6}}, ["database club was made anew"]),
    "structure": ({"structure": {"stats": "y"}}, ["structure of stats"]),
    "applied": ({"applied": {"stats": {"0001": "a", "0002": "b"}}}, ["migrations of stats: 0002 applied since"]),
    "taken back": ({"applied": {"stats": {}}}, ["migrations of stats: 0001 taken back since"]),
    "edited": ({"files": {"stats": {"0001": "z"}}}, ["migrations of stats: 0001 edited"]),
    "new and gone": ({"files": {"stats": {"0002": "a"}}}, ["0002 new", "0001 gone"]),
    "a rollback file": ({"rollback_files": {"0001": "z"}}, ["rollback files: 0001 edited"]),
    "install SQL": ({"install": {"1.sql": "z"}}, ["install SQL: 1.sql edited"]),
    "a table made anew": ({"relations": {"stats": {"counters": 101}}}, ["relations of stats: counters made anew"]),
    "a checkpoint": (
        {"checkpoints": {"events.subscriptions": ["Counter", "New"]}},
        ["a checkpoint of New in events.subscriptions is new"],
    ),
    "no checkpoint": (
        {"checkpoints": {"events.subscriptions": []}},
        ["a checkpoint of Counter in events.subscriptions is gone"],
    ),
    "a table of checkpoints": ({"checkpoints": {"events.subscriptions": ["Counter"], "x.y": []}}, ["x.y is new"]),
    "deeds": ({"deeds": {"forget": {"x": 1}}}, ["what the manifest says about forgetting"]),
    "a stamp": ({"stamp": {"name": "production"}}, ["it was not stamped, and is production"]),
    "a phrase": ({"phrase": "DELETE IT"}, ["its phrase: it was DELETE, and is DELETE IT"]),
    "a trigger": ({"trigger": {"notify": "x"}}, ["what the manifest sets off afterwards"]),
    "a step": ({"steps": [{"step": "seed"}]}, ["steps are new: seed", "steps are gone: empty_tables"]),
    "what a step does": ({"steps": [{"step": "empty_tables", "tables": []}]}, ["what its steps do: empty_tables"]),
}


@pytest.mark.parametrize("case", SAID)
def test_what_changed_is_named(case: str) -> None:
    """Each change in words, and no word about anything else."""
    changed, said = SAID[case]

    found = changes(facts(), facts(**changed))

    assert len(found) == len(said)
    for text, words in zip(found, said, strict=True):
        assert words in text


APART = {"main": facts(), "log": facts()}
WHERE: dict[str, tuple[dict[str, Any], list[str], str | None]] = {
    "one of them": ({**APART, "log": facts(structure={})}, ["structure of stats"], "log"),
    "both of them": (
        {"main": facts(structure={}), "log": facts(target={**HERE, "database_oid": 6})},
        ["in main: structure of stats", "in log: database club was made anew"],
        None,
    ),
    "one more": ({**APART, "charts": facts()}, ["main and log when it was planned, now main and log and charts"], None),
    "one alone": ({}, ["main and log when it was planned, now one alone"], None),
}


@pytest.mark.parametrize("case", WHERE)
def test_what_changed_is_named_with_its_database(case: str) -> None:
    """Where one alone is another, the error names it; where several are, each text does."""
    now, said, where = WHERE[case]
    before, after = facts(databases=APART), facts(databases=now)

    assert changed_database(before, after) == where
    found = changes(before, after)
    assert len(found) == len(said)
    for text, words in zip(found, said, strict=True):
        assert words in text


def test_dangers_are_in_order() -> None:
    """From none to the events themselves."""
    grades = [Danger.NONE, Danger.SAFE, Danger.CAUTION, Danger.DANGER, Danger.EXTREME]

    assert sorted(grades, key=lambda one: sum(one.is_worse_than(other) for other in grades)) == grades
