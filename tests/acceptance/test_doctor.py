"""`doctor` on real databases and logins: what each could destroy, what would fail, and what stands in the way."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Database, Result
from tests.pooler import binary, pooler

RunCli = Callable[..., Result]


def examined(run_cli: RunCli, database: Database | None, **facts: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """The findings' severities by code, and the facts; the exit status fits."""
    done = run_cli("--json", "doctor", database=database, **facts)
    assert done.status in (0, 4), done.out + done.err
    result = done.json["result"]
    severities = {f["code"]: f["severity"] for f in result["findings"]}
    assert done.status == (4 if set(severities.values()) - {"note"} else 0), done.out + done.err
    return severities, result


def test_nothing_stands_in_the_way_of_an_owner(run_cli: RunCli, filled: Database) -> None:
    """Notes alone: what a login that owns everything could do outside of this tool. Nothing is written."""
    before = filled.snapshot()
    severities, result = examined(run_cli, filled)
    events = next(power for power in result["could_destroy"] if power["kind"] == "event_store")

    assert severities == {"could_destroy": "note", "guards_removable": "note"}
    assert result["connection"] == {
        "url_from": "--url",
        "pooled": False,
        "backend_pid": result["connection"]["handshake_pid"],
        "handshake_pid": result["connection"]["backend_pid"],
        "options_dropped": [],
    }
    assert events["drop_schema"]
    assert {events[deed] for deed in ("update", "delete", "truncate", "drop")} == {events["tables"]} == {5}
    assert {(g["against"], g["holds"]) for g in result["guards"]} == {
        ("update", True),
        ("delete", True),
        ("truncate", True),
        ("drop", False),
    }
    # Always enabled, as our own guard is, no replica role silences it.
    assert {g["against"] for g in result["guards"] if "set session_replication_role" in g["lifted_by"]} == {
        "update",
        "delete",
    }
    assert filled.snapshot() == before


def test_words_say_the_same(run_cli: RunCli, filled: Database) -> None:
    """People read tables of facts, then what is to be said about them."""
    done = run_cli("doctor", database=filled)

    assert (done.status, done.err) == (0, "")
    assert "URL from" in done.out
    assert "balados_no_truncate" in done.out
    assert "note: outside this tool, " in done.out


def test_a_protected_environment_makes_dangers_findings(run_cli: RunCli, filled: Database) -> None:
    """What is a note in development is something to change in production."""
    assert run_cli("environment", "set", "production", database=filled).status == 0

    assert examined(run_cli, filled)[0] == {"could_destroy": "warning", "guards_removable": "warning"}


# What is done to the database, and the finding that says so, in its severity.
OBSTACLES = {
    "alter database {0} set default_transaction_read_only = on": ("read_only_database", "error"),
    "alter database {0} set session_replication_role = replica": ("triggers_silenced", "error"),
    "alter database {0} set track_counts = off": ("writes_not_counted", "note"),
    "alter database {0} set idle_session_timeout = '1h'": ("timeout_in_force", "warning"),
    "alter table events.events disable trigger no_delete_events": ("guard_disabled", "error"),
    "create function system.refuse() returns event_trigger language plpgsql as 'begin raise exception ''no''; end';"
    "create event trigger refuse_{0} on sql_drop when tag in ('DROP SEQUENCE') execute function system.refuse()": (
        "event_triggers",
        "note",
    ),
}


def test_every_obstacle_is_found(run_cli: RunCli, filled: Database) -> None:
    """Settings, guards, event triggers and a prepared transaction, all at once; and each kind is said once."""
    with filled.connect() as conn, filled.connect() as late:
        for statement in OBSTACLES:
            conn.execute(statement.format(filled.name))
        late.execute(f"begin; update users.playlists set name = name; prepare transaction '{filled.name}'")
        try:
            severities, result = examined(run_cli, filled)
        finally:
            late.execute(f"rollback prepared '{filled.name}'")

    assert severities == {
        **dict(OBSTACLES.values()),
        "prepared_transaction": "warning",
        "could_destroy": "note",
        "guards_removable": "note",
    }
    assert result["server"]["prepared_transactions"] == [
        {"gid": filled.name, "owner": result["login"]["role"], "tables": ["users.playlists"]}
    ]
    assert any("track_counts=off (database " in text for text in result["set_for_this_login"])
    drop = next(g for g in result["guards"] if (g["table"], g["against"]) == ("events.events", "drop"))
    assert drop["by"] == [f"refuse_{filled.name}"]


