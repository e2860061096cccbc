"""What `doctor` says about a login: what it could destroy, what would fail, what stands in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balados_db.model import DatabaseState, Manifest, TableName
from balados_db.planning.doctor import diagnose, of_version
from balados_db.planning.powers import (
    EventTrigger,
    Examination,
    Login,
    PreparedTransaction,
    SchemaPower,
    SessionFacts,
    TablePower,
    guards,
    powers,
    room,
)
from balados_db.planning.verify import Trigger
from tests.unit.builders import LAYOUT, LOG, MANIFEST, MEMBERS, STATE, also, declaring, in_database, in_identity

GUARDED = declaring(LOG, layout=replace(LAYOUT, guards={"events": ("update", "truncate")}))
GUARDS = (
    Trigger(table="events", name="no_update", fires_for=("update",)),
    Trigger(table="events", name="no_truncate", fires_for=("truncate",), always=True),
)
SESSION = SessionFacts(
    source="--url",
    server_version_num=180004,
    backend_pid=7,
    handshake_pid=7,
    sent={"search_path": "pg_catalog", "row_security": "off"},
    settings={"search_path": "pg_catalog", "row_security": "off", "statement_timeout": "0", "track_counts": "on"},
)
RIGHTS = {"insert": True, "update": True, "delete": True, "truncate": True, "lock": True}
ALL = {**RIGHTS, "drop": True, "own": True}


def tables(kept: dict[str, bool], projected: dict[str, bool]) -> tuple[TablePower, ...]:
    """A table of each kind of schema, and one of positions, with these rights."""
    return (
        TablePower(schema=MEMBERS, name="people", **kept),
        TablePower(schema=LOG, name="events", **kept),
        TablePower(schema=LOG, name="subscriptions", **{**kept, "delete": True}),
        TablePower(schema="reading", name="loans", **projected),
        TablePower(schema="balados_db", name="receipt", **RIGHTS),
    )


def schemas(drop: bool = False, make: bool = True) -> tuple[SchemaPower, ...]:
    return tuple(SchemaPower(name=s.name, drop=drop, make=make) for s in MANIFEST.schemas)


# A login that owns the projections and may only read the rest: what we would advise.
MODEST = Examination(
    session=SESSION,
    login=Login(role="app"),
    schemas=schemas(),
    tables=tables({}, ALL),
    triggers=GUARDS,
)
OWNER = replace(
    MODEST, login=Login(role="app", owns_database=True), schemas=schemas(drop=True), tables=tables(ALL, ALL)
)


def diagnosed(seen: Examination = MODEST, state: DatabaseState = STATE, manifest: Manifest = GUARDED) -> dict[str, str]:
    """Severities by code."""
    return {f.code: f.severity.value for f in diagnose(state, manifest, seen)}


def in_session(**facts: Any) -> Examination:
    return replace(MODEST, session=replace(SESSION, **facts))


def setting(**values: str) -> Examination:
    return in_session(settings={**SESSION.settings, **values})


PROJECTION = ("cannot_empty", "cannot_lock", "cannot_recreate")
PROTECTED = also(in_identity(environment="production"))
CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "a modest login": ({}, {}),
    "an old server": ({"seen": in_session(server_version_num=140011)}, {"server_too_old": "error"}),
    "the oldest supported server": ({"seen": in_session(server_version_num=150000)}, {}),
    "a server of tomorrow": ({"seen": in_session(server_version_num=190000)}, {"server_untested": "warning"}),
    "a standby": ({"state": also(in_identity(in_recovery=True, read_only=True))}, {"standby": "error"}),
    "a read-only database": ({"state": also(in_identity(read_only=True))}, {"read_only_database": "error"}),
    "sources that disagree": (
        {"seen": in_session(disagreement="dbname is a by x, b by y")},
        {"sources_disagree": "warning"},
    ),
    "a pooler": ({"seen": in_session(handshake_pid=-5)}, {"pooled": "note"}),
    "start-up options that did not arrive": ({"seen": setting(row_security="on")}, {"options_dropped": "warning"}),
    "a timeout": ({"seen": setting(statement_timeout="5000")}, {"timeout_in_force": "warning"}),
    "a timeout of newer servers": ({"seen": setting(transaction_timeout="1")}, {"timeout_in_force": "warning"}),
    "silenced triggers": ({"seen": setting(session_replication_role="replica")}, {"triggers_silenced": "error"}),
    "writes that nobody counts": ({"seen": setting(track_counts="off")}, {"writes_not_counted": "note"}),
    "little room for locks": ({"state": also(in_identity(lock_room=20))}, {"larger_than_a_transaction": "note"}),
    "an event trigger": (
        {"seen": replace(MODEST, event_triggers=(EventTrigger(name="no", event="sql_drop"),))},
        {"event_triggers": "note"},
    ),
    "an event trigger that is off": (
        {"seen": replace(MODEST, event_triggers=(EventTrigger(name="no", event="sql_drop", enabled=False),))},
        {},
    ),
    "a prepared transaction": (
        {"seen": replace(MODEST, prepared=(PreparedTransaction(gid="x", owner="app", tables=("reading.loans",)),))},
        {"prepared_transaction": "warning"},
    ),
    "a prepared transaction that holds nothing of ours": (
        {"seen": replace(MODEST, prepared=(PreparedTransaction(gid="x", owner="app"),))},
        {},
    ),
    "an owner": ({"seen": OWNER}, {"could_destroy": "note", "guards_removable": "note"}),
    "an owner in production": (
        {"seen": OWNER, "state": PROTECTED},
        {"could_destroy": "warning", "guards_removable": "warning"},
    ),
    "an owner of the database alone": (
        {"seen": replace(MODEST, login=Login(role="app", owns_database=True))},
        {"could_destroy": "note"},
    ),
    "a guard that is off": (
        {"seen": replace(MODEST, triggers=(GUARDS[0], replace(GUARDS[1], enabled=False)))},
        {"guard_disabled": "error"},
    ),
    "guards of a store that is not there": (
        {"seen": replace(MODEST, triggers=()), "state": also(in_database(event_store=False))},
        {},
    ),
    "a reader": ({"seen": replace(MODEST, tables=tables({}, {}))}, dict.fromkeys(PROJECTION, "warning")),
    "a writer": ({"seen": replace(MODEST, tables=tables({}, RIGHTS))}, {"cannot_recreate": "warning"}),
    "positions that cannot be forgotten": (
        {"seen": replace(MODEST, tables=tuple(replace(t, delete=False) for t in MODEST.tables))},
        {"cannot_forget": "warning"},
    ),
    "row security": (
        {
            "seen": replace(
                MODEST, tables=(*MODEST.tables, TablePower(schema="board", name="feed", row_security=True, **ALL))
            )
        },
        {"row_security": "warning"},
    ),
    "schemas that nothing can be made in": (
        {"seen": replace(MODEST, schemas=schemas(make=False))},
        {"cannot_migrate": "warning"},
    ),
    "records that cannot be written": (
        {"seen": replace(MODEST, tables=tuple(replace(t, insert=False) for t in MODEST.tables))},
        {"cannot_record": "warning"},
    ),
    "records that cannot be made": (
        {"seen": replace(MODEST, tables=MODEST.tables[:-1])},
        {"cannot_record": "warning"},
    ),
    "records that can be made": (
        {"seen": replace(MODEST, tables=MODEST.tables[:-1], login=Login(role="app", create_schema=True))},
        {},
    ),
    "owners that cannot be given back": (
        {"seen": replace(MODEST, not_restorable=("reading.loans: owner app",))},
        {"cannot_give_back": "warning"},
    ),
    "what cannot be seen": ({"seen": replace(MODEST, unseen=(TableName(LOG, "streams"),))}, {"not_seen": "note"}),
}


@pytest.mark.parametrize(("facts", "expected"), CASES.values(), ids=CASES)
def test_doctor_finds(facts: dict[str, Any], expected: dict[str, str]) -> None:
    """Each by its code, as grave as it is; and nothing else."""
    assert diagnosed(**facts) == expected


def test_the_supported_versions_are_the_contracts() -> None:
    """PostgreSQL 15 to 18."""
    silent = [major for major in range(12, 22) if not list(of_version(major * 10_000 + 3))]

    assert silent == [15, 16, 17, 18]


def test_the_deeds_of_an_owner_are_named() -> None:
    """In words: the database, schemas, tables; projections are nobody's loss."""
    said = next(str(f) for f in diagnose(STATE, GUARDED, OWNER) if f.code == "could_destroy")

    assert said == (
        "outside this tool, app could drop the database; drop schemas members, log; "
        "truncate tables (1 of members, 1 of log); delete rows of tables (1 of members, 1 of log); "
        "change rows of tables (1 of members, 1 of log); drop tables (1 of members, 1 of log)"
    )


