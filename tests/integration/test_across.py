"""A reset whose tables lie in one database and whose events lie in another, with the example's projector.

Killed at every commit with a projector started in the gap, resumed, refused, cut off: no event is ever lost.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from balados_db.canonical import digest
from balados_db.embedded import EmbeddedServer
from tests.apart import (
    EVENTS,
    PROJECTED,
    Apart,
    Held,
    catch_up,
    command,
    copy,
    eventually,
    first_steps,
    gone,
    hashes,
    is_done,
    made,
    manifest_apart,
    open_journals,
    positions,
    prepare,
)
from tests.conftest import Database, Result

Run = Callable[..., Result]
PROJECTIONS = ("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")


# ── the ground ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return manifest_apart(tmp_path_factory.mktemp("apart"))


@pytest.fixture(scope="module")
def template(new_database: Callable[..., Database], manifest: Path) -> Apart:
    return made(new_database, manifest)


@pytest.fixture
def apart(template: Apart, new_database: Callable[..., Database]) -> Apart:
    """A copy of them."""
    return copy(template, new_database)


@pytest.fixture
def run(apart: Apart, manifest: Path) -> Run:
    return lambda *words, **env: command(apart, manifest, *words, **env)


# ── the promises ─────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_one_plan_with_one_phrase_over_both(run: Run, apart: Apart) -> None:
    """Preview, JSON and dry run name the database of each step; afterwards a replay gives the same rows."""
    clean, kept = hashes(apart), apart.main.snapshot("system")
    shown = run("reset", "--projections", "--dry-run").out
    before = apart.snapshot()
    plan = run("reset", "--projections", "--dry-run", "--json").json["plan"]
    assert apart.snapshot() == before

    assert f"main: server {plan['targets']['main']['server']} · database {apart.main.name}" in shown
    assert f"database {apart.events.name}" in shown
    assert "empty users in main" in shown
    assert "events in events" in shown
    order = list(dict.fromkeys((step["phase"], step["database"]) for step in plan["steps"]))
    assert order == [
        *(("begin", "main"), ("begin", "events"), ("empty 1 of 1", "main")),
        *(("finish", "main"), ("finish", "events"), ("close", "main")),
    ]
    refused = run("reset", "--projections", "--confirm", "delete")
    assert refused.status == 3
    assert apart.snapshot() == before

    with apart.main.connect() as main, apart.events.connect() as events:
        main.execute("listen rebuilt")
        events.execute("listen rebuilt")
        done = run(*PROJECTIONS, "--json")
        assert done.status == 0, done.out
        told = [list(conn.notifies(timeout=5, stop_after=1)) for conn in (main, events)]
    assert done.json["plan"]["digest"] == plan["digest"]
    assert [json.loads(n.payload)["scope"] for found in told for n in found] == ["projections"] * 2
    is_done(apart)
    assert apart.main.snapshot("system") == kept
    assert catch_up(apart) == 0
    assert hashes(apart) == clean
    assert [len(part["result"]["runs"]) for part in run("history", "--json").json["databases"].values()] == [1, 1]


@pytest.mark.parametrize("way", ["--empty", "--recreate"])
def test_killed_at_every_commit_with_a_projector_started_in_the_gap(
    way: str,
    template: Apart,
    manifest: Path,
    new_database: Callable[..., Database],
    request: pytest.FixtureRequest,
) -> None:
    """Whatever ran in the gap: the same command, from anywhere, finishes it, and a replay gives the rows of a clean one.

    Meanwhile `status` exits 4 and names the command; where the tables are empty already, the gap itself loses nothing.
    """
    clean = hashes(template)
    words = (*PROJECTIONS, way)
    starts = first_steps(lambda *w: command(template, manifest, *w), *words)
    last = max(starts.values())
    held = range(2, last + 1) if request.config.getoption("thorough") else list(starts.values())[1:]
    for step in held:
        apart = copy(template, new_database)
        Held(apart, manifest, step, *words).kill()
        gone(apart)
        begun = open_journals(apart)
        if begun == [0, 0]:
            assert step < starts["begin", "events"]
            continue
        status = command(apart, manifest, "status", "--json")
        assert status.status == 4
        assert status.json["next_actions"] == [
            ["balados-db", "reset", "--projections", way, "--manifest", str(manifest)]
        ]

        projected = catch_up(apart)  # whatever it meets: its tables may be gone
        if step >= starts["finish", "main"]:  # they are empty, so what it lacks now it would lack for ever
            assert (projected, hashes(apart)) == (0, clean), step

        again = command(apart, manifest, *status.json["next_actions"][0][1:], "--confirm", "DELETE", "--json")
        assert again.status == 0, (step, again.out)
        is_done(apart)
        assert catch_up(apart) == 0
        assert hashes(apart) == clean, step
    print(f"{way}: a projector ran in {len(held)} gaps")


def test_what_is_done_first_loses_nothing(apart: Apart, manifest: Path, run: Run) -> None:
    """In the first gap tables are whole and one position is at the origin; in the next one all are."""
    clean, starts = hashes(apart), first_steps(run, *PROJECTIONS)
    held = Held(apart, manifest, starts["begin", "events"], *PROJECTIONS)
    assert run(*PROJECTIONS, "--lock-timeout", "0.3").status == 6  # one run at a time, over both
    held.kill()
    gone(apart)
    assert positions(apart) == ({EVENTS}, {0})
    assert open_journals(apart) == [1, 0]
    assert run("migrate", "--schema", "users").code == "unfinished_reset"
    assert run("reset", "--events", "--confirm", "DELETE ALL EVENTS").code == "unfinished_reset"

    Held(apart, manifest, starts["empty 1 of 1", "main"], *PROJECTIONS).kill()
    gone(apart)
    assert positions(apart) == ({0}, {0})
    assert open_journals(apart) == [1, 1]
    assert hashes(apart) == clean
    assert run("migrate", "--events").code == "unfinished_reset"


def test_positions_that_own_sql_forgets_may_keep_their_rows(apart: Apart, manifest: Path, tmp_path: Path) -> None:
    """What such a row looks like is the manifest's affair: nobody is said to have moved."""
    own = (
        "forget = { sql = 'update public.projection_versions set last_seen_event_number = 0"
        " where projection_name = any (%(projectors)s)' }\noptional = true"
    )
    file = tmp_path / "own.toml"
    file.write_text(manifest.read_text().replace("optional = true", own))

    done = command(apart, file, *PROJECTIONS)

    assert done.status == 0, done.err
    assert positions(apart) == (set(), {0})
    assert open_journals(apart) == [0, 0]


