"""After a reset: how far each projector is, and waiting for them, beside the example's real projector."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from balados_db.manifest.loading import load_manifest
from balados_db.postgres.journal import open_journal
from tests.acceptance.terminal import Terminal, plain
from tests.conftest import COMMAND, EXAMPLE, Database, Result, clean_environment
from tests.integration.test_projector import eventually, project, run, running, seen

Run = Callable[..., Result]
NAME = "PopularityProjector"
EVERY = ("SubscriptionsProjector", "PlayStatusesProjector", "PublicEventsProjector", NAME)

# Every acknowledgement takes its time, so that a rebuild can be looked at while it goes.
SLOWLY = """
create function events.slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return new; end $$;
create trigger slowly before update on events.subscriptions for each row execute function events.slowly();
"""


@pytest.fixture
def told(balados: Database) -> Database:
    """Balados Sync's database with 120 events that nobody has projected yet."""
    run("store.py", balados, "--events", "120")
    return balados


def standings(result: Result) -> dict[str, dict[str, Any]]:
    return {row["projector"]: row for row in result.json["result"]["projectors"]}


def findings(result: Result) -> dict[str, str]:
    return {finding["subject"]: finding["code"] for finding in result.json["result"]["findings"]}


def declared() -> tuple[str, ...]:
    """The projectors of the example's manifest: two of them have no rules among the example's programs."""
    return tuple(p.name for p in load_manifest(EXAMPLE).projectors)


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_store_has_nothing_to_catch_up_with(balados: Database, run_cli: Run) -> None:
    """No event, no position, no projector: everybody has caught up, and waiting ends at once."""
    status = run_cli("rebuild", "status", "--json", database=balados)
    waited = run_cli("rebuild", "wait", "--json", database=balados)

    assert (status.status, waited.status) == (0, 0)
    assert {row["state"] for row in standings(waited).values()} == {"caught_up"}
    assert (waited.json["result"]["goal"], waited.json["result"]["caught_up"]) == (0, True)


def test_status_measures_what_moves(told: Database, run_cli: Run, tmp_path: Path) -> None:
    """A slow projector: position, lag, rate, time left, alive; the others: not running, and no rate made up."""
    told.execute(SLOWLY)
    with running(told, NAME, tmp_path / "log"):
        eventually(lambda: (seen(told, NAME) or 0) > 0, "it began")
        result = run_cli("rebuild", "status", "--json", database=told)

    slow, other = standings(result)[NAME], standings(result)["SubscriptionsProjector"]
    assert (result.status, slow["state"], slow["live"], slow["head"]) == (0, "moving", True, 120)
    assert slow["lag"] == 120 - slow["position"] > 0
    assert 1 < slow["events_per_second"] < 20  # no faster than its acknowledgements
    assert slow["seconds_left"] == pytest.approx(slow["left"] / slow["events_per_second"])
    assert (other["state"], other["live"], other["position"], other["lag"]) == ("not_running", False, None, 120)
    assert (other["events_per_second"], other["seconds_left"]) == (0, None)


def test_watching_ends_when_all_have_caught_up(told: Database, tmp_path: Path) -> None:
    """Lines on standard error meanwhile, one object on standard output in the end; with the head as it then is."""
    with following(told, "status", "--watch", "--json", "--progress", "json", "--timeout", "30") as process:
        assert json.loads(process.stderr.readline())["total"] == 120  # type: ignore[union-attr]
        run("store.py", told, "--events", "60")
        catch_up(told)
        out, err = process.communicate(timeout=30)

    answer = json.loads(out)
    assert process.returncode == 0
    assert (answer["result"]["head"], answer["result"]["caught_up"]) == (180, True)
    last = answer["result"]["projectors"][-1]["projector"]
    told_last = json.loads(err.splitlines()[-1])
    assert (told_last["step"], told_last["done"], told_last["total"]) == (f"rebuild:{last}", 180, 180)
    assert told_last["projector"] == answer["result"]["projectors"][-1]


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────


