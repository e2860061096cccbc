"""layout = "emmett", beside a real application and a real consumer of that library, in Node."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli
from psycopg import connect

from balados_db.execution.positions import rewind
from balados_db.manifest.loading import load_manifest
from tests.conftest import Database, clean_environment
from tests.stores import node_modules
from tests.stores.stage import Application, Run, eventually, runner

pytestmark = pytest.mark.skipif(
    node_modules.missing() is not None and not os.environ.get(node_modules.REQUIRED),
    reason=f"{node_modules.missing()} is not installed",
)
MANIFEST = """
version = 1
[schemas.store]
kind = "event_store"
layout = "emmett"
[schemas.sales]
kind = "projection"
migrations = "sales"
[projectors.Totals]
tables = ["sales.totals"]
"""
TABLES = "create table sales.totals (order_id text primary key, amount int not null);"
SHOWN = (
    "select coalesce(bool_and(transaction_id < pg_snapshot_xmin(pg_current_snapshot())), true) from store.emt_messages"
)


class Shop(Application):
    """The stage, and the application on it."""

    def folder(self) -> Path:
        """Where the program finds what it imports."""
        folder = self.manifest.parent / "app"
        if not folder.exists():
            folder.mkdir()
            shutil.copy(node_modules.HERE / "shop.mjs", folder)
            (folder / "node_modules").symlink_to(node_modules.installed())
        return folder

    def words(self, *arguments: str) -> list[str]:
        return ["node", "shop.mjs", *arguments]

    def environment(self) -> dict[str, str]:
        return clean_environment(DATABASE_URL=f"{self.database.url}?options=-c%20search_path%3Dstore")

    def catch_up(self) -> None:
        """Project everything there is: the library shows no message that a transaction may precede, in any database."""
        eventually(lambda: self.database.value(SHOWN), "nobody older is at work on the server", 120)
        self.app("project", "--once")

    @contextmanager
    def projecting(self) -> Iterator[subprocess.Popen[bytes]]:
        """A consumer that goes on."""
        with self.going_on("project") as program:
            eventually(lambda: self.status() == "running", "its row says so")
            yield program

    def status(self) -> str | None:
        return self.row("status")

    def place(self) -> str | None:
        return self.row("last_processed_checkpoint")

    def row(self, column: str) -> str | None:
        rows = self.database.execute(
            f"select {column} from store.emt_processors where processor_id = 'emt:processor:projector:Totals'"
        )
        return rows[0][0] if rows else None

    def shown(self) -> list[Any]:
        return self.database.execute("select * from sales.totals order by 1")


@pytest.fixture(scope="module")
def template(new_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with 8 orders (16 messages), projected; to be cloned."""
    folder = tmp_path_factory.mktemp("shop")
    shop = Shop.staged(folder, new_database(prefix="template"), runner(folder), MANIFEST, sales=TABLES)
    shop.done("up")
    shop.app("sell", "8")
    shop.catch_up()
    return shop.database.name


@pytest.fixture
def shop(template: str, new_database: Callable[..., Database], run_cli: Run, tmp_path: Path) -> Shop:
    """An application with 8 orders (16 messages), projected."""
    return Shop.staged(tmp_path, new_database(template), run_cli, MANIFEST, sales=TABLES)


def test_a_reset_is_followed_by_a_replay_to_equality(shop: Shop) -> None:
    """Stopped: emptied and forgotten in one go, messages and what the library keeps as they were, then the same rows."""
    clean, before = shop.shown(), shop.database.snapshot("store")

    said = shop.reset("--projections")

    assert (shop.shown(), shop.place()) == ([], None)
    after = shop.database.snapshot("store")
    assert {key for key in before if before[key] != after[key]} == {"rows store.emt_processors_emt_default"}
    assert any("cannot be kept out by a lock" in warning for warning in said["warnings"])
    shop.catch_up()
    assert (shop.shown(), len(clean)) == (clean, 8)
    assert shop.place() == "0" * 17 + "16"


def test_a_running_consumer_is_refused(shop: Shop) -> None:
    """Exit 6, nothing changed; ended, the reset goes, and the next run makes the same rows and the new ones."""
    with shop.projecting():
        clean = shop.database.snapshot("sales")
        refused = shop.run("reset", "--projections", "--confirm", "DELETE", "--json")
        assert shop.database.snapshot("sales") == clean
        # It has had nothing to do for an hour: its row is old, but it goes on asking.
        shop.database.execute("update store.emt_processors set last_updated = now() - interval '1 hour'")
        idle = shop.run("reset", "--projector", "Totals", "--confirm", "DELETE", "--json")

    assert [(r.status, r.code) for r in (refused, idle)] == [(6, "projectors_live")] * 2
    assert shop.status() == "stopped"
    shop.reset("--projections")
    shop.app("sell", "2")
    shop.catch_up()
    assert [amount for _, amount in sorted(shop.shown())] == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]


