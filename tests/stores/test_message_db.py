"""layout = "message-db", on the real SQL of Message DB from npm; its consumers are untried."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.stores import node_modules
from tests.stores.stage import Run, Stage

pytestmark = pytest.mark.skipif(
    node_modules.missing() is not None and not os.environ.get(node_modules.REQUIRED),
    reason=f"{node_modules.missing()} is not installed",
)
BALANCES, LIMITS, COMMANDS = "account:position-balances", "account:position-limits", "account:command+position"
MANIFEST = f"""
version = 1
[schemas.message_store]
kind = "event_store"
layout = "message-db"
[schemas.views]
kind = "projection"
migrations = "views"
[projectors."{BALANCES}"]
tables = ["views.balances"]
[projectors."{LIMITS}"]
tables = ["views.limits"]
"""
VIEWS = "create table views.balances (id text primary key); create table views.limits (id text primary key);"
# In the order of its own install.sh, but for the role and what is granted to it.
PARTS = ("types/message", "tables/messages", "functions/*", "indexes/*")


def ask(database: Database, text: str, *parameters: str) -> Any:
    """As an application asks: the library's functions find each other by the search_path."""
    with database.connect(options="-c search_path=message_store") as conn:
        cursor = conn.execute(text, parameters or None)
        return cursor.fetchone() if cursor.description else None


def write(database: Database, stream: str, kind: str, data: str = "{}") -> None:
    """As an application writes."""
    ask(database, "select write_message(gen_random_uuid()::text, %s, %s, %s)", stream, kind, data)


@pytest.fixture
def accounts(database: Database, run_cli: Run, tmp_path: Path) -> Stage:
    """Ten accounts' events, three consumers that wrote down where they are."""
    database.execute("create schema message_store")
    sql = node_modules.installed() / "@eventide" / "message-db" / "database"
    for pattern in PARTS:
        for file in sorted(sql.glob(f"{pattern}.sql")):
            ask(database, file.read_text())
    made = Stage.staged(tmp_path, database, run_cli, MANIFEST, views=VIEWS)
    made.done("create")
    made.done("migrate")
    for number in range(10):
        write(database, f"account-{number}", "Opened")
    for stream, positions in ((BALANCES, (4, 10)), (LIMITS, (8,)), (COMMANDS, (3,))):
        for position in positions:
            write(database, stream, "Recorded", f'{{"position": {position}}}')
    write(database, "person-1", "Named")  # another category: no consumer of accounts ever sees it
    database.execute("insert into views.balances values ('1'); insert into views.limits values ('1')")
    return made


def place(accounts: Stage, stream: str) -> Any:
    """Where a consumer starts, as the library asks for it."""
    found = "select (data::jsonb ->> 'position')::int from get_last_stream_message(%s)"
    return ask(accounts.database, found, stream)[0]


def test_forgetting_is_a_message_that_says_zero(accounts: Stage) -> None:
    """The last word of the consumer's own stream; no message is changed or taken away, nobody else's place moves."""
    before = accounts.database.execute("select * from message_store.messages order by global_position")

    said = accounts.reset("--projector", BALANCES)

    after = accounts.database.execute("select * from message_store.messages order by global_position")
    assert (after[: len(before)], len(after)) == (before, len(before) + 1)
    assert (place(accounts, BALANCES), place(accounts, LIMITS), place(accounts, COMMANDS)) == (0, 8, 3)
    assert (accounts.database.rows("views.balances"), accounts.database.rows("views.limits")) == (0, 1)
    assert any("stop them first" in warning for warning in said["warnings"])
    accounts.reset("--projections")
    assert (place(accounts, LIMITS), place(accounts, COMMANDS)) == (0, 3)


def test_each_category_has_a_head_of_its_own(accounts: Stage) -> None:
    """Positions are messages too and take numbers: lag counts to the last message of the category that is followed."""
    found = {p["projector"]: p for p in accounts.done("status", "--json").json["result"]["projectors"]}

    assert [(found[n]["position"], found[n]["head"], found[n]["lag"]) for n in (BALANCES, LIMITS)] == [
        (10, 10, 0),
        (8, 10, 2),
    ]
    ended = accounts.run("rebuild", "wait", "--timeout", "0", "--json")
    assert {f["subject"]: f["code"] for f in ended.json["result"]["findings"]} == {LIMITS: "not_caught_up"}
    assert "command" in "".join(accounts.done("reset", "--projections", "--dry-run", "--json").json["warnings"])  # kept


def test_a_projector_without_a_position_has_nothing_to_forget(accounts: Stage) -> None:
    """Nothing is appended for one that never wrote down where it is."""
    accounts.database.execute(f"delete from message_store.messages where stream_name = '{LIMITS}'")
    rows = accounts.database.rows("message_store.messages")

    accounts.reset("--projections")

    assert accounts.database.rows("message_store.messages") == rows + 1  # that of the other projector
    assert place(accounts, BALANCES) == 0


def test_an_event_that_the_preset_appends_is_one_of_its_category(accounts: Stage) -> None:
    """Numbered as the library numbers, and found by what its consumers ask."""
    assert accounts.append("account-3", "Closed") == 16

    found = "select position, type from get_category_messages('account', 16)"
    assert ask(accounts.database, found) == (1, "Closed")


def test_reset_events_takes_the_positions_along(accounts: Stage) -> None:
    """They are messages: everything is gone, and numbering starts at 1."""
    accounts.reset("--events", confirm="DELETE ALL EVENTS")
    assert accounts.database.rows("message_store.messages") == 0

    write(accounts.database, "account-1", "Opened")
    assert accounts.database.value("select global_position from message_store.messages") == 1
