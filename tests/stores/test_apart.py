"""Events in a database of their own, in a store that has no locks: who runs is seen where the events lie."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.apart import Apart
from tests.conftest import Database
from tests.holding import Held
from tests.stores.stage import Run, eventually

EVENTS = 10
MANIFEST = """
version = 1
[database]
url = "${DATABASE_URL}"
[databases.events]
url = "${EVENTS_URL}"
[schemas.store]
kind = "event_store"
layout = "eventsourcing"
database = "events"
[schemas.sales]
kind = "projection"
migrations = "sales"
[projectors.Totals]
tables = ["sales.totals"]
"""
STORE = f"""
create schema store;
create table store.shop_events (originator_id uuid, originator_version int, topic text, state bytea,
  notification_id bigint primary key);
create table store.totals_tracking (application_name text primary key, notification_id bigint not null);
insert into store.shop_events select gen_random_uuid(), 1, 'Opened', '', n from generate_series(1, {EVENTS}) n;
insert into store.totals_tracking values ('Shop', {EVENTS}), ('__migration__', 1);
"""
TOTALS = "create table sales.totals (id bigint primary key, seen int not null);"
FENCE = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and application_name like 'balados-db/%' and state = 'idle in transaction'"
)
PROJECTIONS = ("reset", "--projections", "--confirm", "DELETE")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "0001_tables.sql").write_text(TOTALS)
    file = tmp_path / "balados-db.toml"
    file.write_text(MANIFEST)
    return file


@pytest.fixture
def apart(new_database: Callable[..., Database], manifest: Path, run_cli: Run) -> Apart:
    """Ten events in one database, and in the other what was made of them."""
    made = Apart(new_database(prefix="main"), new_database(prefix="events"))
    made.events.execute(STORE)
    done = run_cli("up", manifest=manifest, env=made.env)
    assert done.status == 0, done.err
    made.main.execute(f"insert into sales.totals select n, 1 from generate_series(1, {EVENTS}) n")
    return made


@pytest.fixture
def run(apart: Apart, manifest: Path, run_cli: Run) -> Run:
    return lambda *words: run_cli(*words, manifest=manifest, env=apart.env)


def positions(apart: Apart) -> list[tuple[Any, ...]]:
    return apart.events.execute("select * from store.totals_tracking order by 1")


def test_a_runner_is_seen_where_the_events_lie(apart: Apart, run: Run) -> None:
    """Exit 6, nothing changed in either; one that waits for it is done once it has stopped, `__migration__` kept."""
    with apart.events.connect(application_name="runner") as runner:
        runner.execute("listen shop_events")
        before = apart.snapshot()
        refused = run(*PROJECTIONS, "--json")
        waited = run(*PROJECTIONS, "--wait-for-projectors", "0.3", "--json")
        assert apart.snapshot() == before
        with ThreadPoolExecutor(1) as pool:
            patient = pool.submit(run, *PROJECTIONS, "--wait-for-projectors", "30", "--projector-grace", "0", "--json")
            eventually(lambda: apart.events.value(FENCE), "it waits behind its fence")
            time.sleep(0.5)
            assert not patient.done()
            assert positions(apart) == [("Shop", EVENTS), ("__migration__", 1)]
            runner.close()
            done = patient.result(60)

    for result in (refused, waited):
        error = result.json["errors"][0]
        assert (result.status, error["code"], error["database"]) == (6, "projectors_live", "events")
        assert "runner" in error["message"]
    assert done.status == 0, done.out
    assert apart.main.rows("sales.totals") == 0
    assert positions(apart) == [("__migration__", 1)]
    assert apart.events.rows("store.shop_events") == EVENTS


def test_who_runs_after_the_last_commit_is_named_there_too(apart: Apart, run: Run, manifest: Path) -> None:
    """Connected before, and seen to run only afterwards: it may have read its place before, and the answer says so."""
    steps = run("reset", "--projections", "--dry-run", "--json").json["plan"]["steps"]
    with apart.events.connect(application_name="runner") as runner:
        words = ("--manifest", str(manifest), *PROJECTIONS, "--projector-grace", "0.2")
        reset = Held(len(steps), *words, **apart.env)
        runner.execute("listen shop_events")
        done, pid = reset.go_on(), runner.info.backend_pid

    assert done.status == 0, done.out
    warned = [w for w in done.json["warnings"] if "may live on a position that was forgotten: restart it" in w]
    assert [f"process {pid}" in warning for warning in warned] == [True], done.json["warnings"]
