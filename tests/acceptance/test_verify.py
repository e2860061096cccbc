"""`verify` on real databases: one of each kind of finding, and a healthy one that has none."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Database, Result

RunCli = Callable[..., Result]


def found(run_cli: RunCli, database: Database, **facts: Any) -> dict[str, dict[str, str]]:
    """The findings by code and subject, as programs read them; the exit status fits."""
    done = run_cli("--json", "verify", database=database, **facts)
    findings = done.json["result"]["findings"]
    assert done.status == (4 if any(f["severity"] != "note" for f in findings) else 0), done.out + done.err
    return {f"{f['code']} {f['subject']}": f for f in findings}


def test_a_healthy_database_has_no_findings(run_cli: RunCli, filled: Database) -> None:
    """Everything made by `up`, filled and caught up: exit 0, one line that says what was looked at, nothing written."""
    before = filled.snapshot()
    done = run_cli("verify", database=filled)

    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Checked 4 schemas, ")
    assert done.out.endswith("6 projectors, 11 positions, 8 guards: nothing was found.\n")
    assert filled.snapshot() == before


# What is done to a database, and exactly what is found then. Several a database: they do not touch each other.
Broken = dict[str, tuple[str, set[str]]]
STORE: Broken = {
    "a table that the install SQL does not know": ("create table events.mine (id int)", {"made_by_nobody events.mine"}),
    "no guard": ("drop trigger balados_no_truncate on events.streams", {"guard_missing events.streams"}),
    "a disabled guard": (
        "alter table events.events disable trigger no_delete_events",
        {"guard_disabled events.events"},
    ),
    "a hollow guard": (
        "create or replace function events.event_store_exception() returns trigger language plpgsql as"
        " 'begin return null; end'; alter table events.events disable trigger no_update_events",
        {"guard_hollow events.stream_events", "guard_hollow events.events"},
    ),
    "no notification": ("drop trigger event_notification on events.streams", {"trigger_missing events.streams"}),
    "positions ahead of the head": (
        "update events.projection_versions set last_seen_event_number = 21 where projection_name = 'PlayStatusesProjector';"
        "update events.subscriptions set last_seen = 30 where subscription_name = 'PlaylistsProjector'",
        {"ahead_of_head PlayStatusesProjector", "ahead_of_head PlaylistsProjector"},
    ),
    "a position that is NULL": (
        "update events.projection_versions set last_seen_event_number = null where projection_name = 'PopularityProjector'",
        {"position_null PopularityProjector"},
    ),
    "names that nobody declared": (
        "insert into events.projection_versions values ('Ghost', 3, now(), now());"
        "insert into events.subscriptions (stream_uuid, subscription_name, last_seen) values ('$all', 'Mailer', 3)",
        {"position_undeclared Ghost", "position_undeclared Mailer"},
    ),
    "a projector that lags": (
        "delete from events.subscriptions where subscription_name = 'CollectionsProjector'",
        {"lagging CollectionsProjector", "projector_without_checkpoint CollectionsProjector"},
    ),
}
POSITIONS: Broken = {
    "another layout's table elsewhere, which knows a declared projector": (
        "create table system.projection_versions (projection_name text primary key, last_seen_event_number bigint);"
        "insert into system.projection_versions values ('PopularityProjector', 20), ('Ghost', 1)",
        {
            "checkpoints_undeclared system.projection_versions",
            "structure_drifted system",
            "made_by_nobody system.projection_versions",
        },
    ),
    "a table that looks so, in a schema that nobody declared": (
        'create schema "od d"; create table "od d"."my Offsets" (consumer text, topic text, "last_offset" bigint, unique (consumer, topic))',
        {"checkpoints_undeclared od d.my Offsets", "schema_undeclared od d", "tables_unclassified od d"},
    ),
    "a table of a layout that only its preset can read": (
        'create table "od d".mt_event_progression (name varchar primary key, last_seq_id bigint)',
        {"checkpoints_undeclared od d.mt_event_progression"},
    ),
    "tables that look otherwise": (
        'create table "od d".subscriptions (id bigint primary key, email text unique, feed text);'
        'create table "od d".employees (name text primary key, position text);'
        'create table "od d".checkpoints (name text, position bigint)',
        set(),
    ),
    "a projector that nothing remembers any more, with rows": (
        "delete from events.subscriptions where subscription_name = 'PopularityProjector';"
        "delete from events.projection_versions where projection_name = 'PopularityProjector'",
        {"projector_without_checkpoint PopularityProjector", "lagging PopularityProjector"},
    ),
    "an empty table that no projector declares": (
        "create table users.drafts (id int)",
        {"table_undeclared users.drafts", "made_by_nobody users.drafts", "structure_drifted users"},
    ),
}
BORDER: Broken = {
    "a schema that nobody declared": (
        "create schema billing; create table billing.invoices (id int)",
        {"schema_undeclared billing", "tables_unclassified billing"},
    ),
    "a view over a projection": (
        "create schema reports; create view reports.feeds as select rss_source_feed from users.subscriptions",
        {"schema_undeclared reports", "depends_on_projection reports.feeds"},
    ),
    "a foreign key to a projection": (
        "create table billing.paid (feed uuid references users.subscriptions (id))",
        {"depends_on_projection paid_feed_fkey on billing.paid"},
    ),
    "an extension": ("create extension pg_trgm schema users", {"extension_in_projection pg_trgm"}),
    "a table and a view that no migration made": (
        "create table users.stray (id serial primary key, note text); create view users.peek as select note from users.stray",
        {"structure_drifted users", "made_by_nobody users.stray", "made_by_nobody users.peek"},
    ),
    "rows that nobody rebuilds": ("insert into users.stray (note) values ('lost')", {"rebuilt_by_nobody users.stray"}),
}
STRUCTURE: Broken = {
    "an event table's trigger whose function lies in a projection": (
        "create function users.refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end';"
        "create trigger also_refuse before truncate on events.snapshots for each statement execute function users.refuse()",
        {
            "structure_drifted users",
            "made_by_nobody users.refuse()",
            "depends_on_projection also_refuse on events.snapshots",
        },
    ),
    "a trigger that no migration made": (
        "create trigger hand_made before truncate on users.playlists for each statement execute function users.refuse()",
        {"made_by_nobody users.playlists.hand_made"},
    ),
    "a partition elsewhere": (
        "create table users.days (day int) partition by list (day);"
        "create table system.days_1 partition of users.days for values in (1)",
        {
            "made_by_nobody users.days",
            "table_undeclared users.days",
            "structure_drifted system",
            "made_by_nobody system.days_1",
            "inherits_across system.days_1",
        },
    ),
    "a table that its projector misses": (
        "alter table users.playlist_items rename to items",
        {"made_by_nobody users.items", "table_undeclared users.items", "projector_table_missing users.playlist_items"},
    ),
    "an event store in a projection schema": (
        "".join(
            f"create table public.{name} ();"
            for name in ("streams", "stream_events", "events", "subscriptions", "snapshots")
        ),
        {"event_store_hidden public", "structure_drifted public"}
        | {
            f"{code} public.{name}"
            for code in ("made_by_nobody", "table_undeclared")
            for name in ("streams", "stream_events", "events", "subscriptions", "snapshots")
        },
    ),
}


@pytest.mark.parametrize(
    "broken", [STORE, POSITIONS, BORDER, STRUCTURE], ids=["store", "positions", "border", "structure"]
)
def test_verify_finds_exactly_what_is_broken(run_cli: RunCli, filled: Database, broken: Broken) -> None:
    """Every one of these, and nothing else; each with words and something to do. Nothing is written."""
    for statement, _ in broken.values():
        filled.execute(statement)
    before = filled.snapshot()
    findings = found(run_cli, filled)

    assert set(findings) == set().union(*(expected for _, expected in broken.values()))
    assert [f["message"] for f in findings.values() if not f["cure"] and f["code"] != "lagging"] == []
    assert filled.snapshot() == before


def test_the_recorded_structure_proves_what_is_strange(run_cli: RunCli, filled: Database) -> None:
    """A table without which the structure is the recorded one is surely strange; after other changes only its name tells."""
    filled.execute("create table users.stray (id serial primary key)")
    proved = found(run_cli, filled)["made_by_nobody users.stray"]
    filled.execute("alter table users.playlists add note text")
    told = found(run_cli, filled)["made_by_nobody users.stray"]

    assert (proved["severity"], told["severity"]) == ("error", "warning")
    assert "exactly the recorded one" in proved["message"]


def test_words_and_json_say_the_same(run_cli: RunCli, filled: Database) -> None:
    """In words the findings are the answer, with what to do about them."""
    filled.execute("drop trigger event_notification on events.streams")
    finding = found(run_cli, filled)["trigger_missing events.streams"]
    done = run_cli("--quiet", "verify", database=filled)

    assert done.status == 4
    assert done.out.splitlines()[1:] == [f"finding: {finding['message']}", f"  → {finding['cure']}"]


@pytest.fixture
def reader(filled: Database) -> Iterator[Callable[..., Database]]:
    """A login that may read only what it is granted."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    filled.execute(f"create role {name} login password 'secret-Kx9'")
    try:

        def granted(*rights: str) -> Database:
            for right in rights:
                filled.execute(f"grant {right} to {name}")
            parts = psycopg.conninfo.conninfo_to_dict(filled.url)
            where = f"{parts['host']}:{parts['port']}/{filled.name}"
            return Database(filled.name, f"postgresql://{name}:secret-Kx9@{where}")

        yield granted
    finally:
        filled.execute(f"drop owned by {name}; drop role {name}")


