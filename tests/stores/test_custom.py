"""layout = "custom": every example of docs/event-stores.md, as it stands there, on tables made by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Database
from tests.stores.stage import Run, Stage

EXAMPLES = dict(
    re.findall(r"^### ([^\n]+)\n.*?^```toml\n(.*?)^```", (ROOT / "docs" / "event-stores.md").read_text(), re.M | re.S)
)
SCHEMA = {"Rails Event Store": "store", "SQLStreamStore": "streams", "Equinox and Propulsion": "message_store"}
VIEWS = """
[schemas.views]
kind = "projection"
migrations = "views"
"""
TABLES = {
    "Rails Event Store": """
        create table store.event_store_events (id bigserial primary key, event_id uuid not null unique, event_type text, data bytea);
        create table store.event_store_events_in_streams (id bigserial primary key, stream text not null, event_id uuid not null);
        insert into store.event_store_events (event_id) select gen_random_uuid() from generate_series(1, 5);
    """,
    "SQLStreamStore": """
        create sequence streams.messages_seq start 0 minvalue 0; create sequence streams.streams_seq;
        create table streams.streams (id char(42) primary key, id_original text, version int default -1, position bigint default -1);
        create table streams.messages (stream_id_internal int, position bigint primary key default nextval('streams.messages_seq'));
        create table views.checkpoints (name text primary key, position bigint);
        insert into streams.messages (stream_id_internal) select 1 from generate_series(1, 5);
        insert into views.checkpoints values ('Orders', 4), ('Emails', 3);
    """,
    "Equinox and Propulsion": """
        create table message_store.messages (global_position bigserial primary key, position bigint, stream_name text);
        create table message_store.propulsion_checkpoint (source text, tranche text, consumer_group text, position bigint,
          primary key (source, tranche, consumer_group));
        insert into message_store.messages (position, stream_name) select n, 'order-1' from generate_series(1, 5) n;
        insert into message_store.propulsion_checkpoint values
          ('order', '0', 'Orders', 5), ('invoice', '0', 'Orders', 4), ('order', '0', 'Emails', 3);
    """,
    "patchlevel/event-sourcing": """
        create table store.event_store (id bigserial primary key, aggregate text, playhead int, recorded_on timestamptz);
        create table store.subscriptions (id text primary key, group_name text, run_mode text, status text, position int not null,
          error_message text, retry_attempt int not null);
        insert into store.event_store (playhead) select n from generate_series(1, 5) n;
        insert into store.subscriptions values
          ('orders', 'default', 'from_beginning', 'error', 4, 'no such column', 3), ('emails', 'default', 'from_now', 'active', 5, null, 0);
    """,
    "prooph": """
        create table store.event_streams (no bigserial primary key, real_stream_name text, stream_name char(41));
        create table store._2f3c (no bigserial primary key, event_id uuid, event_name text, payload json);
        create table store.projections (no bigserial primary key, name text unique, position jsonb, state jsonb, status text, locked_until char(26));
        insert into store._2f3c (event_name) select 'placed' from generate_series(1, 5);
        insert into store.projections (name, position, state, status) values ('orders', '{"order": 5}', '{"n": 5}', 'idle');
    """,
}
# What the tables of positions hold before and after.
PLACES = {
    "SQLStreamStore": ("views.checkpoints", "name, position", [("Emails", 3), ("Orders", None)]),
    "Equinox and Propulsion": ("message_store.propulsion_checkpoint", "consumer_group, position", [("Emails", 3)]),
    "patchlevel/event-sourcing": (
        "store.subscriptions",
        "id, status, position, error_message, retry_attempt",
        [("emails", "active", 5, None, 0), ("orders", "new", 0, None, 0)],
    ),
    "prooph": ("store.projections", "name, position, state, status", [("orders", {}, None, "idle")]),
}
EMAILS = '\n[subscriptions.Emails]\nreplay = "never"\n'
every_example = pytest.mark.parametrize("name", sorted(TABLES))


@pytest.fixture
def example(database: Database, run_cli: Run, tmp_path: Path) -> Callable[[str], Stage]:
    """A project as the example has it, with five events and a row to be rebuilt."""

    def make(name: str) -> Stage:
        schema = SCHEMA.get(name, "store")
        database.execute(f"create schema {schema}")
        views = "create table views.orders (id int primary key);"
        made = Stage.staged(tmp_path, database, run_cli, f"version = 1\n{VIEWS}{EXAMPLES[name]}{EMAILS}", views=views)
        made.done("create")
        made.done("migrate")
        database.execute(TABLES[name])
        database.execute("insert into views.orders values (1)")
        return made

    return make


def events(made: Stage, name: str) -> dict[str, Any]:
    """Everything in the store but the places."""
    table = PLACES[name][0] if name in PLACES else ""
    return {k: f for k, f in made.database.snapshot(SCHEMA.get(name, "store")).items() if table not in k or not table}


def test_every_example_is_tried() -> None:
    """The page and this module speak of the same stores."""
    assert set(EXAMPLES) == set(TABLES)


@every_example
def test_an_example_forgets_what_it_should_and_nothing_else(name: str, example: Callable[[str], Stage]) -> None:
    """Projections emptied, the projector's own places at the beginning, everybody else's and all events as they were."""
    made = example(name)
    before = events(made, name)

    made.reset("--projections")

    assert made.database.rows("views.orders") == 0
    assert events(made, name) == before
    if name in PLACES:
        table, columns, rows = PLACES[name]
        assert made.database.execute(f"select {columns} from {table} order by 1") == rows


def test_zero_is_a_place_where_the_first_event_has_that_number(example: Callable[[str], Stage]) -> None:
    """Five events from 0 to 4: at 4 nothing is left, at NULL all five are; numbering starts at 0 again."""
    made = example("SQLStreamStore")
    assert [p["lag"] for p in made.done("status", "--json").json["result"]["projectors"]] == [0]
    made.reset("--projections")
    assert [p["lag"] for p in made.done("status", "--json").json["result"]["projectors"]] == [5]
    assert "position_null" not in made.run("verify", "--json").out

    made.reset("--events", confirm="DELETE ALL EVENTS")
    assert made.database.value("select nextval('streams.messages_seq')") == 0


def test_a_lock_in_a_table_is_a_running_projection(example: Callable[[str], Stage]) -> None:
    """The probe of a manifest counts as one of a preset does."""
    made = example("prooph")
    made.database.execute(
        "update store.projections set locked_until = to_char(now() at time zone 'utc' + interval '1 minute', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    )

    refused = made.run("reset", "--projections", "--confirm", "DELETE", "--json")

    assert (refused.status, refused.code) == (6, "projectors_live")
    assert made.database.rows("views.orders") == 1


def test_a_store_without_places_says_what_it_cannot_do(example: Callable[[str], Stage]) -> None:
    """Nobody can tell how far a rebuild is, and the plan says that the application must publish again."""
    made = example("Rails Event Store")
    said = made.done("reset", "--projections", "--dry-run", "--json").json
    waited = made.run("rebuild", "wait", "--timeout", "0", "--json")

    assert any("published again" in warning for warning in said["warnings"])
    assert {f["code"] for f in waited.json["result"]["findings"]} == {"progress_unknown"}
