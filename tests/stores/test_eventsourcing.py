"""layout = "eventsourcing", beside a real application and real projection runners of that library."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli
from psycopg import connect
from psycopg.conninfo import conninfo_to_dict

from balados_db.execution.positions import rewind
from balados_db.manifest.loading import load_manifest
from tests.conftest import ROOT, Database, Result, clean_environment
from tests.holding import Held
from tests.stores.stage import Application, Run, eventually, runner

if sys.version_info < (3, 11):
    pytest.skip("the library needs Python 3.11", allow_module_level=True)

MANIFEST = """
version = 1
[schemas.store]
kind = "event_store"
layout = "eventsourcing"
holds = "orders"
[schemas.sales]
kind = "projection"
migrations = "sales"
[projectors.Totals]
tables = ["sales.totals"]
[projectors.Customers]
tables = ["sales.customers"]
"""
TABLES = """
create table sales.totals (order_id text primary key, amount int not null);
create table sales.customers (customer text primary key, orders int not null);
"""
BOTH = ("Totals", "Customers")


class Shop(Application):
    """The stage, and the application on it."""

    def environment(self) -> dict[str, str]:
        parts = conninfo_to_dict(self.database.url)
        where = {
            f"POSTGRES_{k.upper()}": str(parts.get(k) or "") for k in ("dbname", "host", "port", "user", "password")
        }
        where["POSTGRES_PASSWORD"] = where["POSTGRES_PASSWORD"] or "unused"
        return clean_environment(PERSISTENCE_MODULE="eventsourcing.postgres", POSTGRES_SCHEMA="store", **where)

    def words(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.stores.shop", *arguments]

    def catch_up(self, *names: str) -> None:
        """Project everything there is."""
        self.app("project", *(names or BOTH), "--until", str(self.head()))

    @contextmanager
    def projecting(self, *names: str) -> Iterator[subprocess.Popen[bytes]]:
        """Runners that go on."""
        with self.going_on("project", *(names or BOTH)) as program:
            yield program

    def head(self) -> int:
        return int(self.database.value("select max(notification_id) from store.shop_events"))

    def place(self, name: str) -> int | None:
        rows = self.database.execute(
            f"select notification_id from store.{name.lower()}_tracking where application_name = 'Shop'"
        )
        return rows[0][0] if rows else None

    def shown(self) -> dict[str, list[Any]]:
        return {
            table: self.database.execute(f"select * from sales.{table} order by 1") for table in ("totals", "customers")
        }

    def kept(self) -> list[Any]:
        return [
            self.database.execute(
                f"select * from store.{name.lower()}_tracking where application_name = '__migration__'"
            )
            for name in BOTH
        ]


@pytest.fixture(scope="module")
def template(new_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with 12 orders (24 events), both projections caught up; to be cloned."""
    folder = tmp_path_factory.mktemp("shop")
    shop = Shop.staged(folder, new_database(prefix="template"), runner(folder), MANIFEST, sales=TABLES)
    shop.done("up")
    shop.app("sell", "12")
    shop.catch_up()
    return shop.database.name


@pytest.fixture
def shop(template: str, new_database: Callable[..., Database], run_cli: Run, tmp_path: Path) -> Shop:
    """An application with 12 orders (24 events), both projections caught up."""
    return Shop.staged(tmp_path, new_database(template), run_cli, MANIFEST, sales=TABLES)


def test_a_reset_is_followed_by_a_replay_to_equality(shop: Shop) -> None:
    """Stopped: emptied and forgotten in one go, events and `__migration__` kept, then rebuilt to the same rows."""
    clean, events, kept = shop.shown(), shop.database.snapshot("store"), shop.kept()

    said = shop.reset("--projections")

    assert shop.shown() == {"totals": [], "customers": []}
    assert (shop.place("Totals"), shop.place("Customers"), shop.kept()) == (None, None, kept)
    assert [row for rows in kept for row in rows] == [("__migration__", 1)] * 2
    unmoved = {key: fact for key, fact in shop.database.snapshot("store").items() if "_tracking" not in key}
    assert unmoved == {key: fact for key, fact in events.items() if "_tracking" not in key}
    assert any("no lock to keep projections out" in warning for warning in said["warnings"])
    shop.catch_up()
    assert shop.shown() == clean
    assert len(clean["totals"]) == 12


