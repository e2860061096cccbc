"""A reset in several transactions, on stores whose projections no lock keeps out: killed in between, and resumed.

The tables are made by hand, and the projections are few lines of SQL that do what each library's own do with its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from balados_db.embedded import EmbeddedServer
from tests.conftest import Database
from tests.holding import Held
from tests.stores.stage import Run, Stage, eventually

TABLES = EVENTS = 80
ROOM = {"max_locks_per_transaction": "10", "max_connections": "12", "max_prepared_transactions": "0"}
EMPTY = ("reset", "--projections", "--empty")
PROJECTIONS = (*EMPTY, "--confirm", "DELETE", "--projector-grace", "0")


@dataclass(frozen=True)
class Kind:
    """A store by hand; `place` is where its one projection would start, `move` what it writes when it got to %(to)s."""

    projector: str
    tables: str
    numbers: str
    place: str
    move: str
    begun: list[tuple[Any, ...]]  # its positions once the first transaction is committed
    done: list[tuple[Any, ...]]  # and in the end
    positions: str


KINDS = {
    "eventsourcing": Kind(
        projector="Totals",
        tables=f"""
            create table store.shop_events (originator_id uuid, originator_version int, topic text, state bytea,
              notification_id bigint primary key);
            create table store.totals_tracking (application_name text primary key, notification_id bigint not null);
            insert into store.shop_events select gen_random_uuid(), 1, 'Opened', '', n from generate_series(1, {EVENTS}) n;
            insert into store.totals_tracking values ('__migration__', 1);
        """,
        numbers="select notification_id from store.shop_events order by 1",
        place="select coalesce(max(notification_id), 0) from store.totals_tracking where application_name = 'Shop'",
        move="insert into store.totals_tracking values ('Shop', %(to)s) on conflict (application_name) do update"
        " set notification_id = excluded.notification_id where excluded.notification_id > totals_tracking.notification_id",
        positions="select * from store.totals_tracking order by 1",
        begun=[("Shop", 0), ("__migration__", 1)],
        done=[("__migration__", 1)],
    ),
    "axon": Kind(
        projector="totals",
        tables=f"""
            create table store.domain_event_entry (global_index bigint primary key, aggregate_identifier text,
              sequence_number bigint);
            create table store.snapshot_event_entry (aggregate_identifier text);
            create table store.token_entry (processor_name text, segment int, token text, token_type text,
              "timestamp" text, owner text, primary key (processor_name, segment));
            insert into store.domain_event_entry select n, 'card', n from generate_series(1, {EVENTS}) n;
            insert into store.token_entry values ('__config', 0, 'secret', 'ConfigToken', '2026-01-01T00:00:00Z', null);
        """,
        numbers="select global_index from store.domain_event_entry order by 1",
        place="select coalesce(max(token::bigint), 0) from store.token_entry where processor_name = 'totals'",
        move="insert into store.token_entry values ('totals', 0, %(to)s::text, 'GapAwareTrackingToken', '2026-01-01T00:00:00Z')"
        " on conflict (processor_name, segment) do update set token = excluded.token",
        positions="select processor_name from store.token_entry order by 1",
        begun=[("__config",)],
        done=[("__config",)],
    ),
    "message-db": Kind(
        projector="account:position-totals",
        tables=f"""
            create table store.messages (global_position bigserial primary key, position bigint not null,
              stream_name text not null, type text, data jsonb, metadata jsonb, unique (stream_name, position));
            create function store.category(name text) returns text language sql as $$ select split_part(name, '-', 1) $$;
            insert into store.messages (position, stream_name, type, data)
            select 0, 'account-' || n, 'Opened', '{{}}' from generate_series(1, {EVENTS}) n;
        """,
        numbers="select global_position from store.messages where stream_name like 'account-%' order by 1",
        place="select coalesce((select (data ->> 'position')::bigint from store.messages"
        " where stream_name = 'account:position-totals' order by position desc limit 1), 0)",
        move="insert into store.messages (position, stream_name, type, data) select coalesce(max(position), -1) + 1,"
        " 'account:position-totals', 'Recorded', jsonb_build_object('position', %(to)s::bigint)"
        " from store.messages where stream_name = 'account:position-totals'",
        positions="select (data ->> 'position')::bigint from store.messages"
        " where stream_name = 'account:position-totals' order by position desc limit 1",
        begun=[(0,)],
        done=[(0,)],
    ),
}


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose transactions can hold about 120 locks by its settings."""
    server = EmbeddedServer(tmp_path_factory.mktemp("cramped") / "server", durable=False, settings=ROOM)
    yield server.start()
    server.discard()