def test_a_reader_of_everything_sees_everything(run_cli: RunCli, reader: Callable[..., Database]) -> None:
    """Verifying needs no right to write, nor to own."""
    assert found(run_cli, reader("pg_read_all_data")) == {}


def test_what_cannot_be_seen_is_said(run_cli: RunCli, filled: Database, reader: Callable[..., Database]) -> None:
    """A login that may read next to nothing is told so, as notes, and is told all the rest."""
    nothing = found(run_cli, reader())
    filled.execute("drop trigger event_notification on events.streams")
    more = found(run_cli, reader("usage on schema events, users", "select on all tables in schema events, users"))

    assert {f["code"] for f in nothing.values()} == {"not_seen"}
    assert {f["severity"] for f in nothing.values()} == {"note"}
    assert {s.partition(".")[0] for s in nothing} == {
        f"not_seen {s}" for s in ("balados_db", "system", "users", "public", "events")
    }
    assert {s.partition(".")[0] for s, f in more.items() if f["code"] == "not_seen"} == {
        f"not_seen {s}" for s in ("balados_db", "system", "public")
    }
    assert [f["code"] for f in more.values() if f["code"] != "not_seen"] == ["trigger_missing"]


def test_a_database_that_is_not_made_yet(run_cli: RunCli, database: Database) -> None:
    """An empty database lacks every schema and the event store; nobody is blamed for tables that are to come."""
    assert {f["code"] for f in found(run_cli, database).values()} == {
        "schema_missing",
        "migrations_pending",
        "event_store_missing",
    }