def test_one_projector_alone(shop: Shop) -> None:
    """Each projection has a tracking table of its own: the other's table and place stay."""
    clean, place = shop.shown(), shop.place("Customers")

    shop.reset("--projector", "Totals")

    assert (shop.shown(), shop.place("Customers")) == ({**clean, "totals": []}, place)
    shop.catch_up("Totals")
    assert shop.shown() == clean


def test_a_running_projection_is_refused(shop: Shop) -> None:
    """Its memory would survive: exit 6, nothing changed; once it has ended the reset goes, and no event is lost."""
    clean = shop.shown()
    with shop.projecting():
        eventually(lambda: shop.run("reset", "--projections", "--dry-run").status == 6, "it is seen")
        before = shop.database.snapshot()
        refused = shop.run("reset", "--projections", "--confirm", "DELETE", "--json")
        waited = shop.run("reset", "--projections", "--confirm", "DELETE", "--wait-for-projectors", "0.3", "--json")
        assert shop.database.snapshot() == before

    assert [(r.status, r.code) for r in (refused, waited)] == [(6, "projectors_live")] * 2
    shop.reset("--projections")
    shop.app("sell", "3")
    shop.catch_up()
    assert len(shop.shown()["totals"]) == 15
    assert shop.shown()["totals"] != clean["totals"]


def test_what_a_running_projection_would_do(shop: Shop) -> None:
    """Why it is refused: by hand, under a live runner, everything before the next event is lost without a word."""
    with shop.projecting():
        shop.database.execute("truncate sales.totals, sales.customers")
        shop.database.execute("delete from store.totals_tracking where application_name <> '__migration__'")
        shop.app("sell", "1")
        eventually(lambda: shop.shown()["totals"], "the new order is projected")
    shop.catch_up("Totals")
    assert len(shop.shown()["totals"]) == 1
    assert shop.place("Totals") == shop.head()


WAITS = (
    "select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and l.mode = 'AccessShareLock'"
    " and l.relation = 'store.totals_tracking'::regclass and a.application_name not like 'balados-db%'"
)


def test_a_runner_that_starts_during_a_reset_waits_and_replays_everything(shop: Shop) -> None:
    """It reads its place first: that waits until the reset has committed, and then there is none. No event is lost."""
    clean = shop.shown()
    reset = held_before_its_end(shop, "--projector-grace", "0")
    words = shop.words("project", *BOTH, "--until", str(shop.head()))
    log = shop.manifest.parent / "log"
    with log.open("wb") as said:
        starting = subprocess.Popen(words, env=shop.environment(), cwd=ROOT, stdout=said, stderr=said)
    try:
        eventually(lambda: shop.database.value(WAITS), "the runner waits to read its place")
        done = reset.go_on()
        assert done.status == 0, done.out
        assert starting.wait(60) == 0, log.read_text()
    finally:
        starting.kill()
        starting.wait()
        reset.kill()
    assert shop.shown() == clean
    assert (shop.place("Totals"), shop.place("Customers")) == (24, 23)


def test_who_begins_to_run_while_the_reset_waits_for_its_locks_is_refused(shop: Shop) -> None:
    """Nobody ran when it was planned, nor when the fence was set up: asked again under the locks, it is exit 6."""
    before = shop.database.snapshot()
    with shop.database.connect() as blocker, shop.database.connect() as runner, ThreadPoolExecutor(1) as pool:
        blocker.execute("begin; lock table sales.totals in access share mode")
        reset = pool.submit(
            shop.run, *("reset", "--projections", "--confirm", "DELETE", "--lock-timeout", "30", "--json")
        )
        waiting = "select count(*) from pg_locks where not granted and relation = 'sales.totals'::regclass"
        eventually(lambda: shop.database.value(waiting), "the reset waits for the table")
        runner.execute("listen shop_events")
        blocker.execute("commit")
        refused = reset.result(60)
    assert (refused.status, refused.code) == (6, "projectors_live")
    assert shop.database.snapshot() == before