def test_a_live_projector_is_seen_where_it_takes_its_lock(apart: Apart, run: Run) -> None:
    """Exit 6, though nothing of it is in the tables' database; nothing changes in either."""
    before = apart.snapshot()
    with apart.events.connect() as subscriber:
        take_lock(subscriber, apart)
        refused = run(*PROJECTIONS, "--json")

    error = refused.json["errors"][0]
    assert (refused.status, error["code"]) == (6, "projectors_live")
    assert error["database"] == "events"
    assert apart.snapshot() == before


LOCK = "select pg_try_advisory_lock('events.subscriptions'::regclass::oid::bigint::bit(32)::int, %s)"
ONE = "select subscription_id from events.subscriptions where subscription_name = 'PopularityProjector'"


def take_lock(subscriber: Any, apart: Apart) -> bool:
    return bool(subscriber.execute(LOCK, (apart.events.value(ONE),)).fetchone()[0])


def test_who_read_its_place_before_is_kept_out_until_after_the_last_commit(apart: Apart, manifest: Path) -> None:
    """The fence is held where the events lie, over all transactions in both, and the grace after them."""
    id_, grace, got = apart.events.value(ONE), 1.5, threading.Event()
    taken = 0.0

    def subscribe() -> None:
        nonlocal taken
        with apart.events.connect() as conn:
            while not got.is_set():
                row = conn.execute(LOCK, (id_,)).fetchone()
                if row and row[0]:
                    taken = time.monotonic()
                    got.set()
                time.sleep(0.02)

    run = Held(apart, manifest, 3, "reset", "--projections", "--confirm", "DELETE", "--projector-grace", str(grace))
    subscriber = threading.Thread(target=subscribe)
    subscriber.start()
    finishing = threading.Thread(target=run.go_on)
    finishing.start()
    eventually(lambda: open_journals(apart) == [0, 0] and not apart.events.execute(ONE))
    forgotten = time.monotonic()
    finishing.join()
    subscriber.join()
    assert taken - forgotten > grace / 2


@pytest.mark.parametrize("name", ["main", "events"])
def test_a_database_that_is_out_of_reach_stops_it_before_anything(apart: Apart, run: Run, name: str) -> None:
    """Exit 8; the other one is as it was."""
    before = apart.snapshot()
    variable = {"main": "DATABASE_URL", "events": "EVENTS_URL"}[name]

    refused = run(*PROJECTIONS, "--json", **{variable: "postgresql://nobody@127.0.0.1:1/none"})

    assert (refused.status, refused.json["errors"][0]["database"]) == (8, name)
    assert apart.snapshot() == before


