"""A manifest that is wrong about the event store: its projectors could be seen neither to run nor to have got anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Database
from tests.stores.stage import Run

PROJECTIONS = """
version = 1
[schemas.users]
kind = "projection"
[schemas.public]
kind = "projection"
[schemas.system]
kind = "permanent"
[projectors.SubscriptionsProjector]
tables = ["users.subscriptions"]
"""
STORES = {  # what is said of the event store → what to say instead
    '[schemas.events]\nkind = "event_store"\nlayout = "emmett"': 'say layout = "commanded" in [schemas.events]',
    '[schemas.events]\nkind = "event_store"\nlayout = "custom"\n[event_store]\ntables = ["evnets"]': 'say layout = "commanded"',
    '[schemas.store]\nkind = "event_store"\n[schemas.events]\nkind = "permanent"': "such a store lies in events",
    '[schemas.other]\nkind = "event_store"\nlayout = "custom"\n[event_store]\ntables = ["evnets"]': "correct `layout`",
}


@pytest.fixture
def mistaken(filled: Database) -> Database:
    filled.execute("create schema store; create schema other; create table other.events (id int)")
    return filled


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_is_not_the_declared_one_is_refused(
    store: str, mistaken: Database, run_cli: Run, tmp_path: Path
) -> None:
    """Exit 5 before anything is emptied, with what to say instead; it used to empty tables and keep their positions."""
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(f"{PROJECTIONS}{store}\n")
    before = mistaken.snapshot()
    refused = run_cli(
        "reset", "--projections", "--empty", "--confirm", "DELETE", "--json", database=mistaken, manifest=manifest
    )

    assert (refused.status, refused.code) == (5, "unknown_event_store")
    assert STORES[store] in refused.json["errors"][0]["hint"]
    assert mistaken.snapshot() == before


def test_verify_says_which_layout_it_is(mistaken: Database, run_cli: Run, tmp_path: Path) -> None:
    """Installing a second store where one is already was the wrong advice."""
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(f"{PROJECTIONS}{next(iter(STORES))}\n")
    found = run_cli("verify", "--json", database=mistaken, manifest=manifest).json["result"]["findings"]
    missing = next(f for f in found if f["code"] == "event_store_missing")

    assert "of the layout commanded" in missing["message"]
    assert missing["cure"] == 'it holds another store: say layout = "commanded" in [schemas.events]'


def test_a_second_store_is_declared_permanent(mistaken: Database, run_cli: Run, tmp_path: Path) -> None:
    """One manifest, one store: as permanent the other is nobody's finding any more, and nothing here can empty it."""
    tables = ("streams", "events", "stream_events", "subscriptions", "snapshots", "projection_versions")
    for table in tables:
        mistaken.execute(f"create table store.{table} (like events.{table} including all)")
    text = f'{PROJECTIONS}[schemas.events]\nkind = "event_store"\n'
    manifest = tmp_path / "balados-db.toml"

    def findings() -> dict[str, str]:
        found = run_cli("verify", "--json", database=mistaken, manifest=manifest).json["result"]["findings"]
        return {f["subject"]: f["code"] for f in found if f["subject"].startswith("store")}

    manifest.write_text(f'{text}[schemas.store]\nkind = "projection"\n')
    assert findings()["store"] == "event_store_hidden"
    manifest.write_text(f'{text}[schemas.store]\nkind = "permanent"\n')
    assert findings() == {}
    refused = run_cli("reset", "--system", "--dry-run", "--json", database=mistaken, manifest=manifest)
    assert (refused.status, refused.code) == (5, "event_store_in_scope")


# ── SQL that a manifest holds ────────────────────────────────────────────────────────────────────────────

OWN = """
version = 1
[schemas.store]
kind = "event_store"
layout = "custom"
[schemas.views]
kind = "projection"
[projectors.Orders]
tables = ["views.orders"]
[event_store]
tables = ["happened"]
"""
PLACES = '[[checkpoints]]\ntable = "store.places"\nprojector = "who"\nposition = "at"\n'
MISTAKES = {  # what is wrong → the rest of the manifest, and the key that is named
    "a column of the head": (f'head = "select max(idd) from {{event_store}}.happened"\n{PLACES}', "event_store.head"),
    "a head that is no number": (f"head = \"select 'many'\"\n{PLACES}", "event_store.head"),
    "a head that writes": (f'head = "delete from store.happened returning id"\n{PLACES}', "event_store.head"),
    "a probe without a process": (f"probe = \"select 'Orders' as projector\"\n{PLACES}", "event_store.probe"),
    "a table of locks": (
        f'[event_store.liveness]\ntable = "no"\nid = "a"\nname = "b"\n{PLACES}',
        "event_store.liveness",
    ),
    "a column of positions": (PLACES.replace('"at"', '"att"'), "checkpoints (store.places)"),
    "which rows are positions": (f"{PLACES}where = \"kind = 'x'\"\n", "checkpoints (store.places)"),
    "a column that forgetting sets": (
        f"{PLACES}forget = {{ set = {{ att = 0 }} }}\n",
        "checkpoints (store.places).forget",
    ),
}


@pytest.fixture
def own(database: Database) -> Database:
    """A store of somebody's own, with one projector at event 5 of 20."""
    database.execute(
        "create schema store; create schema views; create table views.orders as select 1 as id;"
        "create table store.happened as select generate_series(1, 20) as id;"
        "create table store.places (who text primary key, at text not null); insert into store.places values ('Orders', '5')"
    )
    return database


RESET = ("reset", "--projector", "Orders", "--empty", "--confirm", "DELETE", "--projector-grace", "0", "--json")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_sql_that_is_wrong_is_a_mistake_of_its_key(mistake: str, own: Database, run_cli: Run, tmp_path: Path) -> None:
    """Exit 2 with the key and what the server says; it was a failed step, somebody's guard, or a bug."""
    said, key = MISTAKES[mistake]
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(OWN + said)
    before = own.snapshot()
    refused = run_cli(*RESET, database=own, manifest=manifest)

    assert (refused.status, refused.code) == (2, "manifest_invalid")
    assert refused.json["errors"][0]["details"]["key"] == key
    assert own.snapshot() == before


def test_forgetting_in_own_words_is_proved_as_well(own: Database, run_cli: Run, tmp_path: Path) -> None:
    """A statement that leaves the position where it was takes everything back; one that forgets is done."""
    manifest = tmp_path / "balados-db.toml"
    before = own.snapshot()
    manifest.write_text(f'{OWN}{PLACES}forget = {{ sql = "select %(projectors)s::text[]" }}\n')
    broken = run_cli(*RESET, database=own, manifest=manifest)
    assert (broken.status, broken.code) == (1, "promise_broken")
    assert "positions are left in store.places: Orders" in broken.json["errors"][0]["message"]
    assert own.snapshot() == before

    manifest.write_text(
        f"{OWN}{PLACES}forget = {{ sql = \"update store.places set at = '0' where who = any(%(projectors)s)\" }}\n"
    )
    assert run_cli(*RESET, database=own, manifest=manifest).status == 0
    assert own.execute("select at from store.places") == [("0",)]