def following(database: Database, *words: str) -> subprocess.Popen[str]:
    """The command, while it looks on."""
    arguments = [*COMMAND, "--manifest", str(EXAMPLE), "--url", database.url, "rebuild", *words]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()
    )


def catch_up(database: Database) -> None:
    """Let every declared projector catch up; those that the example has no rules for see everything without a deed."""
    project(database)
    for name in set(declared()) - set(EVERY):
        database.execute(
            "insert into events.subscriptions (stream_uuid, subscription_name, last_seen)"
            " select '$all', %s, stream_version from events.streams where stream_id = 0"
            " on conflict (stream_uuid, subscription_name) do update set last_seen = excluded.last_seen",
            name,
        )


def test_what_follows_a_reset_is_waiting(told: Database, run_cli: Run) -> None:
    """The report of a reset names the command; it ends well when a real projector has replayed everything."""
    catch_up(told)
    assert run_cli("rebuild", "wait", database=told).status == 0
    reset = run_cli("reset", "--projections", "--confirm", "DELETE", "--json", database=told)
    assert reset.following == [["balados-db", "rebuild", "wait"]]

    words = reset.following[0][1:]
    early = run_cli(*words, "--timeout", "0", "--json", database=told)
    catch_up(told)
    late = run_cli(*words, "--timeout", "20", "--json", database=told)

    assert (early.status, set(findings(early))) == (4, set(declared()))
    assert {row["position"] for row in standings(early).values()} == {None}
    assert (late.status, late.json["result"]["caught_up"]) == (0, True)


def test_events_written_meanwhile_are_not_waited_for(told: Database) -> None:
    """60 events more, and a projector that stops at the 120 that were there: that is enough."""
    with following(told, "wait", "--json", "--progress", "json", "--timeout", "30") as process:
        process.stderr.readline()  # type: ignore[union-attr]
        run("store.py", told, "--events", "60")
        for name in declared():
            told.execute(
                "insert into events.subscriptions (stream_uuid, subscription_name, last_seen) values ('$all', %s, 120)",
                name,
            )
        out, _ = process.communicate(timeout=40)

    result = json.loads(out)["result"]
    assert (process.returncode, result["goal"], result["head"]) == (0, 120, 180)
    assert {(row["lag"], row["left"]) for row in result["projectors"]} == {(60, 0)}


def test_a_dead_projector_is_named_at_the_timeout(told: Database, run_cli: Run) -> None:
    """Exit 4 in time, with its name and why; the others caught up and are no finding."""
    catch_up(told)
    told.execute("update events.subscriptions set last_seen = 40 where subscription_name = %s", NAME)
    begun = time.monotonic()

    result = run_cli("rebuild", "wait", "--timeout", "1", database=told)
    as_json = run_cli("--timeout=1", "rebuild", "wait", "--json", database=told)

    assert time.monotonic() - begun < 40
    assert (result.status, as_json.status, as_json.json["errors"]) == (4, 4, [])
    assert f"finding: {NAME}: has seen 40 of 120; was not seen to move, and is not running" in result.err
    assert "  → start it" in result.err
    assert f"  … {NAME}: not running, 40 of 120\n" in result.err  # in CI: a line, no bar
    assert findings(as_json) == {NAME: "not_caught_up"}


def test_only_the_named_ones_are_waited_for(told: Database, run_cli: Run) -> None:
    """Of two that lag the other is not looked at; a name that nobody declared is a mistake."""
    project(told, "--projector", NAME)

    assert run_cli("rebuild", "wait", "--projector", NAME, database=told).status == 0
    both = ("--projector", NAME, "--projector", "SubscriptionsProjector", "--timeout", "0", "--json")
    assert findings(run_cli("rebuild", "wait", *both, database=told)) == {"SubscriptionsProjector": "not_caught_up"}
    wrong = run_cli("rebuild", "wait", "--projector", "Popularity", database=told)
    assert (wrong.status, wrong.code) == (2, "unknown_projector")