def test_who_was_connected_before_and_runs_after_the_commit_is_named(shop: Shop) -> None:
    """It was not seen to run, but may have read its place before: a warning with its process, and the cure.

    Who connected after the commit is not named: it cannot have.
    """
    grace = 2.0
    with shop.database.connect(application_name="older") as older:
        reset = held_before_its_end(shop, "--projector-grace", str(grace))
        older.execute("listen shop_events")
        told: list[Result] = []
        going = threading.Thread(target=lambda: told.append(reset.go_on()))
        going.start()
        eventually(lambda: not shop.shown()["totals"], "the reset has committed")
        time.sleep(grace / 4)
        with shop.database.connect(application_name="newer") as newer:
            newer.execute("listen shop_events")
            going.join()

        assert told[0].status == 0, told[0].out
        warned = [w for w in told[0].json["warnings"] if "may live on a position that was forgotten: restart it" in w]
        assert len(warned) == 1, told[0].json["warnings"]
        assert f"process {older.info.backend_pid}" in warned[0]
        assert "older" in warned[0]


def held_before_its_end(shop: Shop, *options: str) -> Held:
    """A reset of all projections that has done everything but its last step, and committed nothing."""
    steps = shop.done("reset", "--projections", "--dry-run", "--json").json["plan"]["steps"]
    words = (
        "--manifest",
        str(shop.manifest),
        "--url",
        shop.database.url,
        "reset",
        "--projections",
        "--confirm",
        "DELETE",
    )
    return Held(len(steps), *words, *options)


def test_status_wait_and_verify_know_its_places(shop: Shop) -> None:
    """Head and lag in the application's own numbers; `__migration__` is nobody's position."""
    shop.app("sell", "2")
    behind = {p["projector"]: p for p in shop.done("status", "--json").json["result"]["projectors"]}
    late = shop.run("rebuild", "wait", "--timeout", "0", "--json")
    verified = shop.run("verify", "--json").json["result"]["findings"]
    shop.catch_up()

    assert (behind["Totals"]["head"], behind["Totals"]["lag"]) == (28, 4)
    assert behind["Customers"]["position"] == 23  # of the last event that it handles
    assert late.status == 4
    assert not [f for f in verified if "migration__" in f["message"] or f["code"] == "position_undeclared"]
    ended = shop.run("rebuild", "wait", "--timeout", "0", "--projector", "Totals", "--json")
    assert (ended.status, ended.json["result"]["caught_up"]) == (0, True)


def test_events_of_two_applications_have_numbers_of_their_own(shop: Shop) -> None:
    """A second application moves nobody's head: its events are not the shop's."""
    shop.app("take-back")
    found = {p["projector"]: p for p in shop.done("status", "--json").json["result"]["projectors"]}

    assert {p["head"] for p in found.values()} == {24}
    shop.reset("--projector", "Totals")
    found = {p["projector"]: p for p in shop.done("status", "--json").json["result"]["projectors"]}
    assert (found["Totals"]["head"], found["Totals"]["lag"]) == (
        None,
        None,
    )  # nobody knows which application it follows


def test_waiting_begins_before_the_projection_does(shop: Shop) -> None:
    """With two applications only its place tells what there is to see: until it has one it is waited for."""
    shop.app("take-back")
    shop.reset("--projector", "Totals")
    early = shop.run("rebuild", "wait", "--projector", "Totals", "--timeout", "0", "--json")
    assert (early.status, early.json["result"]["projectors"][0]["state"]) == (4, "not_begun")

    with ThreadPoolExecutor() as beside:
        waiting = beside.submit(shop.run, "rebuild", "wait", "--projector", "Totals", "--timeout", "50", "--json")
        shop.catch_up("Totals")
        ended = waiting.result()
    assert (ended.status, ended.json["result"]["projectors"][0]["goal"]) == (0, 24)


def test_the_application_that_is_last_counts(shop: Shop) -> None:
    """A projection that follows two of them has a place in each, and is caught up when it is in both."""
    shop.app("take-back")
    shop.database.execute("insert into store.totals_tracking values ('Returns', 0)")
    words = ("rebuild", "wait", "--projector", "Totals", "--timeout", "0", "--json")
    behind = shop.run(*words)
    shop.database.execute("update store.totals_tracking set notification_id = 1 where application_name = 'Returns'")

    assert (behind.status, behind.json["result"]["projectors"][0]["head"]) == (4, 1)
    assert shop.run(*words).status == 0


