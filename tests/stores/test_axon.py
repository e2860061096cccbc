"""layout = "axon", on tables made by hand as its repository describes them: untried against the library itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.stores.stage import Run, Stage

MANIFEST = """
version = 1
[schemas.axon]
kind = "event_store"
layout = "axon"
[schemas.views]
kind = "projection"
migrations = "views"
[projectors."com.shop.cards"]
tables = ["views.cards"]
[projectors.reports]
tables = ["views.reports"]
[subscriptions.payment-saga]
replay = "never"
"""
VIEWS = "create table views.cards (id int primary key); create table views.reports (id int primary key);"
STORE = """
create table axon.domain_event_entry (global_index bigint primary key, aggregate_identifier varchar(255) not null,
  sequence_number bigint not null, type varchar(255), event_identifier varchar(255) not null unique, payload bytea,
  payload_type varchar(255), time_stamp varchar(255), unique (aggregate_identifier, sequence_number));
create table axon.snapshot_event_entry (aggregate_identifier varchar(255), sequence_number bigint, type varchar(255),
  primary key (aggregate_identifier, sequence_number, type));
create table axon.token_entry (processor_name varchar(255), segment int, token bytea, token_type varchar(255),
  "timestamp" varchar(255), owner varchar(255), primary key (processor_name, segment));
insert into axon.domain_event_entry select n, 'card', n, 'Card', n::text, '{}' from generate_series(1, 30) n;
insert into axon.token_entry values
  ('__config', 0, 'secret', 'org.axonframework.eventhandling.tokenstore.ConfigToken', '2026-01-01T00:00:00Z', null),
  ('com.shop.cards', 0, '{"index":30,"gaps":[]}', 'org.axonframework.eventhandling.GapAwareTrackingToken', '2026-01-01T00:00:00Z', null),
  ('com.shop.cards', 1, '{"index":29,"gaps":[]}', 'org.axonframework.eventhandling.GapAwareTrackingToken', '2026-01-01T00:00:00Z', '4711@node'),
  ('reports', 0, '{"index":30,"gaps":[]}', 'org.axonframework.eventhandling.GapAwareTrackingToken', '2026-01-01T00:00:00Z', null),
  ('payment-saga', 0, '{"index":30,"gaps":[]}', 'org.axonframework.eventhandling.GapAwareTrackingToken', '2026-01-01T00:00:00Z', null);
insert into views.cards values (1);
insert into views.reports values (1);
"""


@pytest.fixture
def cards(database: Database, run_cli: Run, tmp_path: Path) -> Stage:
    """A store with 30 events, two processors, one of them with two segments, and a saga."""
    database.execute("create schema axon")
    made = Stage.staged(tmp_path, database, run_cli, MANIFEST, views=VIEWS)
    made.done("create")
    made.done("migrate")
    database.execute(STORE)
    return made


def tokens(cards: Stage) -> list[tuple[Any, ...]]:
    return cards.database.execute("select processor_name, segment from axon.token_entry order by 1, 2")


def test_a_reset_deletes_the_tokens_of_every_segment(cards: Stage) -> None:
    """Opaque as they are; `__config` and the saga, which must not be replayed, keep theirs."""
    cards.reset("--projections")

    assert tokens(cards) == [("__config", 0), ("payment-saga", 0)]
    assert (cards.database.rows("views.cards"), cards.database.rows("axon.domain_event_entry")) == (0, 30)


def test_an_opaque_place_is_unknown_and_never_compared(cards: Stage) -> None:
    """Its type is shown, no lag is made up; without a token it is known to begin at the beginning."""
    found = {p["projector"]: p for p in cards.done("status", "--json").json["result"]["projectors"]}
    assert (found["reports"]["position"], found["reports"]["lag"]) == ("GapAwareTrackingToken", None)
    waited = cards.run("rebuild", "wait", "--timeout", "0", "--json")
    assert {f["code"] for f in waited.json["result"]["findings"]} == {"progress_unknown"}

    cards.reset("--projector", "reports")
    found = {p["projector"]: p for p in cards.done("status", "--json").json["result"]["projectors"]}
    assert (found["reports"]["position"], found["reports"]["lag"]) == (None, 30)


def test_a_fresh_claim_is_a_running_processor(cards: Stage) -> None:
    """An owner whose claim is older than its timeout is nobody any more."""
    fresh = 'update axon.token_entry set "timestamp" = to_char(now() at time zone \'utc\', \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') where segment = 1'
    cards.database.execute(fresh)
    refused = cards.run("reset", "--projections", "--confirm", "DELETE", "--json")

    assert (refused.status, refused.code) == (6, "projectors_live")
    assert "com.shop.cards (claimed by 4711@node)" in refused.json["errors"][0]["message"]
    cards.reset("--projections", "--wait-for-projectors", "30")  # until the claim is too old to count
    assert tokens(cards) == [("__config", 0), ("payment-saga", 0)]


def test_reset_events_keeps_what_is_the_librarys_own(cards: Stage) -> None:
    """Events, snapshots and every token go; `__config` stays."""
    cards.reset("--events", confirm="DELETE ALL EVENTS")

    assert tokens(cards) == [("__config", 0)]
    assert cards.database.rows("axon.domain_event_entry") == 0
