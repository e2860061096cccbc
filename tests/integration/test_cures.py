"""Promises of the cures on a real database: what a refusal says to type is typed, and then the reset succeeds."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from balados_db.cli.main import run
from tests.conftest import Database

MANIFEST = """
version = 1
[schemas."Book Club"]
kind = "permanent"
[schemas.shown]
kind = "projection"
migrations = "shown"
[projectors.Loans]
tables = ["shown.loans"]
"""
# `mood` and the rest are made by hand, as somebody does who thinks of the schema as a place like any other.
SHOWN = "create table shown.loans (id serial primary key, title text not null);\n"
KEPT = """
create schema "Book Club"; create schema shown;
create table "Book Club".people (id int primary key, name text not null);
insert into "Book Club".people values (1, 'Ann'), (2, 'Bob');
"""
EMPTY, RECREATE = "--empty", "--recreate"


@dataclass(frozen=True)
class Refused:
    """What somebody built upon the projection, and the type of the object that a refusal names."""

    made: str
    type: str
    way: str = RECREATE
    cures: int = 1


CLASSES = {
    "a column's enum": Refused(
        "create type shown.mood as enum ('good'); alter table \"Book Club\".people add mood shown.mood default 'good'",
        "table column",
    ),
    "a column's array of a composite type": Refused(
        'create type shown.place as (street text); alter table "Book Club".people add places shown.place[]',
        "table column",
    ),
    "a domain over a domain": Refused(
        'create domain shown.mail as text; create domain "Book Club".work_mail as shown.mail;'
        ' alter table "Book Club".people add mail "Book Club".work_mail',
        "type",
    ),
    "a column's collation": Refused(
        'create collation shown.plain from "C"; alter table "Book Club".people add nick text collate shown.plain',
        "table column",
    ),
    "a policy's function": Refused(
        "create function shown.may(text) returns boolean language sql immutable return $1 = 'Ann';"
        ' create policy "only mine" on "Book Club".people using (shown.may(name))',
        "policy",
    ),
    "a generated column": Refused(
        "create function shown.norm(text) returns text language sql immutable return lower($1);"
        ' alter table "Book Club".people add normal text generated always as (shown.norm(name)) stored',
        "table column",
    ),
    "a trigger": Refused(
        "create function shown.stamp() returns trigger language plpgsql as 'begin return new; end';"
        ' create trigger stamp before insert on "Book Club".people for each row execute function shown.stamp()',
        "trigger",
    ),
    "a check's operator": Refused(
        "create function shown.eq(text, text) returns boolean language sql immutable return $1 = $2;"
        " create operator shown.=== (function = shown.eq, leftarg = text, rightarg = text);"
        ' alter table "Book Club".people add constraint named check (name operator(shown.===) name)',
        "table constraint",
        cures=2,
    ),
    "a commutator": Refused(
        "create function shown.less(int, int) returns boolean language sql immutable return $1 < $2;"
        ' create operator shown.<<< (function = shown.less, leftarg = int, rightarg = int, commutator = operator("Book Club".>>>));'
        ' create operator "Book Club".>>> (function = int4gt, leftarg = int, rightarg = int, commutator = operator(shown.<<<))',
        "operator",
        cures=2,
    ),
    "a base type": Refused(
        "create type shown.score; create function shown.read(cstring) returns shown.score language internal immutable strict as 'int4in';"
        " create function shown.tell(shown.score) returns cstring language internal immutable strict as 'int4out';"
        " create type shown.score (input = shown.read, output = shown.tell, like = int4); create table shown.scores (score shown.score)",
        "type",
    ),
    "an event trigger": Refused(
        "create function shown.guard() returns event_trigger language plpgsql as 'begin end';"
        " create event trigger guard on ddl_command_end when tag in ('CREATE AGGREGATE') execute function shown.guard()",
        "event trigger",
    ),
    "a text search configuration": Refused(
        "create text search dictionary shown.words (template = simple);"
        ' create text search configuration "Book Club".plain (parser = default);'
        ' alter text search configuration "Book Club".plain add mapping for word with shown.words',
        "text search configuration",
    ),
    "a foreign key, recreating": Refused(
        'create table "Book Club".saved (loan int references shown.loans)', "table constraint"
    ),
    "a foreign key, emptying": Refused(
        'create table "Book Club".saved (loan int references shown.loans)', "table", EMPTY
    ),
    "a shared sequence, recreating": Refused(
        "create table \"Book Club\".tickets (id int default nextval('shown.loans_id_seq'))", "default value"
    ),
    "a shared sequence, emptying": Refused(
        "create table \"Book Club\".tickets (id int default nextval('shown.loans_id_seq'))", "table", EMPTY
    ),
    "a view": Refused('create view "Book Club".titles as select title from shown.loans', "view"),
    "views over a view": Refused(
        'create view "Book Club".titles as select title from shown.loans;'
        ' create view "Book Club".number as select count(*) from "Book Club".titles',
        "view",
    ),
    "a function bound to the table": Refused(
        'create function "Book Club".number() returns bigint language sql begin atomic select count(*) from shown.loans; end',
        "function",
    ),
    "a policy that reads the table": Refused(
        'create policy reads on "Book Club".people using (exists (select from shown.loans where title = name))',
        "policy",
    ),
    "a rule": Refused(
        'create rule also as on insert to "Book Club".people do also insert into shown.loans (title) values (new.name)',
        "rule",
    ),
    "a child": Refused('create table "Book Club".mine (owner text) inherits (shown.loans)', "table", EMPTY, cures=2),
    "a partition": Refused(
        'create table "Book Club".log (n int) partition by list (n); create table shown.log_1 partition of "Book Club".log for values in (1)',
        "table",
        EMPTY,
    ),
    "a view of a schema that the manifest does not know": Refused(
        "create schema reports; create view reports.titles as select title from shown.loans", "view"
    ),
}


@pytest.fixture(scope="module")
def template(new_database: Callable[..., Database]) -> str:
    made = new_database(prefix="cures")
    made.execute(KEPT + SHOWN)
    return made.name


@pytest.fixture
def club(template: str, new_database: Callable[..., Database]) -> Database:
    """A permanent schema beside a projection, both with one table."""
    return new_database(template)


@pytest.fixture
def reset(
    club: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Reset the projections in this process; what is asked of signals is taken back."""
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "0001_loans.sql").write_text(SHOWN)
    (tmp_path / "balados-db.toml").write_text(MANIFEST)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def answer(way: str) -> dict[str, Any]:
        words = ["--manifest", str(tmp_path / "balados-db.toml"), "--url", club.url, "--json"]
        run([*words, "reset", "--projections", *way.split(), "--confirm", "DELETE"])
        return json.loads(capsys.readouterr().out)

    yield answer
    for number, handler in before.items():
        signal.signal(number, handler)