@pytest.mark.parametrize("name", ["main", "events"])
def test_a_database_that_is_lost_in_the_middle_leaves_something_to_finish(
    apart: Apart, manifest: Path, run: Run, name: str
) -> None:
    """Exit 9 and how to go on, also where it is only the fence of the other one that fell."""
    clean, starts = hashes(apart), first_steps(run, *PROJECTIONS)
    held = Held(apart, manifest, starts["empty 1 of 1", "main"], *PROJECTIONS)
    lost = {"main": apart.main, "events": apart.events}[name]
    lost.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'balados-db/%' and datname = current_database()"
    )
    result = held.go_on()

    error = result.json["errors"][0]
    assert (result.status, error["code"], result.json["changed"]) == (9, "unfinished", True), result.out
    assert result.json["next_actions"] == [["balados-db", "reset", "--projections", "--manifest", str(manifest)]]
    assert hashes(apart) == clean
    assert run(*PROJECTIONS).status == 0
    is_done(apart)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("main", "create table users.another (id int)", id="a table more in one"),
        pytest.param(
            "events",
            "insert into events.subscriptions (stream_uuid, subscription_name, last_seen) values ('$all', 'Another', 3)",
            id="a subscription more in the other",
        ),
    ],
)
def test_a_plan_that_is_stale_in_one_of_them_changes_neither(
    apart: Apart, manifest: Path, name: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 7: it is looked at again in both, behind the fences, before the first transaction."""
    from balados_db.cli.options import CommonOptions
    from balados_db.cli.session import Session
    from balados_db.errors import StalePlan
    from balados_db.execution.across import AcrossOrders, execute_across, plan_across, planned_together
    from balados_db.model import Scope
    from balados_db.planning.request import ResetRequest

    for variable, url in apart.env.items():
        monkeypatch.setenv(variable, url)
    session = Session("reset", CommonOptions(manifest=str(manifest)))
    parts = {str(part.database): part.orders(planned_together) for part in session.parts}
    orders = AcrossOrders(manifest=session.manifest, request=ResetRequest(scope=Scope.PROJECTIONS), parts=parts)
    plan = plan_across(orders)
    {"main": apart.main, "events": apart.events}[name].execute(change)
    before = apart.snapshot()

    with pytest.raises(StalePlan) as caught:
        execute_across(plan, orders)

    assert caught.value.database == name
    assert apart.snapshot() == before


# ── a plan as a file ─────────────────────────────────────────────────────────────────────────────────────

PLANNED = ("reset", "--projections", "--projector-grace", "0")
CONFIRMED = ("--confirm", "DELETE", "--json")


def written(apart: Apart, manifest: Path, file: Path, *words: str) -> dict[str, Any]:
    """A plan file's content."""
    done = command(apart, manifest, "plan", *(words or PLANNED), "--out", str(file))
    assert done.status == 0, done.err
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def applied(apart: Apart, manifest: Path, file: Path, *words: str, **env: str) -> Result:
    return command(apart, manifest, "apply", str(file), *(words or CONFIRMED), **env)


def test_a_plan_of_both_is_one_file_that_works_once(apart: Apart, manifest: Path, tmp_path: Path) -> None:
    """It names both, changes neither, needs its phrase; then it is used up, and a new one of the same content works."""
    clean, before = hashes(apart), apart.snapshot()
    found = written(apart, manifest, file := tmp_path / "plan.json")

    assert {name: target["database"] for name, target in found["targets"].items()} == {
        "main": apart.main.name,
        "events": apart.events.name,
    }
    assert {step["database"] for step in found["steps"]} == {"main", "events"}
    dry = applied(apart, manifest, file, "--dry-run", "--json")
    assert (dry.status, dry.json["changed"], dry.json["plan"]["digest"]) == (0, False, found["digest"])
    for words in (("--json",), ("--confirm", "delete", "--json")):
        assert applied(apart, manifest, file, *words).status == 3
    assert apart.snapshot() == before

    done = applied(apart, manifest, file)
    assert (done.status, done.json["changed"]) == (0, True), done.out
    assert done.json["result"]["plan_file"]["id"] == found["id"]
    is_done(apart)
    for words in (CONFIRMED, ("--dry-run", "--json")):
        again = applied(apart, manifest, file, *words)
        assert (again.status, again.code, again.json["next_actions"]) == (7, "plan_already_applied", [])

    assert catch_up(apart) == 0
    assert hashes(apart) == clean
    same = written(apart, manifest, second := tmp_path / "second.json")
    assert (same["digest"], same["facts"]) == (found["digest"], found["facts"])
    assert applied(apart, manifest, file).code == "plan_already_applied"
    assert applied(apart, manifest, second).status == 0
    assert apart.main.value("select count(*) from balados_db.applied_plan where ended_at is not null") == 2


CHANGES = {
    "a column in one": ({"main": "alter table users.subscriptions add extra int"}, "main", "structure of users"),
    "a subscription in the other": (
        {"events": "insert into events.subscriptions (stream_uuid, subscription_name, last_seen) values ('$all', 'X', 3)"},
        "events",
        "a checkpoint of X in events.subscriptions is new",
    ),
    "something in both": (
        {
            "main": "create table users.another (id int)",
            "events": "delete from events.subscriptions where subscription_name = 'PopularityProjector'",
        },
        None,
        "in events: a checkpoint of PopularityProjector in events.subscriptions is gone; in main: structure of users",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_of_both_is_stale_when_one_of_them_changed(
    change: str, apart: Apart, manifest: Path, tmp_path: Path
) -> None:
    """Exit 7 says what changed and where, whatever the phrase, in a dry run too; nothing is done in either."""
    statements, where, said = CHANGES[change]
    written(apart, manifest, file := tmp_path / "plan.json")
    for name, statement in statements.items():
        {"main": apart.main, "events": apart.events}[name].execute(statement)
    before = apart.snapshot()

    for words in (CONFIRMED, ("--dry-run", "--json")):
        refused = applied(apart, manifest, file, *words)

        assert (refused.status, refused.code, refused.json["changed"]) == (7, "stale_plan", False), refused.out
        error = refused.json["errors"][0]
        assert error["database"] == where
        assert said in error["message"]
    assert apart.snapshot() == before


def test_a_plan_of_both_is_for_these_two(
    apart: Apart, manifest: Path, tmp_path: Path, new_database: Callable[..., Database]
) -> None:
    """A copy behind one of the names is another database; a manifest in which all lies in one is another plan."""
    written(apart, manifest, file := tmp_path / "plan.json")
    copied = new_database(apart.events.name)
    before = (*apart.snapshot(), copied.snapshot())

    other = applied(apart, manifest, file, *CONFIRMED, EVENTS_URL=copied.url)
    assert (other.status, other.code, other.json["errors"][0]["database"]) == (7, "stale_plan", "events")
    assert (
        f"it was made for database {apart.events.name}, and this is {copied.name}" in other.json["errors"][0]["message"]
    )

    alone = written(apart, manifest, tmp_path / "alone.json", "reset", "--schema", "system")
    assert alone["targets"] == {}
    forged = {**json.loads(file.read_text()), "arguments": alone["arguments"]}
    forged["checksum"] = digest({key: value for key, value in forged.items() if key != "checksum"})
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    fewer = applied(apart, manifest, tmp_path / "forged.json")
    assert (fewer.status, fewer.code) == (7, "stale_plan"), fewer.out
    assert "the databases that it concerns: events and main when it was planned" in fewer.json["errors"][0]["message"]
    assert (*apart.snapshot(), copied.snapshot()) == before


def test_two_at_once_apply_a_plan_of_both_once(apart: Apart, manifest: Path, tmp_path: Path) -> None:
    """Exactly one does it; the others say that it is done or that one is at it."""
    written(apart, manifest, file := tmp_path / "plan.json")

    with ThreadPoolExecutor(3) as pool:
        ends = [run.result() for run in [pool.submit(applied, apart, manifest, file) for _ in range(3)]]

    assert sorted(end.status for end in ends)[0] == 0, [end.out for end in ends]
    assert {end.code for end in ends if end.status} <= {
        "plan_already_applied",
        "lock_held",
        "lock_timeout",
        "projectors_live",
    }
    assert len([end for end in ends if end.status]) == 2
    is_done(apart)
    assert apart.main.rows("balados_db.receipt") == 1


def test_an_apply_that_is_killed_at_a_commit_uses_the_file_up_and_is_resumed(
    template: Apart, manifest: Path, new_database: Callable[..., Database], tmp_path: Path
) -> None:
    """Before the first commit nothing is used up. After it the file says what finishes it: its command, or a new plan."""
    clean = hashes(template)
    starts = first_steps(lambda *w: command(template, manifest, *w), *PLANNED)
    for number, step in enumerate(starts.values()):
        apart, file = copy(template, new_database), tmp_path / f"plan-{number}.json"
        written(apart, manifest, file, *PLANNED)
        Held(apart, manifest, step, "apply", str(file), "--confirm", "DELETE").kill()
        gone(apart)
        if number == 0:
            assert open_journals(apart) == [0, 0]
            assert applied(apart, manifest, file).status == 0
            is_done(apart)
            continue

        again = applied(apart, manifest, file)
        assert (again.status, again.code) == (7, "plan_already_applied"), again.out
        assert again.json["next_actions"] == [["balados-db", *PLANNED[:-1], "0.0", "--manifest", str(manifest)]]
        assert command(apart, manifest, "status").status == 4
        catch_up(apart)
        if number % 2:
            done = command(apart, manifest, *again.json["next_actions"][0][1:], *CONFIRMED)
        else:
            written(apart, manifest, second := tmp_path / f"second-{number}.json", *PLANNED)
            done = applied(apart, manifest, second)
        assert done.status == 0, (step, done.out)
        is_done(apart)
        assert catch_up(apart) == 0
        assert hashes(apart) == clean, step
        over = applied(apart, manifest, file)
        assert (over.code, over.json["next_actions"]) == ("plan_already_applied", [])


def test_an_apply_that_fails_in_the_middle_says_how_to_go_on(apart: Apart, manifest: Path, tmp_path: Path) -> None:
    """Exit 9 with the command; what fails before the first commit has used nothing up."""
    written(apart, manifest, file := tmp_path / "plan.json")
    starts = first_steps(lambda *w: command(apart, manifest, *w), *PLANNED)
    with apart.events.connect() as subscriber:
        take_lock(subscriber, apart)
        assert applied(apart, manifest, file).code == "projectors_live"
    eventually(lambda: applied(apart, manifest, file, "--dry-run").status == 0)

    held = Held(apart, manifest, starts["empty 1 of 1", "main"], "apply", str(file), "--confirm", "DELETE")
    apart.events.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'balados-db/%' and datname = current_database()"
    )
    result = held.go_on()

    assert (result.status, result.json["errors"][0]["code"], result.json["changed"]) == (9, "unfinished", True)
    assert result.json["next_actions"] == [["balados-db", "reset", "--projections", "--manifest", str(manifest)]]
    assert applied(apart, manifest, file).code == "plan_already_applied"
    assert command(apart, manifest, *result.json["next_actions"][0][1:], *CONFIRMED).status == 0
    is_done(apart)


# ── how far it reaches ───────────────────────────────────────────────────────────────────────────────────


def test_each_scope_reaches_as_far_as_it_says(
    template: Apart, new_database: Callable[..., Database], manifest: Path
) -> None:
    """Permanent data lies in one; a projector's tables and positions in both; events take everybody's positions along."""
    apart = copy(template, new_database)
    one = command(apart, manifest, "reset", "--projector", "PopularityProjector", "--confirm", "DELETE", "--empty")
    assert one.status == 0, one.err
    assert apart.main.rows("public.podcast_popularity") == 0
    assert apart.main.rows("users.subscriptions") > 0
    assert positions(apart) == ({EVENTS}, {row[0] for row in apart.main.execute(
        "select last_seen_event_number from public.projection_versions where projection_name <> 'PopularityProjector'"
    )})  # fmt: skip
    assert catch_up(apart) == 0
    assert hashes(apart) == hashes(template)

    system = command(apart, manifest, "reset", "--system", "--confirm", "DELETE", "--json")
    assert system.status == 0, system.out
    assert not system.json["plan"]["targets"]

    rows = {table: apart.main.rows(table) for table in PROJECTED}
    events = command(apart, manifest, "reset", "--events", "--confirm", "DELETE ALL EVENTS")
    assert events.status == 0, events.err
    assert apart.events.rows("events.events") == 0
    assert positions(apart) == (set(), set())
    assert {table: apart.main.rows(table) for table in PROJECTED} == rows

    everything = command(copy(template, new_database), manifest, "reset", "--all", "--confirm", "DELETE ALL DATA")
    assert everything.status == 0, everything.err


@pytest.mark.parametrize("scope", ["--events", "--all"])
def test_events_that_go_go_with_every_position_also_when_it_is_cut_off(
    apart: Apart, manifest: Path, run: Run, scope: str
) -> None:
    """Killed after the events went: resumed, nobody's position is left, and what comes later is projected from its start."""
    phrase = {"--events": "DELETE ALL EVENTS", "--all": "DELETE ALL DATA"}[scope]
    words = ("reset", scope, "--confirm", phrase, "--projector-grace", "0")
    starts = first_steps(run, *words)
    after = list(starts.values())[2]
    Held(apart, manifest, after, *words).kill()
    gone(apart)
    assert apart.events.rows("events.events") == 0
    assert positions(apart)[1] != set()
    catch_up(apart)

    assert run("status").status == 4
    assert run(*words).status == 0
    assert positions(apart) == (set(), set())
    assert open_journals(apart) == [0, 0]


def test_an_event_store_that_is_not_where_it_should_be_is_no_empty_one(
    apart: Apart, run: Run, new_database: Callable[..., Database]
) -> None:
    """Another URL by mistake: the tables would be emptied and the positions kept, so it is refused (exit 5)."""
    before = apart.main.snapshot()
    wrong = new_database(prefix="wrong")

    refused = run(*PROJECTIONS, EVENTS_URL=wrong.url)

    assert (refused.status, refused.code) == (5, "unknown_event_store")
    assert "In database events" in refused.err
    assert apart.main.snapshot() == before


def test_what_names_a_database_must_agree_for_each(apart: Apart, run: Run) -> None:
    """Exit 2, before it is looked into."""
    elsewhere = {"BALADOS_DB_URL_EVENTS": apart.main.url}
    refused = run(*PROJECTIONS, **elsewhere)
    assert (refused.status, refused.code) == (2, "targets_disagree")
    assert "In database events" in refused.err


def test_databases_of_two_environments_are_refused(apart: Apart, run: Run) -> None:
    """One of the URLs is another system's; said before anything else."""
    assert run("environment", "set", "staging").status == 0
    apart.events.execute("update balados_db.environment set name = 'production'")
    before = apart.snapshot()

    refused = run(*PROJECTIONS)

    assert (refused.status, refused.code) == (5, "environments_differ")
    assert apart.snapshot() == before


def test_two_servers(template: Apart, manifest: Path, tmp_path: Path, new_database: Callable[..., Database]) -> None:
    """The events on another server: the same, also when it is killed in between."""
    server = EmbeddedServer(tmp_path / "server", durable=False)
    try:
        url = server.start()
        elsewhere = Database("postgres", url.rpartition("/")[0] + "/postgres")
        apart = Apart(new_database(prefix="main"), elsewhere)
        prepare(apart, manifest)
        clean = hashes(apart)
        starts = first_steps(lambda *w: command(apart, manifest, *w), *PROJECTIONS)
        Held(apart, manifest, starts["finish", "main"], *PROJECTIONS).kill()
        gone(apart)
        assert catch_up(apart) == 0
        assert command(apart, manifest, *PROJECTIONS).status == 0
        is_done(apart)
        assert catch_up(apart) == 0
        assert hashes(apart) == clean
    finally:
        server.discard()


def test_verify_puts_positions_and_head_together(apart: Apart, run: Run) -> None:
    """A position in one database is compared with the head in the other; whoever is known in either is known."""
    for name in ("PlaylistsProjector", "CollectionsProjector"):  # no event of theirs came up
        apart.events.execute(
            f"insert into events.subscriptions (stream_uuid, subscription_name, last_seen) values ('$all', '{name}', {EVENTS})"
        )
    assert run("verify").status == 0
    apart.main.execute(
        "update public.projection_versions set last_seen_event_number = 100 where projection_name = 'PopularityProjector'"
    )

    found = run("verify", "--json")

    told = [f for part in found.json["databases"].values() for f in part["result"]["findings"]]
    assert found.status == 4
    assert [(f["code"], f["subject"]) for f in told if f["severity"] != "note"] == [
        ("ahead_of_head", "PopularityProjector")
    ]


def test_progress_is_told_from_both(apart: Apart, run: Run) -> None:
    """The head from one, positions from the other too; `rebuild wait` waits until it is so."""
    assert run(*PROJECTIONS).status == 0
    behind = run("rebuild", "wait", "--timeout", "1", "--json")
    assert (behind.status, behind.json["result"]["head"]) == (4, EVENTS)
    assert catch_up(apart) == 0
    assert run("rebuild", "wait", "--timeout", "20", "--projector", "PopularityProjector").status == 0
    assert run("status", "--json").json["result"]["head"] == EVENTS
