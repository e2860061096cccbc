"""Promises of the cures: exactly what to do about exactly that object, typed as PostgreSQL and TOML read it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlparse

from balados_db import errors
from balados_db.manifest.loading import load_manifest
from balados_db.model import (
    CheckpointState,
    CheckpointTable,
    LiveProjector,
    Need,
    Outsider,
    Relation,
    RelationKind,
    Role,
    Scope,
)
from balados_db.planning import culprits, cures, unfit
from balados_db.planning.cures import Surroundings, cure_for
from balados_db.planning.refusals import Obstacles
from tests.unit.builders import MANIFEST, MEMBERS, READING, STATE, STATS, in_schema, table
from tests.unit.reset_rows import SAFE, STATS_ALONE, Row, asked

AROUND = Surroundings(kept=("members", "Order Book"), known=("members", "Order Book", "reading", "log"))
MOOD, LOANS = Need("type", "reading.mood", "reading"), Need("table", "reading.loans", "reading")


def outside(type_: str, identity: str, *needs: Need, **facts: Any) -> Outsider:
    return Outsider(type=type_, identity=identity, reason="…", needs=needs, **{"schema": "members", **facts})


def part(type_: str, *needs: Need, **facts: Any) -> Outsider:
    """A part p of the table members.t."""
    return outside(type_, "p on members.t", *needs, table="members.t", part="p", **facts)


def need(type_: str, identity: str) -> Need:
    return Need(type_, identity, "reading")


# ── what leans on the scope from outside: one row a class of object ──────────────────────────────────────

SEQUENCE = "alter sequence reading.s owned by none; alter sequence reading.s set schema members"
CLASSES: dict[str, tuple[Outsider, str]] = {
    "a column's type": (part("table column", MOOD), "alter type reading.mood set schema members"),
    "a domain over a domain": (outside("type", "members.d", MOOD), "alter type reading.mood set schema members"),
    "a column's collation": (
        part("table column", need("collation", 'reading."German"')),
        'alter collation reading."German" set schema members',
    ),
    "a policy's function": (
        part("policy", need("function", "reading.may(pg_catalog.text)")),
        "alter function reading.may(pg_catalog.text) set schema members",
    ),
    "a check's operator": (
        part("table constraint", need("operator", "reading.===(integer,integer)")),
        "alter operator reading.===(integer,integer) set schema members",
    ),
    "an index's operator class": (
        outside("index", "members.i", need("operator class", "reading.by_length USING btree")),
        "alter operator class reading.by_length using btree set schema members",
    ),
    "a text search configuration's dictionary": (
        outside("text search configuration", "members.c", need("text search dictionary", "reading.d")),
        "alter text search dictionary reading.d set schema members",
    ),
    "a cast": (
        outside("cast", "(reading.mood AS pg_catalog.text)", MOOD, schema=None),
        "alter type reading.mood set schema members",
    ),
    "an event trigger's function": (
        outside("event trigger", "guard", need("function", "reading.guard()"), schema=None),
        "alter function reading.guard() set schema members",
    ),
    "a default's own sequence": (
        part("default value", need("sequence", "reading.s")),
        "alter sequence reading.s set schema members",
    ),
    "a default's sequence of a serial column": (part("default value", need("owned sequence", "reading.s")), SEQUENCE),
    "a default's sequence that emptying restarts": (
        part("default value", need("restarted sequence", "reading.s")),
        "let it go on, so that no key is given twice: alter sequence reading.s owned by none",
    ),
    "a default's sequence of an identity column": (
        part("default value", need("identity sequence", "reading.s")),
        "give members.t a sequence of its own in members, set past its highest p: this one belongs to an identity column",
    ),
    "a foreign key": (
        part("table constraint", LOANS, foreign_key=True),
        "keep the plain column: alter table members.t drop constraint p",
    ),
    "a view": (
        outside("view", "members.v", LOANS),
        "make it in the migrations of schema reading, and here: drop view members.v",
    ),
    "a materialized view": (
        outside("materialized view", "members.m", LOANS),
        "make it in the migrations of schema reading, and here: drop materialized view members.m",
    ),
    "a function over a row": (
        outside("function", "members.f(reading.loans)", need("row type", "reading.loans")),
        "make it in the migrations of schema reading, and here: drop function members.f(reading.loans)",
    ),
    "a column that holds rows": (
        part("table column", need("row type", "reading.loans")),
        "create a type of its own in members (create type … as), and use that one instead of the row of reading.loans",
    ),
    "a column's range": (
        part("table column", need("range type", "reading.span")),
        "a range type does not move whole: create it again in members, and give it to what uses this one"
        " (alter table … alter column … type members.… using …::text::members.…)",
    ),
    "a policy that reads a table": (
        part("policy", LOANS),
        "let it ask a function of schema members whose body, a string, reads reading.loans (a string binds it to no"
        " table), and here: drop policy p on members.t",
    ),
    "a rule": (part("rule", LOANS), "let a projector write what it writes, and here: drop rule p on members.t"),
    "anything else over a table": (
        outside("subscription", "s", LOANS),
        "make subscription s in the migrations of schema reading, and drop it here",
    ),
    "what nobody knows the need of": (
        outside("view", "members.v"),
        "drop view members.v, or make it in the projection's migrations",
    ),
    "what falls only with another": (
        outside("view", "members.w", Need("view", "members.v", "members"), inside=False),
        "nothing of its own: it stays when view members.v stays",
    ),
    "a partition of the scope's table": (
        outside("table", "members.p1", Need("partitioned table", "reading.log")),
        "alter table reading.log detach partition members.p1",
    ),
    "a table with a partition in the scope": (
        outside("table", "members.log", Need("partition", "reading.p1")),
        "alter table members.log detach partition reading.p1",
    ),
    "a child of the scope's table": (
        outside("table", "members.c", Need("parent", "reading.p")),
        "alter table members.c no inherit reading.p",
    ),
    "a table with a child in the scope": (
        outside("table", "members.p", Need("child", "reading.c")),
        "alter table reading.c no inherit members.p",
    ),
    "a temporary object": (
        outside("view", "pg_temp_3.v", LOANS, schema="pg_temp_3", pids=(4711,)),
        "end the session that made it (process 4711)",
    ),
    "a temporary object of one of two sessions": (
        outside("view", "pg_temp_3.v", LOANS, schema="pg_temp_3", pids=(4711, 4713)),
        "end the session that made it (one of the processes 4711, 4713)",
    ),
}


@pytest.mark.parametrize(("outsider", "cure"), CLASSES.values(), ids=CLASSES)
def test_each_class_of_object_has_its_cure(outsider: Outsider, cure: str) -> None:
    """What to do, to the letter; the statement, where there is one, comes last."""
    assert cure_for(outsider, AROUND) == cure


def test_what_is_built_upon_a_view_that_goes_goes_first() -> None:
    """Also at second hand; what is built upon something that stays has nothing to do."""
    mood = outside("type", "members.d", MOOD)
    others = (
        outside("view", "members.w", Need("view", "members.v", "members"), inside=False),
        part("policy", Need("view", "members.w", "members"), inside=False),
        part("table column", Need("type", "members.d", "members"), inside=False),
    )
    over_view, over_that, over_type = [
        o["cure"] for o in cures.of_outsiders((CLASSES["a view"][0], mood, *others), AROUND)[2:]
    ]

    assert over_view.endswith("here, before that: drop view members.w")
    assert over_that.endswith("here, before that: drop policy p on members.t")
    assert over_type.startswith("nothing of its own")


def test_two_needs_are_cured_both() -> None:
    """An object is free when everything that it needs has moved; the same statement is said once."""
    function = need("function", "reading.f()")

    assert cure_for(part("policy", function, MOOD, function), AROUND) == (
        "alter function reading.f() set schema members; alter type reading.mood set schema members"
    )


@pytest.mark.parametrize(
    ("schema", "kept", "home"),
    [
        ("members", ("attic", "members"), "set schema members"),
        ("log", ("attic", "members"), "set schema attic"),
        (None, ("Order Book",), 'set schema "Order Book"'),
        (None, ("order",), 'set schema "order"'),
        ("log", (), "create schema if not exists shared; alter type reading.mood set schema shared"),
    ],
    ids=["beside it", "never into the event store", "quoted", "a reserved word", "none is kept"],
)
def test_what_is_needed_moves_to_a_schema_that_stays(schema: str | None, kept: tuple[str, ...], home: str) -> None:
    """Beside the object where that is permanent, else into the first permanent schema, else into one to make."""
    around = Surroundings(kept=kept, known=("members", "log", *kept))

    assert cure_for(part("table column", MOOD, schema=schema), around).endswith(home)


def test_a_schema_that_the_manifest_does_not_know_may_be_declared() -> None:
    """Then it is reset along with the others."""
    cure = cure_for(outside("view", "My Reports.v", LOANS, schema="My Reports"), AROUND)

    assert cure.endswith(
        '; or, if it can be rebuilt, declare [schemas."My Reports"] with kind = "projection" and its migrations'
    )


def test_the_scopes_own_schemas_are_no_home() -> None:
    """What is reset keeps nothing."""
    assert cures.surroundings_of(MANIFEST, [READING]).kept == (MEMBERS,)
    assert cures.surroundings_of(MANIFEST, [MEMBERS]).kept == ()


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("names", "typed"),
    [(("a", "b_1"), "a.b_1"), (("A",), '"A"'), (('a"b',), '"a""b"'), (("user", "x"), '"user".x'), (("1a",), '"1a"')],
    ids=["plain", "capital", "quote", "reserved", "digit"],
)
def test_names_are_quoted_where_they_must_be(names: tuple[str, ...], typed: str) -> None:
    """A cure can be typed as it stands."""
    assert cures.quoted(*names) == typed


def test_a_text_is_quoted() -> None:
    """A quote inside is doubled."""
    assert cures.literal("it's") == "'it''s'"


# ── when emptying is another way ─────────────────────────────────────────────────────────────────────────

VIEW = outside("view", "members.v", LOANS)
EMPTY = "reset with --empty"


def hint(row: Row) -> str:
    with pytest.raises(errors.BaladosDbError) as caught:
        row.plan()
    return caught.value.hint


def recreating(obstacles: Obstacles, **facts: Any) -> Row:
    return Row(id="", request=replace(STATS_ALONE, way="recreate"), obstacles=obstacles, **facts)


def test_emptying_is_offered_for_what_it_would_keep() -> None:
    """A view, a type, a policy: emptying drops none of them."""
    assert EMPTY in hint(recreating(Obstacles(dependents=(VIEW,))))


@pytest.mark.parametrize(
    "row",
    [
        recreating(Obstacles(dependents=(VIEW, part("table constraint", LOANS, foreign_key=True)))),
        recreating(Obstacles(dependents=(part("default value", need("owned sequence", "reading.s")),))),
        recreating(Obstacles(inheritance=(CLASSES["a child of the scope's table"][0],))),
        recreating(Obstacles(dependents=(VIEW,)), state=in_schema(STATS, cannot_empty=("counters",))(STATE)),
        Row(
            id="",
            request=replace(SAFE, way="empty"),
            obstacles=Obstacles(references=(part("table", LOANS, foreign_key=True),)),
        ),
        Row(id="", request=asked(Scope.PROJECTIONS, way="empty"), obstacles=Obstacles(dependents=(VIEW,))),
    ],
    ids=[
        "a foreign key",
        "a sequence",
        "inheritance",
        "a table that may not be truncated",
        "asked for",
        "asked for, a view",
    ],
)
def test_emptying_is_not_offered_where_it_would_be_refused(row: Row) -> None:
    """A cure that leads to the next refusal is none."""
    assert EMPTY not in hint(row)


def test_a_projection_that_others_are_built_upon_may_be_declared_permanent() -> None:
    """By the name of the schema that is leaned on; not for permanent schemas, which are that already."""
    obstacles = Obstacles(dependents=(VIEW,))

    assert "declare reading permanent" in hint(recreating(obstacles))
    assert "permanent" not in hint(Row(id="", request=asked(Scope.SYSTEM, way="recreate"), obstacles=obstacles))


def test_several_cures_stand_beside_each_and_one_in_the_hint() -> None:
    """The hint says what is to be done, not where to look for it, when there is but one thing to do."""
    one, two = ({"cure": "a"}, {"cure": "b"})

    assert cures.advice([one, one]) == "a"
    assert cures.advice([one, two], "c") == "do what is said beside each; or c"


# ── whatever else a refusal is about ─────────────────────────────────────────────────────────────────────

POSITIONS = CheckpointTable(table=table("log.positions"), projector="Name")


def test_a_name_without_a_declaration_gets_the_two_that_it_may_have(tmp_path: Any) -> None:
    """Both snippets are TOML that the manifest understands, whatever the name; a leftover's row is named."""
    name = 'O\'Brien."Loans"'
    cure = culprits.of_position(
        name, [(POSITIONS, CheckpointState(table=POSITIONS.table, projector=name, position=7))]
    )["cure"]
    lines = cure.splitlines()
    base = 'version = 1\n[schemas.reading]\nkind = "projection"\n'
    for header, value in ((lines[1], lines[2].replace("SCHEMA.TABLE", "reading.loans")), (lines[4], lines[5])):
        file = tmp_path / "balados-db.toml"
        file.write_text(f"{base}{header}\n{value}\n")
        manifest = load_manifest(file)
        assert name in {p.name for p in manifest.projectors} | set(manifest.subscriptions)

    assert lines[-1] == "if it is a leftover: delete from log.positions where \"Name\" = 'O''Brien.\"Loans\"'"