def test_reset_events_empties_events_snapshots_and_every_place(shop: Shop) -> None:
    """Numbers start at 1 again, and so does everybody who follows them; the library goes on as if nothing had been."""
    assert shop.database.rows("store.shop_snapshots") > 0

    shop.reset("--events", confirm="DELETE ALL EVENTS")

    assert (shop.database.rows("store.shop_events"), shop.database.rows("store.shop_snapshots")) == (0, 0)
    assert (shop.place("Totals"), shop.place("Customers")) == (None, None)
    assert [row for rows in shop.kept() for row in rows] == [("__migration__", 1)] * 2
    shop.reset("--projections")
    shop.app("sell", "2")
    assert shop.head() == 4
    shop.catch_up()
    assert len(shop.shown()["totals"]) == 2


def test_a_tracking_table_that_nobody_claims_is_refused(shop: Shop) -> None:
    """Else its projection would keep its place while its tables are emptied, or its events are gone."""
    shop.database.execute(
        "create table store.emails_tracking (application_name text primary key, notification_id bigint)"
    )
    before = shop.database.snapshot()

    for scope, phrase in (("--projections", "DELETE"), ("--events", "DELETE ALL EVENTS")):
        refused = shop.run("reset", scope, "--confirm", phrase, "--json")
        assert (refused.status, refused.code) == (5, "undeclared_positions")
        assert "store.emails_tracking" in refused.err + refused.out
    assert shop.database.snapshot() == before
    found = {(f["code"], f["subject"]) for f in shop.run("verify", "--json").json["result"]["findings"]}
    assert ("position_undeclared", "store.emails_tracking") in found


def test_a_tracking_table_of_another_name_is_said_in_the_manifest(shop: Shop) -> None:
    """Several tables of one projector, one of them the older form with a row for every event."""
    shop.database.execute(
        "create table store.old_tracking (application_name text, notification_id bigint, primary key (application_name, notification_id));"
        "insert into store.old_tracking select 'Shop', n from generate_series(1, 5) n"
    )
    legacy = (ROOT / "docs" / "event-stores.md").read_text().partition("```toml\n")[2].partition("```")[0]
    newer = '[[checkpoints]]\ntable = "store.totals_tracking"\nfor = "Totals"\nposition = "notification_id"\n'
    shop.manifest.write_text(f"{MANIFEST}\n{legacy}\n{newer}keep = \"application_name = '__migration__'\"\n")
    found = {p["projector"]: p for p in shop.done("status", "--json").json["result"]["projectors"]}
    assert found["Totals"]["position"] == 5

    shop.reset("--projector", "Totals")

    assert shop.database.rows("store.old_tracking") == 0
    assert (shop.place("Totals"), shop.place("Customers"), len(shop.kept()[0])) == (None, 23, 1)


def test_a_rewound_projection_replays_to_equality(shop: Shop) -> None:
    """In a reset of several transactions the row stays, at 0: the library starts there, and its upsert moves it on."""
    clean, kept = shop.shown(), shop.kept()
    places = [c for c in load_manifest(shop.manifest).checkpoints if c.table.name == "totals_tracking"]
    with connect(shop.database.url) as conn:
        assert [rewind(conn, place, ("Totals",)) for place in places] == [1]
    shop.database.execute("truncate sales.totals")
    assert (shop.place("Totals"), shop.kept()) == (0, kept)
    shop.catch_up("Totals")
    assert shop.shown() == clean


def test_init_proposes_the_store_and_its_projectors(shop: Shop) -> None:
    """The preset's proof finds the store by its columns; a tracking table is a projector's, in lower case."""
    said = shop.run_cli(
        "manifest", "init", "--out", "-", "--kind", "sales=projection", database=shop.database, manifest=None
    )

    proposed = tomli.loads(said.out)
    assert proposed["schemas"]["store"] == {"kind": "event_store", "layout": "eventsourcing"}
    assert proposed["projectors"] == {n: {"tables": [f"sales.{n}"]} for n in ("customers", "totals")}
    assert "checkpoints" not in proposed


def test_init_leaves_tables_that_the_library_made(shop: Shop) -> None:
    """The library makes its own tables: there is nothing to install, and nothing is touched."""
    before = shop.database.snapshot("store")

    again = shop.done("up", "--json").json

    assert again["changed"] is False
    assert shop.database.snapshot("store") == before
