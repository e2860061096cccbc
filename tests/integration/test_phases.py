"""A reset that takes several transactions, on a server with room for few locks: interrupted, resumed, looked into."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from balados_db.embedded import EmbeddedServer
from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]
PROJECTOR = ROOT / "examples" / "projector"
EVENTS = 60
TABLES = 60
WAYS = pytest.mark.parametrize("way", ["--empty", "--recreate"])
PROJECTED = (
    *("users.subscriptions", "users.play_statuses", "users.user_privacy"),
    *("public.public_events", "public.podcast_popularity"),
)


# ── a server with room for few locks ─────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose transactions can hold about 300 locks by its settings."""
    home = tmp_path_factory.mktemp("cramped") / "server"
    settings = {"max_locks_per_transaction": "10", "max_connections": "30", "max_prepared_transactions": "0"}
    server = EmbeddedServer(home, durable=False, settings=settings)
    yield server.start()
    server.discard()


@pytest.fixture(scope="module")
def template(cramped: str, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The example, with events that its projectors have read, and many tables that somebody made by hand."""
    database = made(cramped, "filled", "template0")
    folder = tmp_path_factory.mktemp("cramped-run")
    words = [*COMMAND, "--manifest", str(EXAMPLE), "--url", database.url]
    subprocess.run([*words, "up"], check=True, capture_output=True, cwd=folder, env=clean_environment(), timeout=60)
    project(database, "store.py", "--events", str(EVENTS))
    catch_up(database)
    database.execute(
        "".join(
            f"create table public.bulk_{n} (id int generated always as identity primary key, note text);"
            f"insert into public.bulk_{n} (note) values ('x');"
            for n in range(TABLES)
        )
        + "alter table public.bulk_1 add foreign key (id) references public.bulk_50;"
        "alter table public.bulk_50 add column peer int references public.bulk_1;"
        "create view public.bulk_view as select * from public.bulk_7;"
        "create table public.parts (id int generated always as identity, at int) partition by list (at);"
        "create table public.parts_1 partition of public.parts for values in (1);"
        "create table public.parts_2 partition of public.parts for values in (2);"
        "insert into public.parts (at) values (1), (2);"
        "create role cramped_reader; grant select on public.podcast_popularity to cramped_reader;"
        "grant update (privacy) on users.user_privacy to cramped_reader;"
        "create publication cramped for table users.subscriptions (id, user_id)"
    )
    return database


@pytest.fixture
def database(cramped: str, template: Database, request: pytest.FixtureRequest) -> Database:
    """A copy of it."""
    return made(cramped, f"t_{abs(hash(request.node.name))}", template.name)


def made(server: str, name: str, template: str) -> Database:
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"drop database if exists {name} with (force)")
        conn.execute(f"create database {name} template {template} strategy file_copy")
    return Database(name, server.rpartition("/")[0] + f"/{name}")


# ── who runs beside it ───────────────────────────────────────────────────────────────────────────────────


def project(database: Database, name: str, *options: str) -> int:
    words = [sys.executable, str(PROJECTOR / name), "--url", database.url, *options]
    return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode


def catch_up(database: Database) -> int:
    return project(database, "projector.py", "--all", "--until-caught-up", "--retry-interval", "0.2")


def hashes(database: Database) -> dict[str, str]:
    return {t: database.value(f"select md5(string_agg(t::text, '|' order by t::text)) from {t} t") for t in PROJECTED}


class Begun:
    """A reset in the background that is followed step by step."""

    def __init__(self, database: Database, *options: str) -> None:
        words = ["--manifest", str(EXAMPLE), "--url", database.url, "--json", "--progress", "json"]
        self.process = subprocess.Popen(
            [*COMMAND, *words, "reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )

    def until(self, step: str, times: int = 1) -> None:
        """Wait until a step whose summary holds these words is about to run."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            times -= step in line
            if not times:
                return
        raise AssertionError(f"there was no {step!r}: {self.process.stdout and self.process.stdout.read()}")

    def end(self) -> Result:
        out, err = self.process.communicate(timeout=60)
        return Result(self.process.returncode, out, err)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def gone(database: Database) -> None:
    """Wait until the server has noticed that its client is dead."""
    deadline = time.monotonic() + 10
    ours = "select count(*) from pg_stat_activity where application_name like 'balados-db/%' and datname = current_database()"
    while database.value(ours):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def phases(run_cli: Run, database: Database, *options: str) -> list[str]:
    plan = run_cli("reset", "--projections", "--dry-run", "--json", *options, database=database).json["plan"]
    return list(dict.fromkeys(step["phase"] for step in plan["steps"]))


def positions(database: Database) -> set[int]:
    """Those of the example's projectors: 0 is the origin."""
    rows = database.execute(
        "select last_seen from events.subscriptions where subscription_name like '%Projector'"
        " union all select last_seen_event_number from events.projection_versions"
    )
    return {row[0] for row in rows}


def is_done(database: Database, way: str) -> None:
    """Everything is empty and forgotten; nothing is left to be finished; rights are what they were."""
    assert [database.rows(t) for t in PROJECTED] == [0] * len(PROJECTED)
    assert positions(database) == set()
    assert database.value("select count(*) from balados_db.journal where ended_at is null") == 0
    if way == "--empty":
        assert sum(database.rows(f"public.bulk_{n}") for n in (0, 1, 30, 50, TABLES - 1)) == 0
        assert database.rows("public.parts") == 0
        database.execute("insert into public.parts (at) values (1)")
        assert database.value("select id from public.parts") == 1
    else:
        assert database.value("select count(*) from pg_class where relname like 'bulk_%'") == 0
    rights = "select has_table_privilege('cramped_reader', 'public.podcast_popularity', 'select'), has_column_privilege('cramped_reader', 'users.user_privacy', 'privacy', 'update')"
    assert database.execute(rights) == [(True, True)]
    published = "select attnames from pg_publication_tables where pubname = 'cramped' and tablename = 'subscriptions'"
    assert database.execute(published) == [(["id", "user_id"],)]


# ── the promises ─────────────────────────────────────────────────────────────────────────────────────────


@WAYS
def test_what_does_not_fit_is_done_in_several_transactions(database: Database, run_cli: Run, way: str) -> None:
    """The plan says so; afterwards all is as after one; what is kept is what it was; projectors replay everything."""
    clean, kept = hashes(database), database.snapshot("system")
    names = phases(run_cli, database, way)
    preview = run_cli("reset", "--projections", way, "--dry-run", database=database).out

    result = run_cli("reset", "--projections", way, "--confirm", "DELETE", "--json", database=database)

    assert result.status == 0, result.out
    assert names[0] == "begin"
    assert names[-1] == "finish"
    assert len(names) >= 5
    assert "too much for one transaction" in preview
    is_done(database, way)
    assert database.snapshot("system") == kept
    assert catch_up(database) == 0
    assert hashes(database) == clean


@WAYS
def test_a_projector_that_starts_in_any_gap_loses_nothing(
    database: Database, template: Database, cramped: str, run_cli: Run, way: str, request: pytest.FixtureRequest
) -> None:
    """Killed after every transaction; a projector runs in the gap; the same command finishes it: all events are there.

    In the gap the positions are at the origin, `status` exits 4 and names the command, and nothing else is let at it.
    """
    clean = hashes(database)
    names = phases(run_cli, database, way)
    last = len(names)
    gaps = range(1, last) if request.config.getoption("thorough") else sorted({1, last // 2, last - 1})
    for committed in gaps:
        database = made(cramped, database.name, template.name)
        run = Begun(database, way)
        run.until("take the fingerprint", committed + 1)
        run.kill()
        gone(database)

        if committed > 1:
            assert positions(database) == {0}
        status = run_cli("status", "--json", database=database)
        assert status.json["result"].get("unfinished"), status.out
        done = status.json["result"]["unfinished"]["done"]
        assert (status.status, done) == (4, committed)
        assert status.following == [["balados-db", "reset", "--projections", way]]
        assert run_cli("migrate", database=database).code == "unfinished_reset"
        catch_up(database)  # whatever it meets: its tables may be gone

        again = run_cli(*status.following[0][1:], "--confirm", "DELETE", "--json", database=database)
        assert again.status == 0, again.out
        is_done(database, way)
        assert catch_up(database) == 0
        assert hashes(database) == clean, f"after {names[committed - 1]}"
    print(f"{way}: a projector ran in {len(gaps)} of {last - 1} gaps")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_an_interruption_in_between_says_what_is_left(database: Database, run_cli: Run, number: int) -> None:
    """Exit 9: some of it is committed. The next run finishes it."""
    run = Begun(database, "--empty")
    run.until("take the fingerprint", 3)
    run.process.send_signal(number)
    result = run.end()

    error = result.json["errors"][0]
    assert (result.status, error["code"], error["retryable"]) == (9, "unfinished", True)
    assert result.json["changed"] is True
    assert "balados-db reset --projections --empty" in error["hint"]
    assert run_cli("reset", "--projections", "--confirm", "DELETE", "--empty", database=database).status == 0
    is_done(database, "--empty")


def test_an_interruption_before_the_first_commit_changes_nothing(database: Database) -> None:
    """Exit 143, as ever."""
    before = database.snapshot()
    run = Begun(database, "--empty")
    run.until("take the fingerprint", 1)
    run.process.terminate()

    assert run.end().status == 143
    assert database.snapshot() == before


def test_a_projector_that_moved_meanwhile_is_seen(database: Database, run_cli: Run) -> None:
    """One that was never seen before may start in the middle: it is named, nothing is forgotten, the next run finishes."""
    with database.connect() as blocker:
        blocker.autocommit = False
        blocker.execute(f"lock table public.bulk_{TABLES - 1} in access share mode")
        run = Begun(database, "--empty")
        wait_until(lambda: database.value("select to_regclass('balados_db.journal') is not null"))
        wait_until(lambda: positions(database) == {0})
        database.execute(
            "update events.projection_versions set last_seen_event_number = 7 where projection_name = 'PopularityProjector'"
        )
        blocker.rollback()
    result = run.end()

    error = result.json["errors"][0]
    assert (result.status, error["details"]["cause"]) == (9, "projectors_moved")
    assert "PopularityProjector" in error["message"]
    assert 7 in positions(database)
    assert run_cli("reset", "--projections", "--empty", "--confirm", "DELETE", database=database).status == 0
    is_done(database, "--empty")


def wait_until(claim: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_table_that_stays_locked_leaves_a_reset_to_be_finished(database: Database, run_cli: Run) -> None:
    """Exit 9, who is in the way is named; afterwards the same command goes on."""
    with database.connect() as blocker:
        blocker.autocommit = False
        blocker.execute(f"lock table public.bulk_{TABLES - 1} in access share mode")
        result = run_cli(
            *("reset", "--projections", "--empty", "--confirm", "DELETE", "--lock-timeout", "1"), database=database
        )

    assert (result.status, result.code) == (9, "unfinished")
    assert "process" in result.err
    assert run_cli("reset", "--projections", "--empty", "--confirm", "DELETE", database=database).status == 0
    is_done(database, "--empty")


def test_other_scopes_wait_until_it_is_finished(database: Database, run_cli: Run) -> None:
    """What was begun is neither old nor new: nothing is migrated, rolled back or reset beside it (exit 5)."""
    run = Begun(database, "--recreate")
    run.until("take the fingerprint", 4)
    run.kill()
    gone(database)

    for words in (
        ("init",),
        ("adopt", "--schema", "users"),
        ("rollback", "--schema", "users", "--confirm", "DELETE"),
        ("reset", "--system", "--confirm", "DELETE"),
        ("reset", "--projections", "--empty", "--confirm", "DELETE"),
    ):
        assert run_cli(*words, database=database).status == 5, words
    assert run_cli("reset", "--projections", "--confirm", "DELETE", database=database).status == 0
    is_done(database, "--recreate")


def test_readers_of_what_is_kept_never_wait(database: Database) -> None:
    """A login reads permanent data all the while."""
    longest, over = 0.0, threading.Event()

    def read() -> None:
        nonlocal longest
        with database.connect() as conn:
            while not over.is_set():
                begun = time.monotonic()
                conn.execute("select count(*) from system.users")
                longest = max(longest, time.monotonic() - begun)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert Begun(database, "--recreate").end().status == 0
    finally:
        over.set()
        reader.join()
    assert longest < 1


def test_a_file_that_fails_in_the_middle_is_mended_and_finished(
    database: Database, run_cli: Run, tmp_path: Path
) -> None:
    """The positions are at the origin meanwhile; with the file mended the same command makes everything anew."""
    manifest = copy_of_example(tmp_path)
    files = (tmp_path / "migrations" / "projections" / "public").glob("*.sql")
    broken = sorted(f for f in files if not f.name.endswith(".rollback.sql"))[-1]
    good = broken.read_text()
    broken.write_text(good + "\nselect 1 / 0;\n")

    failed = run_cli("reset", "--projections", "--confirm", "DELETE", "--json", database=database, manifest=manifest)
    assert (failed.status, failed.json["errors"][0]["details"]["cause"]) == (9, "migration_failed")
    assert positions(database) == {0}

    broken.write_text(good)
    assert run_cli("reset", "--projections", "--confirm", "DELETE", database=database, manifest=manifest).status == 0
    is_done(database, "--recreate")


def copy_of_example(folder: Path) -> Path:
    """The example's manifest and files, to be written to."""
    for name in ("migrations", "sql"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(EXAMPLE, folder / EXAMPLE.name)
    return folder / EXAMPLE.name