def test_a_live_projector_is_stopped_not_cut_off() -> None:
    """Its application is named; a connection that is ended would come back with its memory."""
    found = culprits.of_live(LiveProjector(name="Loans", subscription_id=1, pid=4711, user="app", application="web"))

    assert (found["type"], found["identity"], found["pid"]) == ("process", "4711", 4711)
    assert found["cure"].startswith("stop the application 'web'")
    assert "pg_terminate_backend" not in found["cure"]


def test_whoever_holds_a_lock_is_named_with_how_to_end_it() -> None:
    """A prepared transaction has no process: only a decision ends it."""
    prepared = culprits.of_blocker("reading.loans", "reading", None, "", "", "", "it's")
    process = culprits.of_blocker("reading.loans", "reading", 4711, "app", "psql", "idle in transaction", None)

    assert prepared["cure"].endswith("commit prepared 'it''s', or rollback prepared 'it''s'")
    assert process["cure"].endswith("select pg_terminate_backend(4711)")
    assert process["reason"] == (
        "holds a lock on reading.loans (user app, the application 'psql', which is idle in transaction)"
    )


@pytest.mark.parametrize(
    ("said", "type_", "identity", "cure"),
    [
        ("permission denied for table loans", "table", "loans", "grant what is missing on table loans to librarian"),
        (
            "must be owner of materialized view m",
            "materialized view",
            "m",
            "alter materialized view m owner to librarian",
        ),
        ("something else", "role", "librarian", "connect as the owner"),
    ],
)
def test_what_a_role_may_not_touch_is_named(said: str, type_: str, identity: str, cure: str) -> None:
    """Taken from the server's own sentence; where that names nothing, the role is what lacks something."""
    found = culprits.of_denied(said, "librarian")

    assert (found["type"], found["identity"]) == (type_, identity)
    assert cure in found["cure"]