@dataclass
class Following:
    """A store, the one projection that follows it, and the command."""

    kind: Kind
    stage: Stage

    @property
    def database(self) -> Database:
        return self.stage.database

    def project(self) -> None:
        """Read the place, count every event after it into a row of its own, write the place down."""
        with self.database.connect() as conn:
            place = conn.execute(self.kind.place).fetchone()
            numbers = [n for (n,) in conn.execute(self.kind.numbers) if place and n > place[0]]
            for n in numbers:
                table = f"views.many_{n % TABLES}"
                conn.execute(
                    f"insert into {table} values ({n}, 1) on conflict (id) do update set seen = {table}.seen + 1"
                )
            if numbers:
                conn.execute(self.kind.move, {"to": numbers[-1]})

    def shown(self) -> list[tuple[int, int]]:
        """Every row: an event, and how often it was seen. Each table is read alone, for want of locks."""
        with self.database.connect() as conn:
            return sorted(row for n in range(TABLES) for row in conn.execute(f"select * from views.many_{n}"))

    def positions(self) -> list[tuple[Any, ...]]:
        return self.database.execute(self.kind.positions)

    def phases(self) -> list[tuple[str, int]]:
        """Each transaction's name, and the number of its first step."""
        steps = self.stage.done(*EMPTY, "--dry-run", "--json").json["plan"]["steps"]
        first: dict[str, int] = {}
        for number, step in enumerate(steps, start=1):
            first.setdefault(step["phase"], number)
        return list(first.items())

    def killed_after(self, committed: int, phases: list[tuple[str, int]]) -> None:
        """A reset that ends like one whose machine does, between two transactions."""
        words = ("--manifest", str(self.stage.manifest), "--url", self.database.url, *PROJECTIONS)
        Held(phases[committed][1], *words).kill()
        ours = "select count(*) from pg_stat_activity where application_name like 'balados-db/%'"
        eventually(lambda: not self.database.value(ours), "the server has noticed")


@pytest.fixture
def following(request: pytest.FixtureRequest, cramped: str, run_cli: Run, tmp_path: Path) -> Following:
    """A store of the kind that is asked for, whose projection has seen every event."""
    layout: str = request.param
    kind, name = KINDS[layout], layout.replace("-", "_")
    with psycopg.connect(cramped, autocommit=True) as conn:
        conn.execute(f"drop database if exists {name} with (force)")
        conn.execute(f"create database {name} template template0 strategy file_copy")
    database = Database(name, cramped.rpartition("/")[0] + f"/{name}")
    tables = [f"views.many_{n}" for n in range(TABLES)]
    manifest = f"""
version = 1
[schemas.store]
kind = "event_store"
layout = "{layout}"
[schemas.views]
kind = "projection"
[projectors."{kind.projector}"]
tables = {tables}
"""
    made = Stage.staged(tmp_path, database, run_cli, manifest)
    with database.connect() as conn:
        conn.execute("create schema store; create schema views")
        conn.execute(kind.tables)
        for table in tables:
            conn.execute(f"create table {table} (id bigint primary key, seen int not null)")
    found = Following(kind, made)
    found.project()
    return found


ONCE = [(n, 1) for n in range(1, EVENTS + 1)]
TWICE = [(n, 2) for n in range(1, EVENTS + 1)]


@pytest.mark.parametrize(
    ("following", "before_the_last"),
    [("eventsourcing", False), ("eventsourcing", True), ("axon", False), ("message-db", False)],
    indirect=["following"],
)
def test_a_reset_that_was_killed_in_between_is_resumed_and_loses_nothing(
    following: Following, before_the_last: bool
) -> None:
    """Killed after the first transaction, or before the last; a projection runs in the gap; the same command finishes.

    Positions go to the origin before anything is emptied: where a number can be set the row stays, where it cannot the
    position is forgotten at once. So whoever starts in the gap reads everything again, and nobody goes on from the old
    place; the resumed reset empties what it wrote, and puts it back to the beginning once more.
    """
    assert following.shown() == ONCE
    phases = following.phases()
    assert [phases[0][0], phases[-1][0]] == ["begin", "finish"]
    assert len(phases) >= 4
    committed = len(phases) - 1 if before_the_last else 1

    following.killed_after(committed, phases)

    assert following.positions() == following.kind.begun
    assert following.shown() == ([] if before_the_last else ONCE)  # nothing is emptied before the positions are back
    status = following.stage.run("status", "--json")
    assert (status.status, status.json["result"]["unfinished"]["done"]) == (4, committed)
    following.project()
    assert following.shown() == (ONCE if before_the_last else TWICE)  # it read everything again

    following.stage.done(*PROJECTIONS)

    assert following.shown() == []
    assert following.positions() == following.kind.done
    assert following.database.value("select count(*) from balados_db.journal where ended_at is null") == 0
    following.project()
    assert following.shown() == ONCE