def test_a_position_ahead_of_the_head_ends_the_waiting(told: Database, run_cli: Run) -> None:
    """It is said with its distance, at once, and not called caught up."""
    catch_up(told)
    told.execute("update events.subscriptions set last_seen = 150 where subscription_name = %s", NAME)

    result = run_cli("rebuild", "wait", "--json", database=told)
    status = run_cli("rebuild", "status", database=told)

    assert (result.status, findings(result), standings(result)[NAME]["lag"]) == (4, {NAME: "ahead_of_head"}, -30)
    assert (status.status, "is ahead of the head by 30" in status.err) == (0, True)


def test_pruned_events_change_no_number(told: Database, run_cli: Run) -> None:
    """Numbers are positions, not counts: who saw the last event has caught up, however many are left."""
    catch_up(told)
    with told.connect() as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("delete from events.stream_events where stream_version < 100")

    assert run_cli("rebuild", "wait", "--json", database=told).json["result"]["goal"] == 120


def test_a_database_without_an_event_store_is_unknown_and_does_not_hang(database: Database, run_cli: Run) -> None:
    """Nothing can be waited for: exit 4 at once, and why."""
    result = run_cli("rebuild", "wait", "--json", database=database)

    assert (result.status, set(findings(result).values())) == (4, {"progress_unknown"})
    assert "balados-db init" in result.out
    assert run_cli("rebuild", "status", database=database).status == 0


def test_locked_tables_are_no_reason_to_hang(told: Database, run_cli: Run) -> None:
    """While a reset holds the positions nobody can look; the timeout stands, and the answer says so."""
    with told.connect() as conn, conn.transaction():
        conn.execute("lock table events.subscriptions in access exclusive mode")
        result = run_cli("rebuild", "wait", "--timeout", "1", "--json", database=told)
        status = run_cli("rebuild", "status", "--lock-timeout", "0.3", "--json", database=told)

    assert (result.status, findings(result)) == (4, dict.fromkeys(declared(), "not_seen"))
    assert (status.status, status.code) == (6, "lock_timeout")


def test_a_lock_that_is_let_go_of_in_time_does_no_harm(told: Database) -> None:
    """Who waits while a reset commits goes on looking afterwards."""
    catch_up(told)
    with told.connect() as conn, following(told, "wait", "--json", "--timeout", "30") as process:
        with conn.transaction():
            conn.execute("lock table events.subscriptions in access exclusive mode")
            eventually(lambda: bool(told.execute(WAITING)), "it looks")
        out, _ = process.communicate(timeout=40)

    assert (process.returncode, json.loads(out)["result"]["caught_up"]) == (0, True)


WAITING = (
    "select 1 from pg_stat_activity where application_name = 'balados-db/rebuild-wait' and wait_event_type = 'Lock'"
)


BEGUN = {
    "scope": "projections",
    "schemas": ["users"],
    "recreated": [],
    "projectors": [NAME],
    "phases": 3,
    "arguments": ["reset", "--projections"],
    "digest": "sha256:begun",
    "client": "127.0.0.1",
}


def test_an_unfinished_reset_is_not_waited_for(told: Database, run_cli: Run) -> None:
    """Its projectors are to stay stopped until it is done: exit 4 at once, with the command that finishes it."""
    with told.connect() as conn:
        open_journal(conn, BEGUN, {})

    for word in ("wait", "status"):
        result = run_cli("rebuild", word, "--json", database=told)

        assert result.status == 4, result.out
        assert "reset_unfinished" in findings(result).values()
        assert result.following == [["balados-db", "reset", "--projections"]]