@pytest.mark.parametrize(
    ("context", "identity"),
    [
        ("PL/pgSQL function public.guard() line 3 at RAISE\nSQL statement …", "public.guard()"),
        ("", "of the database's own"),
    ],
)
def test_a_guard_is_named_by_its_function(context: str, identity: str) -> None:
    """Whoever made it can be asked."""
    assert culprits.of_guard(context, "no")["identity"] == identity


@pytest.mark.parametrize("kind", ["written", "lost", "changed", "not empty", "not forgotten", "a kind of tomorrow"])
def test_what_changed_though_it_was_to_stay_is_named(kind: str) -> None:
    """Each kind with where to look for who did it."""
    found = culprits.of_broken(f"{kind}: members.people")

    assert (found["identity"], bool(found["reason"]), bool(found["cure"])) == ("members.people", True, True)


def test_a_table_that_was_written_to_is_named_as_a_table() -> None:
    """Not by the fingerprint's words for it."""
    assert (
        culprits.of_broken("written: rows written by this transaction in members.people")["identity"]
        == "members.people"
    )


@pytest.mark.parametrize(
    ("relation", "reason"),
    [
        (None, "does not exist"),
        (Relation(schema="r", name="v", oid=1, kind=RelationKind.VIEW), "is a view: it is not emptied"),
        (
            Relation(schema="r", name="c", oid=1, kind=RelationKind.TABLE, role=Role.CHECKPOINTS),
            "holds checkpoints: it is not emptied",
        ),
    ],
    ids=["absent", "a view", "positions"],
)
def test_a_table_that_cannot_be_emptied_says_why(relation: Relation | None, reason: str) -> None:
    """Absent, of another kind, or not the projector's to empty."""
    assert unfit.of_missing(table("r.t"), relation)["reason"] == reason


