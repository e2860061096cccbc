"""One projector of six: its tables and positions, nobody else's, and a replay that gives the same rows again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database, Result
from tests.integration.test_projector import run

SIX = Path(__file__).resolve().parents[1] / "six"
MANIFEST = SIX / "balados-db.toml"
FILLING, READING = ("Follows", "Plays", "Feeds", "Scores"), ("Digest", "Board")
TABLES = {
    "Follows": ("club.follows",),
    "Plays": ("club.plays",),
    "Feeds": ("club.feeds",),
    "Scores": ("club.feeds", "club.scores"),
    "Digest": ("club.digest",),
    "Board": ("board.entries",),
}
Cli = Callable[..., Result]


def project(database: Database, names: Iterable[str] = (*FILLING, *READING)) -> None:
    """Let these catch up, in one process; those that look things up after those that fill."""
    for group in (FILLING, READING):
        chosen = [word for name in group if name in set(names) for word in ("--projector", name)]
        if chosen:
            program = (sys.executable, str(SIX / "projector.py"), "--url", database.url)
            done = subprocess.run([*program, *chosen, "--until-caught-up"], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def projected(new_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The store with 80 events, and six projectors that have seen all of them."""
    from tests.conftest import COMMAND, clean_environment

    database = new_database(prefix="six")
    made = subprocess.run(
        [*COMMAND, "--manifest", str(MANIFEST), "--url", database.url, "up"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    run("store.py", database, "--events", "80")
    project(database)
    database.execute("refresh materialized view club.popular; refresh materialized view club.followed")
    return database


@pytest.fixture
def six(projected: Database, new_database: Callable[..., Database]) -> Database:
    return new_database(projected.name)


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, with the keys that sequences gave."""
    tables = {table for tables in TABLES.values() for table in tables}
    return {table: database.execute(f"select * from {table} t order by t::text") for table in tables}


def positions(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Both positions of each projector, with the ids of their rows."""
    rows = database.execute(
        "select subscription_name, subscription_id, last_seen, xmin::text from events.subscriptions union all "
        "select projection_name, null, last_seen_event_number, xmin::text from events.projection_versions order by 1, 2"
    )
    return {name: [row for row in rows if row[0] == name] for name in TABLES}


def spoil(database: Database) -> None:
    """Rows that no event made, everywhere: what starts over loses them, everything else keeps them."""
    database.execute(
        "insert into club.follows values ('nobody', 'nothing'); insert into club.plays (user_id) values ('nobody');"
        "update club.feeds set followers = 900, plays = 900; update club.scores set score = 0;"
        "insert into club.digest values ('nobody', 9); insert into board.entries (user_id, plays) values ('nobody', 9)"
    )


CASES = {  # who is named → who says no, and why; who starts over with --with-dependents
    "Follows": ("Digest reads club.follows, which Follows fills", {"Follows", "Digest"}),
    "Plays": ("Board reads club.busy", {"Plays", "Board"}),
    "Feeds": ("Scores fills club.feeds, which Feeds fills", {"Feeds", "Scores"}),
    "Scores": ("Feeds fills club.feeds, which Scores fills", {"Feeds", "Scores"}),
    "Digest": (None, {"Digest"}),
    "Board": (None, {"Board"}),
}


@pytest.mark.parametrize("name", CASES)
def test_one_of_six_starts_over_and_the_others_do_not_notice(name: str, six: Database, run_cli: Cli) -> None:
    """Alone where nobody else is concerned, else together: replayed to the same rows; the others untouched to a byte."""
    refusal, together = CASES[name]
    clean = contents(six)
    spoil(six)
    spoiled, before = contents(six), positions(six)
    words = ("reset", "--projector", name, "--confirm", "DELETE", "--json", "--projector-grace", "0")
    cli = {"database": six, "manifest": MANIFEST}

    if refusal is not None:
        alone = run_cli(*words, **cli)
        assert (alone.status, alone.code) == (5, "projectors_bound")
        assert refusal in alone.json["errors"][0]["message"]
        assert (contents(six), positions(six)) == (spoiled, before)
        words = (*words, "--with-dependents")
    done = run_cli(*words, **cli)

    assert done.status == 0, done.out
    assert {s["projector"] for s in done.json["plan"]["starts_over"]} == together
    gone = {table for who in together for table in TABLES[who]}
    assert contents(six) == {table: [] if table in gone else rows for table, rows in spoiled.items()}
    assert positions(six) == {who: [] if who in together else rows for who, rows in before.items()}
    project(six, together)
    assert contents(six) == {table: clean[table] if table in gone else rows for table, rows in spoiled.items()}
    assert {who: rows for who, rows in positions(six).items() if who not in together} == {
        who: rows for who, rows in before.items() if who not in together
    }


def test_the_preview_says_who_goes_along_and_what_stays(six: Database, run_cli: Cli) -> None:
    """Before anybody confirms: who starts over and why, the tables of the same schema that stay, what is looked up."""
    words = ("reset", "--with-dependents", "--dry-run")
    plays = run_cli(*words, "--projector", "Plays", database=six, manifest=MANIFEST).out
    digest = run_cli(*words, "--projector", "Digest", database=six, manifest=MANIFEST).out

    assert "Board as well, because it reads club.busy" in plays
    assert "✓ club: 4 other tables" in plays
    assert "note: Digest reads club.follows, which stays as it is now" in digest


def test_what_a_view_reads_through_functions_counts(six: Database, run_cli: Cli) -> None:
    """A body that the server knows (`begin atomic`), and functions that call each other; of a quoted one nobody knows."""
    six.execute(
        "create function club.inner_one() returns bigint begin atomic select count(*) from club.scores; end;"
        "create function club.outer_one() returns bigint begin atomic select club.inner_one(); end;"
        "create or replace view club.busy as"
        " select user_id, count(*) as plays, max(id) as last from club.plays where club.outer_one() > 0 group by user_id"
    )
    words = ("reset", "--projector", "Scores", "--with-dependents", "--empty", "--dry-run", "--json")
    plan = run_cli(*words, database=six, manifest=MANIFEST).json["plan"]

    assert {s["projector"]: s["because"] for s in plan["starts_over"]}["Board"] == "it reads club.busy"


def test_a_table_with_partitions_is_as_large_as_they_are(six: Database, run_cli: Cli) -> None:
    """The preview, the plan and `status` count the rows that would go; they said `unknown rows, 0 B`."""
    words = ("--json",)
    plan = run_cli("reset", "--projector", "Board", "--dry-run", *words, database=six, manifest=MANIFEST).json["plan"]
    status = run_cli("status", *words, database=six, manifest=MANIFEST).json["result"]
    rows = six.rows("board.entries")

    assert [(d["table"], d["rows"], d["exact"], d["bytes"] > 0) for d in plan["destroys"]] == [
        ("entries", rows, True, True)
    ]
    board = next(s for s in status["schemas"] if s["schema"] == "board")
    assert (board["rows"], board["bytes"]) == (rows, plan["destroys"][0]["bytes"])


def test_only_the_views_that_show_its_tables_are_filled_anew(six: Database, run_cli: Cli) -> None:
    """A materialized view over others' tables keeps what it shows, old as it may be."""
    six.execute("delete from club.follows")
    words = ("reset", "--projector", "Feeds", "--with-dependents", "--confirm", "DELETE", "--projector-grace", "0")
    shown = six.rows("club.followed")
    assert run_cli(*words, database=six, manifest=MANIFEST).status == 0

    assert (six.rows("club.popular"), six.rows("club.followed")) == (0, shown)
    assert shown > 0


def test_a_schema_that_somebody_else_reads_is_refused(six: Database, run_cli: Cli) -> None:
    """`--schema` empties what a projector of another schema looks things up in: together, or not at all."""
    before = contents(six), positions(six)
    words = ("reset", "--schema", "club", "--confirm", "DELETE", "--json", "--projector-grace", "0")
    alone = run_cli(*words, database=six, manifest=MANIFEST)
    assert (alone.status, alone.code) == (5, "projectors_bound")
    assert "Board reads club.busy" in alone.json["errors"][0]["message"]
    assert (contents(six), positions(six)) == before

    together = run_cli(*words, "--with-dependents", database=six, manifest=MANIFEST)
    assert together.status == 0, together.out
    project(six)
    assert contents(six) == before[0]


def test_a_foreign_key_of_somebody_elses_table_is_refused_or_followed(
    six: Database, run_cli: Cli, tmp_path: Path
) -> None:
    """Without `reads` the key alone ties them: exit 5 with the way out, and that way works."""
    manifest = tmp_path / "balados-db.toml"
    text = MANIFEST.read_text().replace('reads = ["club.busy"]', "").replace("../../", f"{SIX.parents[1]}/")
    manifest.write_text(text.replace('"migrations/', f'"{SIX}/migrations/'))
    words = ("reset", "--projector", "Plays", "--confirm", "DELETE", "--json", "--projector-grace", "0")
    alone = run_cli(*words, database=six, manifest=manifest)

    assert (alone.status, alone.code) == (5, "referenced_from_outside")
    assert "add --with-dependents, which lets Board start over as well" in alone.json["errors"][0]["hint"]
    together = run_cli(*words, "--with-dependents", database=six, manifest=manifest)
    assert together.status == 0, together.out
    assert {s["projector"] for s in together.json["plan"]["starts_over"]} == {"Plays", "Board"}


def test_keys_that_somebody_else_draws_from_its_sequence_are_not_given_twice(six: Database, run_cli: Cli) -> None:
    """Its sequence starts again with its rows; a table that is kept and draws from it is named: exit 5."""
    six.execute("alter table club.scores add column mark bigint default nextval('board.entries_id_seq')")
    before = contents(six), positions(six)
    words = ("reset", "--projector", "Board", "--empty", "--confirm", "DELETE", "--json")
    refused = run_cli(*words, database=six, manifest=MANIFEST)

    assert (refused.status, refused.code) == (5, "referenced_from_outside")
    assert "club.scores (draws its keys from board.entries_id_seq)" in refused.json["errors"][0]["message"]
    assert "set schema" not in refused.json["errors"][0]["hint"]  # nothing is dropped, so nothing must move
    assert (contents(six), positions(six)) == before


def test_who_was_waited_for_in_vain_is_named(six: Database, run_cli: Cli) -> None:
    """As without waiting: by the projector's name, not by the number of its lock. Somebody else who runs is let be."""
    words = ("reset", "--confirm", "DELETE", "--json", "--projector-grace", "0", "--wait-for-projectors", "0.3")
    lock = "select pg_advisory_lock('events.subscriptions'::regclass::oid::int, subscription_id::int)"
    with six.connect(application_name="club") as conn:
        conn.execute(f"{lock} from events.subscriptions where subscription_name = 'Digest'")
        refused = run_cli(*words, "--projector", "Digest", database=six, manifest=MANIFEST)
        done = run_cli(*words, "--projector", "Board", database=six, manifest=MANIFEST)

    assert (refused.status, refused.code, done.status) == (6, "projectors_live", 0)
    assert "Digest (process" in refused.json["errors"][0]["message"]


def test_a_position_that_must_never_go_back_stays_under_any_name(filled: Database, run_cli: Cli) -> None:
    """A mere subscription cannot be named as a projector: exit 5, before anybody connects, and nothing moved."""
    name = "BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection"
    before = filled.snapshot()
    refused = run_cli("reset", "--projector", name, "--confirm", "DELETE", "--json", database=filled)

    assert (refused.status, refused.code) == (5, "replay_never")
    assert filled.snapshot() == before


def test_a_projector_that_nobody_knows_a_position_of_is_refused(filled: Database, run_cli: Cli) -> None:
    """Its rows would go and nobody would bring them back: exit 5 with the name that may be meant."""
    for table, column in (("subscriptions", "subscription_name"), ("projection_versions", "projection_name")):
        filled.execute(
            f"update events.{table} set {column} = 'Subscriptions' where {column} = 'SubscriptionsProjector'"
        )
    before = filled.snapshot()
    words = ("reset", "--projector", "SubscriptionsProjector", "--confirm", "DELETE", "--json")
    refused = run_cli(*words, database=filled)

    assert (refused.status, refused.code) == (5, "projector_without_position")
    assert "did you mean [projectors.Subscriptions]?" in refused.json["errors"][0]["hint"]
    assert filled.snapshot() == before
