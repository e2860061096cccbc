"""What a proposal infers from facts, as tables: kinds that nobody has decided, projectors, positions, folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from balados_db.discovery import infer
from balados_db.guess import Confidence
from balados_db.manifest_proposal import Existing, ExistingSchema, FoundCheckpoints, KnownCheckpoints, KnownStore
from balados_db.manifest_writing import written
from balados_db.migration_folders import folders_of, migration_folders
from balados_db.model import SchemaKind

SUBSCRIBERS = KnownCheckpoints(table="subscriptions", projector="name", position="seen", of_store=True)
VERSIONS = KnownCheckpoints(table="versions", projector="name", position="seen")
STORE = KnownStore(layout="known", proof=("events", "subscriptions"), checkpoints=(SUBSCRIBERS, VERSIONS))


def schema(written: str) -> ExistingSchema:
    """`name: table table`"""
    name, _, tables = written.partition(":")
    return ExistingSchema(name=name, tables=tuple(tables.split()))


def existing(
    *schemas: str, projectors: str = "", subscribers: str = "", looks: str = "", store: bool = True
) -> Existing:
    """A database with a store in `log`, and names in its tables of positions, or in one that only looks so."""
    found = [FoundCheckpoints(layout="known", known=VERSIONS, schema="log", names=tuple(projectors.split()))]
    found.append(FoundCheckpoints(layout="known", known=SUBSCRIBERS, schema="log", names=tuple(subscribers.split())))
    offsets = KnownCheckpoints(table="offsets", projector="who", position="at")
    if looks:
        found.append(FoundCheckpoints(layout=None, known=offsets, schema="core", names=tuple(looks.split())))
    return Existing(
        database="d",
        schemas=(schema("log: events subscriptions versions"), *map(schema, schemas)),
        holding={"known": ("log",) if store else ()},
        checkpoints=tuple(found),
    )


INSTALLED = {
    "every file of the layout": ({"log": {"1.sql": "a", "2.sql": "b"}}, True),
    "and more": ({"log": {"1.sql": "a", "2.sql": "b", "9.sql": "own"}}, True),
    "only what adds to a library's store": ({"log": {"2.sql": "b"}}, False),
    "one was edited": ({"log": {"1.sql": "a", "2.sql": "edited"}}, False),
    "in another schema": ({"read": {"1.sql": "a", "2.sql": "b"}}, False),
    "nothing is noted": ({}, False),
}


@pytest.mark.parametrize(("noted", "ours"), INSTALLED.values(), ids=INSTALLED)
def test_install_is_proposed_where_this_tool_made_the_store(noted: dict[str, dict[str, str]], ours: bool) -> None:
    """What a database has noted proves it; nothing else does."""
    store = replace(STORE, install={"1.sql": "a", "2.sql": "b"})
    found = infer(replace(existing(), installed=noted), (store,), {})

    assert [g.value for g in found.guesses if g.key == "schemas.log.install"] == ["preset"] * ours
    assert ('install = "preset"  #' in written(found, {})) is ours
    assert not infer(replace(existing(), installed=noted), (STORE,), {}).installed_by_us


LEANINGS = {
    "all tables are called after projectors": (
        existing("read: books loans", projectors="BooksProjector Loans"),
        "projection",
    ),
    "half of them": (existing("read: books staff", projectors="BooksProjector"), "projection"),
    "less than half": (existing("read: books staff rooms", projectors="BooksProjector"), "permanent"),
    "none": (existing("read: staff", projectors="BooksProjector"), "permanent"),
    "nobody has a position": (existing("read: books"), "permanent"),
    "a subscriber's name tells as well": (existing("read: books", subscribers="Books Mailer"), "projection"),
}


@pytest.mark.parametrize(("facts", "leaning"), LEANINGS.values(), ids=LEANINGS)
def test_no_kind_is_ever_guessed(facts: Existing, leaning: str) -> None:
    """Whatever speaks for one, it stays undecided, and what speaks for it is said."""
    found = infer(facts, (STORE,), {})
    (guess,) = (g for g in found.guesses if g.key == "schemas.read.kind")

    assert (found.kinds["log"], found.kinds["read"]) == (SchemaKind.EVENT_STORE, None)
    assert found.undecided == ("read",)
    assert (guess.confidence, guess.value) == (Confidence.UNDECIDED, leaning)
    assert guess.reason


def test_who_is_a_projector() -> None:
    """Names that only projectors have, and subscribers that a table is called after; all others may send mail."""
    found = infer(existing("read: books", projectors="Counter", subscribers="Books Mailer Counter"), (STORE,), {})

    assert {name: [str(f.table) for f in filled] for name, filled in found.projectors.items()} == {
        "Counter": [],
        "Books": ["read.books"],
    }
    assert found.subscriptions == ("Mailer",)


DECISIONS = {
    "permanent": ({"read": "permanent"}, {"Books": []}, ()),
    "projection": ({"read": "projection"}, {"Books": ["read.books"]}, ("staff", "rooms")),
    "leave-out": ({"read": "leave-out"}, {"Books": []}, None),
    "open": ({}, {"Books": []}, None),  # a third of the tables: it leans to permanent
}


@pytest.mark.parametrize(("decided", "projectors", "unfilled"), DECISIONS.values(), ids=DECISIONS)
def test_decisions_bind(
    decided: dict[str, str], projectors: dict[str, list[str]], unfilled: tuple[str, ...] | None
) -> None:
    """Only what is a projection is anybody's to rebuild; what nobody fills there is said."""
    found = infer(existing("read: books staff rooms", projectors="Books"), (STORE,), decided)

    assert {name: [str(f.table) for f in filled] for name, filled in found.projectors.items()} == projectors
    assert found.unfilled.get("read") == (unfilled or None)