def test_a_slip_in_a_name_is_answered_with_the_name() -> None:
    """A capital letter, or nearly the same word."""
    meant = {name: unfit.of_missing(table(name), None, ("t", "loans"))["cure"] for name in ("r.T", "r.loan", "r.x")}

    assert meant["r.T"].endswith("; did you mean r.t?")
    assert meant["r.loan"].endswith("; did you mean r.loans?")
    assert "did you mean" not in meant["r.x"]


@pytest.mark.parametrize(
    ("named", "cure"),
    [
        ("text search parser reading.p", "alter text search parser reading.p set schema shared"),
        ("operator class reading.o USING btree", "alter operator class reading.o using btree set schema shared"),
        ("access method x", "drop access method x"),
    ],
)
def test_what_nobody_knows_how_to_drop_is_moved_or_dropped_by_hand(named: str, cure: str) -> None:
    """By its whole type, which may be several words."""
    assert cure in unfit.of_undroppable(named, "reading")["cure"]


@pytest.mark.parametrize("outsider", [o for o, c in CLASSES.values() if c.startswith("alter ")], ids=str)
def test_a_bare_statement_is_one_that_sql_knows(outsider: Outsider) -> None:
    """What begins like a statement is nothing but statements."""
    for statement in sqlparse.parse(cure_for(outsider, AROUND)):
        assert statement.get_type() == "ALTER"