def test_powers_are_counted_by_schema() -> None:
    """Every declared schema that is there, whatever its kind; positions are nobody's loss."""
    found = {p.schema: (p.kind, p.tables, p.truncate, p.delete, p.drop) for p in powers(GUARDED, MODEST)}

    assert found[LOG] == ("event_store", 1, 0, 0, 0)
    assert found["reading"] == ("projection", 1, 1, 1, 1)
    assert "reading" not in {p.schema for p in powers(GUARDED, replace(MODEST, schemas=schemas()[:1]))}


def test_guards_say_how_they_are_passed() -> None:
    """Ownership disables, a role silences what is not always on, and a store's own setting opens all but UPDATE."""
    mighty = replace(OWNER, login=replace(OWNER.login, silence_triggers=True))
    found = {g.against: (g.by, g.holds, g.lifted_by) for g in guards(GUARDED, mighty)}

    assert found == {
        "update": (("no_update",), True, ("disable the trigger", "set session_replication_role")),
        "truncate": (("no_truncate",), True, ("disable the trigger", "set eventstore.reset")),
        "drop": ((), False, ()),
    }
    assert {g.lifted_by for g in guards(GUARDED, MODEST)} == {(), ("set eventstore.reset",)}


def test_room_is_measured_with_tables_like_these() -> None:
    """How many fit follows from what the projections' own tables need."""
    found = room(STATE, GUARDED)

    assert found.locks == 6400
    assert found.emptying_needs == 10  # five tables with an index each
    assert found.tables_emptied == 3200
    assert found.tables_recreated < found.tables_emptied
