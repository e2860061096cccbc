"""layout = "marten", on tables made by hand as its repository describes them: untried against the library itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Database
from tests.stores.stage import Run, Stage

MANIFEST = """
version = 1
[schemas.log]
kind = "event_store"
layout = "marten"
[schemas.docs]
kind = "projection"
migrations = "docs"
[projectors.Trip]
tables = ["docs.mt_doc_trip"]
[projectors.Day]
tables = ["docs.mt_doc_day"]
"""
DOCS = """
create table docs.mt_doc_trip (id uuid primary key, data jsonb not null);
create table docs.mt_doc_day (id int primary key, data jsonb not null);
"""
STORE = """
create sequence log.mt_events_sequence;
create sequence log.mt_events_sequence_north;
create table log.mt_streams (id uuid primary key, type varchar, version bigint, tenant_id varchar default '*DEFAULT*');
create table log.mt_events (seq_id bigint primary key, id uuid not null, stream_id uuid, version bigint not null,
  data jsonb not null, type varchar(500) not null, timestamp timestamptz not null default now(), is_archived bool default false);
create table log.mt_event_progression (name varchar primary key, last_seq_id bigint, last_updated timestamptz default now(),
  heartbeat timestamptz, running_on_node int);
insert into log.mt_streams values ('00000000-0000-0000-0000-000000000001', 'Trip', 40);
insert into log.mt_events
  select nextval('log.mt_events_sequence'), gen_random_uuid(), '00000000-0000-0000-0000-000000000001', n, '{}', 'leg'
    from generate_series(1, 40) n;
select nextval('log.mt_events_sequence_north');
insert into log.mt_event_progression (name, last_seq_id) values
  ('HighWaterMark', 40), ('HighWaterMark:north', 12), ('Trip:All', 40), ('Trip:V2:All:north', 12), ('Day:All', 38);
insert into docs.mt_doc_trip values ('00000000-0000-0000-0000-000000000001', '{}');
insert into docs.mt_doc_day values (1, '{}');
"""


@pytest.fixture
def trips(database: Database, run_cli: Run, tmp_path: Path) -> Stage:
    """A store with 40 events and two projections, one of them with two shards."""
    database.execute("create schema log")
    made = Stage.staged(tmp_path, database, run_cli, MANIFEST, docs=DOCS)
    made.done("create")
    made.done("migrate")
    database.execute(STORE)
    return made


def places(trips: Stage) -> dict[str, int]:
    return dict(trips.database.execute("select name, last_seq_id from log.mt_event_progression"))


def test_a_reset_forgets_every_shard_and_no_high_water_mark(trips: Stage) -> None:
    """One projector's shards, versions and tenants go together; the marks in the same table are nobody's position."""
    status = {
        p["projector"]: (p["position"], p["lag"]) for p in trips.done("status", "--json").json["result"]["projectors"]
    }
    assert status == {"Trip": (12, 28), "Day": (38, 2)}  # of several shards the last one counts

    said = trips.reset("--projector", "Trip")

    assert places(trips) == {"HighWaterMark": 40, "HighWaterMark:north": 12, "Day:All": 38}
    assert (trips.database.rows("docs.mt_doc_trip"), trips.database.rows("docs.mt_doc_day")) == (0, 1)
    assert any("never tried" in w for w in said["warnings"])
    assert any("stop them first" in w for w in said["warnings"])
    trips.reset("--projections")
    assert places(trips) == {"HighWaterMark": 40, "HighWaterMark:north": 12}


def test_that_nobody_tried_it_is_said_wherever_somebody_looks(trips: Stage) -> None:
    """A check, a look and the reference say so, as a note: none of them fails because of it."""
    said = "layout 'marten' was never tried against the library itself"
    for command in (("manifest", "check"), ("status",), ("docs", "--out", "-")):
        result = trips.done(*command)
        assert said in result.out + result.err, command
    assert said in trips.run("verify").out


def test_a_heartbeat_is_a_running_daemon(trips: Stage) -> None:
    """Refused while it is fresh; a database without those columns cannot tell, and says so in every plan."""
    trips.database.execute(
        "update log.mt_event_progression set heartbeat = now(), running_on_node = 7 where name = 'Trip:All'"
    )
    refused = trips.run("reset", "--projections", "--confirm", "DELETE", "--json")
    assert (refused.status, refused.code) == (6, "projectors_live")
    assert "Trip (claimed by 7)" in refused.json["errors"][0]["message"]
    trips.reset("--projector", "Day")

    trips.database.execute("alter table log.mt_event_progression drop heartbeat, drop running_on_node")
    trips.reset("--projections")


def test_reset_events_takes_marks_and_numbers_along(trips: Stage) -> None:
    """Marten's clean-up does the same: events, streams, all progression, and each sequence starts anew."""
    trips.reset("--events", confirm="DELETE ALL EVENTS")

    assert {trips.database.rows(f"log.mt_{t}") for t in ("events", "streams", "event_progression")} == {0}
    for sequence in ("mt_events_sequence", "mt_events_sequence_north"):
        assert trips.database.value(f"select nextval('log.{sequence}')") == 1