def test_sources_that_disagree_are_said(run_cli: RunCli, filled: Database, database: Database) -> None:
    """A destructive command would refuse; which source won is a fact."""
    severities, result = examined(run_cli, None, env={"BALADOS_DB_URL": filled.url, "DATABASE_URL": database.url})

    assert severities["sources_disagree"] == "warning"
    assert result["connection"]["url_from"] == "BALADOS_DB_URL"


@pytest.mark.skipif(binary() is None, reason="no pgbouncer is at hand")
def test_a_pooler_shows_itself(run_cli: RunCli, filled: Database, server: str) -> None:
    """Another process answers than the one that works, and our start-up options did not arrive."""
    with pooler(server) as running:
        severities, result = examined(run_cli, running.in_front_of(filled))

    assert (severities["pooled"], severities["options_dropped"]) == ("note", "warning")
    assert "search_path" in result["connection"]["options_dropped"]


# ── other logins ─────────────────────────────────────────────────────────────────────────────────────────

Granted = Callable[..., Database]


@pytest.fixture
def login(filled: Database) -> Iterator[Granted]:
    """A login that may do only what it is granted."""
    name = f"login_{uuid.uuid4().hex[:8]}"
    filled.execute(f"create role {name} login password 'secret-Kx9'")
    try:

        def granted(*rights: str) -> Database:
            for right in rights:
                filled.execute(right.format(name))
            parts = psycopg.conninfo.conninfo_to_dict(filled.url)
            where = f"{parts['host']}:{parts['port']}/{filled.name}"
            return Database(filled.name, f"postgresql://{name}:secret-Kx9@{where}")

        yield granted
    finally:
        filled.execute(f"reassign owned by {name} to current_user; drop owned by {name}; drop role {name}")


def test_a_reader_could_destroy_nothing_and_reset_nothing(run_cli: RunCli, login: Granted) -> None:
    """What would fail is said before it does."""
    severities, result = examined(run_cli, login("grant pg_read_all_data to {}"))

    assert severities == dict.fromkeys(
        (
            *("cannot_empty", "cannot_lock", "cannot_recreate", "cannot_forget"),
            *("cannot_migrate", "cannot_record", "cannot_give_back"),
        ),
        "warning",
    )
    assert {power[deed] for power in result["could_destroy"] for deed in ("update", "delete", "truncate", "drop")} == {
        0
    }
    assert [guard["lifted_by"] for guard in result["guards"] if "disable the trigger" in guard["lifted_by"]] == []


def test_a_login_that_sees_nothing_is_told_so(run_cli: RunCli, login: Granted) -> None:
    """Without the right to read, what can be said is said, and the rest is named."""
    severities, result = examined(run_cli, login())

    assert severities["not_seen"] == "note"
    assert "could_destroy" not in severities
    assert "balados_db.structure" in result["unseen"]


def test_rights_to_write_are_not_ownership(run_cli: RunCli, filled: Database, login: Granted) -> None:
    """An application's role empties and deletes, row security permitting, but recreates and disables nothing."""
    for table in ("users.playlists", "events.projection_versions"):
        filled.execute(f"alter table {table} enable row level security")
    severities, result = examined(
        run_cli,
        login(
            "grant usage on schema system, users, public, events, balados_db to {}",
            *(
                f"grant all on all tables in schema {s} to {{}}"
                for s in ("system", "users", "public", "events", "balados_db")
            ),
        ),
    )
    assert result["unseen"] == ["events.projection_versions"]
    system = next(power for power in result["could_destroy"] if power["schema"] == "system")

    assert (system["truncate"], system["drop"], system["drop_schema"]) == (system["tables"], 0, False)
    assert severities == {
        "could_destroy": "note",
        "not_seen": "note",
        "row_security": "warning",
        "cannot_recreate": "warning",
        "cannot_migrate": "warning",
        "cannot_give_back": "warning",
    }