def test_a_killed_consumer_counts_as_running_for_a_while(shop: Shop) -> None:
    """As the library itself has it: for 300 seconds nobody else takes its place, and we do not either."""
    with shop.projecting() as program:
        program.send_signal(signal.SIGKILL)
        program.wait(30)
    refused = shop.run("reset", "--projections", "--confirm", "DELETE", "--json")
    assert (refused.status, refused.code) == (6, "projectors_live")
    clean = shop.shown()

    shop.database.execute("update store.emt_processors set last_updated = now() - interval '301 seconds'")
    gone = "not exists (select from pg_stat_activity where datname = current_database() and query like '%emt_messages%ORDER BY%' and pid <> pg_backend_pid())"
    eventually(lambda: shop.database.value(f"select {gone}"), "its connection is gone")
    shop.reset("--projections")
    shop.catch_up()
    assert shop.shown() == clean


def test_what_a_running_consumer_would_do(shop: Shop) -> None:
    """Why it is refused: by hand, under a live consumer, what comes next is projected twice after the next start."""
    with shop.projecting():
        shop.database.execute("truncate sales.totals; delete from store.emt_processors")
        shop.app("sell", "1")
        eventually(shop.shown, "the new order is projected")
    shop.catch_up()
    assert sorted(amount for _, amount in shop.shown()) == [1, 2, 2, 3, 4, 5, 6, 7, 8]


def test_a_zero_of_ones_own_is_stuck(shop: Shop) -> None:
    """Why the row is deleted and not set: the library never moves a place that it does not write like that itself."""
    shop.database.execute("truncate sales.totals; update store.emt_processors set last_processed_checkpoint = '0'")
    shop.catch_up()
    assert (shop.place(), len(shop.shown())) == ("0", 8)


def test_rewinding_writes_the_origin_as_the_library_does(shop: Shop) -> None:
    """In a reset of several transactions the row stays, at an origin that the library starts from and moves on."""
    clean = shop.shown()
    (table,) = load_manifest(shop.manifest).checkpoints
    with connect(shop.database.url) as conn:
        assert rewind(conn, table, ("Totals",)) == 1
    shop.database.execute("truncate sales.totals")
    assert shop.place() == "0" * 19
    shop.catch_up()
    assert (shop.shown(), shop.place()) == (clean, "0" * 17 + "16")


def test_status_wait_and_verify_know_its_place(shop: Shop) -> None:
    """Position, head and lag; other processors' rows are nobody's business, an undeclared projector's row is."""
    shop.app("sell", "1")
    behind = shop.done("status", "--json").json["result"]["projectors"]
    assert [(p["position"], p["head"], p["lag"]) for p in behind] == [(16, 18, 2)]
    assert shop.run("rebuild", "wait", "--timeout", "0", "--json").status == 4
    shop.catch_up()
    assert shop.run("rebuild", "wait", "--timeout", "0", "--json").json["result"]["caught_up"] is True

    added = "insert into store.emt_processors (last_processed_transaction_id, processor_id, last_processed_checkpoint) values ('1', %s, '1')"
    shop.database.execute(added, "emt:processor:reactor:Emails")
    assert "Emails" not in shop.run("verify", "--json").out
    shop.database.execute(added, "emt:processor:projector:Stranger")
    refused = shop.run("reset", "--projections", "--confirm", "DELETE", "--json")
    assert (refused.status, refused.code) == (5, "undeclared_positions")


def test_an_event_that_the_preset_appends_is_projected(shop: Shop) -> None:
    """As one of the library's own: numbered after the last, in its stream, and seen by its consumer."""
    first = shop.append("order-of-ours", "Filled", '{"order": "order-of-ours", "amount": 7}')
    second = shop.append("order-of-ours", "Filled", '{"order": "order-of-ours", "amount": 2}')

    assert (first, second) == (17, 18)
    shop.catch_up()
    assert ("order-of-ours", 9) in shop.shown()


def test_init_proposes_the_store_and_its_projectors(shop: Shop) -> None:
    """The preset's proof finds the store, and its rules the projectors' names; the library's other rows are none."""
    said = shop.run_cli(
        "manifest", "init", "--out", "-", "--kind", "sales=projection", database=shop.database, manifest=None
    )

    proposed = tomli.loads(said.out)
    assert proposed["schemas"]["store"] == {"kind": "event_store", "layout": "emmett"}
    assert proposed["projectors"] == {"Totals": {"tables": ["sales.totals"]}}
    assert "checkpoints" not in proposed


def test_reset_events_empties_the_store_and_restarts_its_numbers(shop: Shop) -> None:
    """Messages, streams, places, and the sequence that belongs to no table; the library goes on from number 1."""
    migrations = shop.database.rows("store.dmb_migrations")

    shop.reset("--events", confirm="DELETE ALL EVENTS")

    assert {shop.database.rows(f"store.emt_{t}") for t in ("messages", "streams", "processors", "projections")} == {0}
    assert shop.database.rows("store.dmb_migrations") == migrations > 0
    shop.reset("--projections")
    shop.app("sell", "1")
    assert shop.database.value("select min(global_position) from store.emt_messages") == 1
    shop.catch_up()
    assert [amount for _, amount in shop.shown()] == [1]