# ── what it took ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_next_plan_knows_what_the_last_rebuild_took(told: Database, run_cli: Run, tmp_path: Path) -> None:
    """`wait` keeps what it measured, `status` writes nothing; the forecast grows with the events, the digest does not."""
    project(told)
    planned = ("reset", "--projector", NAME, "--dry-run", "--json")
    before = run_cli(*planned, database=told).json["plan"]
    assert (before["forecast"]["events"], before["forecast"]["seconds"]) == (120, None)
    words = ("reset", "--projector", NAME, "--confirm", "DELETE", "--projector-grace", "0")
    assert run_cli(*words, database=told).status == 0

    told.execute(SLOWLY.replace("0.05", "0.03"))
    with following(told, "wait", "--projector", NAME, "--json", "--progress", "json", "--timeout", "50") as process:
        process.stderr.readline()  # type: ignore[union-attr]
        with running(told, NAME, tmp_path / "log"):
            process.communicate(timeout=60)
    run_cli("rebuild", "status", database=told)

    rows = told.execute("select receipt, projector, from_position, to_position, seconds from balados_db.rebuild")
    seconds = rows[0][4]
    assert rows == [(1, NAME, 0, 120, seconds)]
    assert seconds > 120 * 0.03  # no faster than its acknowledgements
    run("store.py", told, "--events", "60")
    after = run_cli(*planned, database=told).json["plan"]
    assert (after["forecast"]["events"], after["forecast"]["exact"], after["forecast"]["rebuilds"]) == (180, True, 1)
    assert after["forecast"]["seconds"] == pytest.approx(1.5 * seconds)
    assert after["digest"] == before["digest"]
    preview = run_cli("reset", "--projections", "--dry-run", database=told).out
    assert "for 180 events, measured with 1 rebuild, the last on " in preview
    assert "SubscriptionsProjector" in preview.partition("; of ")[2].partition("none was")[0]


def test_who_may_not_write_waits_all_the_same(told: Database, run_cli: Run) -> None:
    """A reader's login: nothing is kept, the answer says why, and waiting ends as it does for everybody."""
    catch_up(told)
    run_cli("reset", "--projector", NAME, "--confirm", "DELETE", "--projector-grace", "0", database=told)
    role = f"reader_{told.name}"
    told.execute(f"create role {role} login password 'look'; grant pg_read_all_data to {role}")
    reader = Database(told.name, told.url.replace(told.url.split("//")[1].split("@")[0], f"{role}:look"))
    try:
        with following(reader, "wait", "--json", "--progress", "json", "--timeout", "30") as process:
            process.stderr.readline()  # type: ignore[union-attr]
            catch_up(told)
            out, _ = process.communicate(timeout=40)
    finally:
        told.execute(f"drop owned by {role}; drop role {role}")

    assert process.returncode == 0, out
    assert [text for text in json.loads(out)["warnings"] if "could not be noted in the database" in text]


# ── on a terminal ────────────────────────────────────────────────────────────────────────────────────────


def test_a_terminal_shows_a_bar_for_each_and_the_answer_in_the_end(told: Database) -> None:
    """Bars while it waits; they give way to the table and to what is missing."""
    project(told, "--projector", NAME)
    terminal = Terminal(told, "rebuild", "wait", "--timeout", "2")
    terminal.child.expect_exact("━")
    terminal.child.expect_exact("caught up, 120 of 120")
    status, after = terminal.end()

    assert status == 4
    assert "not running, 0 of 120" in plain(str(after))
    assert "finding: SubscriptionsProjector: has seen 0 of 120" in plain(str(after))


def test_ctrl_c_ends_the_waiting(told: Database) -> None:
    """Without a timeout it waits for as long as it takes, and a person can end that: exit 130, the cursor shown."""
    terminal = Terminal(told, "rebuild", "wait")
    terminal.child.expect_exact("not running, 0 of 120")
    terminal.press("c")
    terminal.child.expect_exact("\x1b[?25h")

    assert terminal.end()[0] == 130