def objects_of(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What a refusal names."""
    return list(told["errors"][0]["details"]["objects"])


def statements(objects: list[dict[str, Any]]) -> list[str]:
    """The last thing that each cure says, before what may be done instead; what goes "before that" comes first."""
    cures = [o["cure"].partition("; or")[0] for o in objects if "nothing of its own" not in o["cure"]]
    cures.sort(key=lambda cure: "before that" not in cure)
    return list(dict.fromkeys(cure.rpartition(": ")[2] for cure in cures))


@pytest.mark.parametrize("refused", CLASSES.values(), ids=CLASSES)
def test_a_cure_cures(refused: Refused, club: Database, reset: Callable[[str], dict[str, Any]]) -> None:
    """Each object is named with its reason and its cure; the statement is typed as it stands, and the reset goes through."""
    club.execute(refused.made)

    told = reset(refused.way)
    assert refused.type in {o["type"] for o in objects_of(told)}
    assert len(objects_of(told)) <= 2, "a view's rule, a table's row type, a column's default: no objects of their own"
    for _ in range(refused.cures):
        named = objects_of(told)
        assert all(o["reason"] and o["cure"] for o in named)
        for statement in statements(named):
            club.execute(statement)
        told = reset(refused.way)

    assert told["errors"] == []
    assert club.value("select string_agg(name, ' ' order by id) from \"Book Club\".people") == "Ann Bob"


def test_what_may_be_done_instead_works_too(club: Database, reset: Callable[[str], dict[str, Any]]) -> None:
    """--empty is offered for a view, and keeps it."""
    club.execute('create view "Book Club".titles as select title from shown.loans')

    refused = reset(RECREATE)["errors"][0]

    assert "reset with --empty" in refused["hint"]
    assert reset(EMPTY)["errors"] == []
    assert club.rows('"Book Club".titles') == 0


def test_a_session_with_a_temporary_view_is_named_by_its_process(
    club: Database, reset: Callable[[str], dict[str, Any]]
) -> None:
    """Ending the session that made it is the cure."""
    with club.connect() as other:
        other.execute("create temporary view mine as select title from shown.loans")
        other.execute("begin; select 1")  # before PostgreSQL 16 only a session in a transaction says which one it is
        (found,) = objects_of(reset(RECREATE))
        assert found["cure"] == f"end the session that made it (process {other.info.backend_pid})"

    while club.value("select count(*) from pg_class where relname = 'mine'"):
        pass
    assert reset(RECREATE)["errors"] == []


def test_a_session_is_not_named_for_what_another_one_made(
    club: Database, reset: Callable[[str], dict[str, Any]]
) -> None:
    """Sessions that came and went leave gaps in their numbers: where these cannot be told, all that may be it are named."""
    gone = [club.connect() for _ in range(3)]
    ended = [session.info.backend_pid for session in gone]
    with club.connect() as one, club.connect() as two:
        for session in gone:
            session.close()
        makers = {"one": one.info.backend_pid, "two": two.info.backend_pid}
        one.execute("create temporary view one as select title from shown.loans")
        two.execute("create temporary view two as select title from shown.loans")
        found = {o["identity"].split(".")[-1]: o["cure"] for o in objects_of(reset(RECREATE))}

    for name, pid in makers.items():
        named = [int(word) for word in re.findall(r"[0-9]+", found[name])]
        assert pid in named
        assert set(named) <= {*makers.values(), *ended}, "the command's own session is none of them"


def test_a_prepared_transaction_is_named_by_its_gid(club: Database, reset: Callable[[str], dict[str, Any]]) -> None:
    """It has no process to end: the statement that decides about it is the cure."""
    gid = f"it's {club.name}"
    with club.connect() as other:
        other.execute("begin; lock table shown.loans in share mode")
        other.execute("prepare transaction '" + gid.replace("'", "''") + "'")

    refused = reset_quickly(reset)

    (found,) = refused["details"]["objects"]
    assert (found["type"], found["identity"]) == ("prepared transaction", gid)
    club.execute(found["cure"].rpartition(", or ")[2])
    assert reset(EMPTY)["errors"] == []


def reset_quickly(reset: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """A reset that does not wait long for locks."""
    return reset("--empty --lock-timeout=0.5")["errors"][0]