LOOKS = {
    "a table is called after a name": ("Books", ["core.offsets"], []),
    "a name is a known projector's": ("Counter", ["core.offsets"], []),
    "no name tells": ("Ann Bob", [], ["core.offsets"]),
    "too many names": (" ".join(["Books", *(f"n{n}" for n in range(100))]), [], ["core.offsets"]),
}


@pytest.mark.parametrize(("names", "taken", "doubtful"), LOOKS.values(), ids=LOOKS)
def test_what_only_looks_like_positions(names: str, taken: list[str], doubtful: list[str]) -> None:
    """It is proposed where a name in it speaks for it, and mentioned where none does."""
    facts = existing("read: books", "core: offsets", projectors="Counter", looks=names)
    found = infer(facts, (STORE,), {})

    assert [f"{c.schema}.{c.known.table}" for c in found.checkpoints] == taken
    assert [f"{c.schema}.{c.known.table}" for c in found.doubtful] == doubtful


def test_without_a_store_known_tables_are_still_known() -> None:
    """The layout is that of the checkpoint tables; they lie where no layout has them."""
    found = infer(existing("read: books", projectors="Books", store=False), (STORE,), {})

    assert found.store is None
    assert [f"{c.schema}.{c.known.table}" for c in found.checkpoints] == ["log.versions"]
    assert "log" in found.undecided


def test_folders_are_known_by_what_was_applied(tmp_path: Path) -> None:
    """The one that holds all of it, with the fewest others; hidden and foreign ones are not looked into."""
    for name in ("a/one", "a/two", "b/one", "b/two", "b/three", "c/one", ".git/one", "x/node_modules/m/one", "x/y/one"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.sql").write_text("")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "one.rollback.sql").write_text("")
    folders = migration_folders(tmp_path)

    assert set(folders) == {"a", "b", "c", "x/y"}
    assert folders_of(("one", "two"), folders) == ("a",)
    assert folders_of(("one",), folders) == ("c", "x/y")
    assert folders_of(("four",), folders) == ()
    assert folders_of((), folders) == ()
