"""Behind a real pgbouncer in transaction mode everything is as without it, or is refused with the reason."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment
from tests.cutter import cutter
from tests.pooler import REQUIRED, Pooler, binary, pooler

Run = Callable[..., Result]
New = Callable[..., Database]
POOLERS: dict[str, dict[str, object]] = {
    "refuses start-up options": {"default_pool_size": 4},
    "ignores start-up options": {"default_pool_size": 4, "ignore_startup_parameters": "extra_float_digits,options"},
}
REFUSING, IGNORING = POOLERS
OWN = ("system", "users", "public", "events")
RESET = ("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")
LOCK = "select {} ('events.subscriptions'::regclass::oid::int, %s)"
FENCE = """
select count(*) from pg_locks where locktype = 'advisory' and objsubid = 1
   and database = (select oid from pg_database where datname = current_database())
"""
PATIENCE = 20.0  # seconds

pytestmark = pytest.mark.skipif(
    binary() is None and REQUIRED not in os.environ, reason="pgbouncer is not installed: behind it, nothing is proven"
)


@pytest.fixture(scope="module")
def poolers(server: str) -> Iterator[dict[str, Pooler]]:
    """The two kinds of pgbouncer that are common."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(pooler(server, **settings)) for name, settings in POOLERS.items()}


@pytest.fixture(params=POOLERS)
def pool(request: pytest.FixtureRequest, poolers: dict[str, Pooler]) -> Pooler:
    """Each of the two."""
    return poolers[request.param]


@pytest.fixture
def refusing(poolers: dict[str, Pooler]) -> Pooler:
    """As pgbouncer is by default."""
    return poolers[REFUSING]


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Copy the example and add migrations to a schema's folder; returns the manifest."""

    def copy(folder: str, **files: str) -> Path:
        for name in ("balados-db.toml", "migrations", "sql"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
        for name, text in files.items():
            (tmp_path / "migrations" / folder / f"{name}.sql").write_text(text)
        return tmp_path / "balados-db.toml"

    return copy


def start(database: Database, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--manifest", str(EXAMPLE), "--url", database.url, "--json", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def eventually(is_so: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.05)


def rows(database: Database) -> dict[str, str]:
    """The rows of every declared schema's tables; what depends on the clock or on the run is left out."""
    found = database.snapshot(*OWN)
    return {k: v for k, v in found.items() if k.startswith("rows") and "yoyo" not in k}


def objects(database: Database) -> set[str]:
    """The names of all that is there; constraints and triggers go by their numbers."""
    return {name for name in database.snapshot() if not name.startswith(("constraint", "trigger"))}


def structures(database: Database) -> list[tuple[Any, ...]]:
    return database.execute("select schema_name, structure, migrations, seeded from balados_db.structure order by 1")


def sessions(pooled: Database, number: int = 3) -> list[dict[str, str]]:
    """What the next clients of the pool find: settings, role and leftovers of as many sessions at once."""
    with ExitStack() as stack:
        found = []
        for _ in range(number):
            conn = stack.enter_context(closing(psycopg.connect(pooled.url, prepare_threshold=None)))
            seen = dict(conn.execute("select name, setting from pg_settings").fetchall())
            for name in ("role", "session_authorization"):
                seen[name] = conn.execute("select current_setting(%s)", (name,)).fetchone()[0]  # type: ignore[index]
            seen["prepared"] = str(conn.execute("select name from pg_prepared_statements").fetchall())
            found.append(seen)
        return found


def changes(before: list[dict[str, str]], after: list[dict[str, str]]) -> list[str]:
    return [
        f"{k}: {old[k]!r} → {new[k]!r}" for old, new in zip(before, after, strict=True) for k in old if old[k] != new[k]
    ]


# ── as without it ────────────────────────────────────────────────────────────────────────────────────────


def test_up_makes_the_same_database(pool: Pooler, balados: Database, new_database: New, run_cli: Run) -> None:
    """From nothing: the database itself, schemas, store, migrations, records."""
    missing = new_database()
    missing.name = f"{missing.name}_up"
    missing.url = missing.url.rpartition("/")[0] + f"/{missing.name}"

    done = run_cli("up", database=pool.in_front_of(missing))

    assert done.status == 0, done.err
    assert structures(missing) == structures(balados)
    assert objects(missing) == objects(balados)
    assert run_cli("status", "--check", database=pool.in_front_of(missing)).status == 0


@pytest.mark.parametrize(("kind", "way"), [(REFUSING, "--recreate"), (IGNORING, "--empty")])
def test_a_reset_does_the_same(
    kind: str, way: str, poolers: dict[str, Pooler], filled: Database, new_database: New, run_cli: Run
) -> None:
    """Row for row and fact for fact what it does without a pooler, and the next clients find nothing of it."""
    twin = new_database(filled.name)
    behind = poolers[kind].in_front_of(twin)
    before = sessions(behind)
    direct = run_cli(*RESET, way, "--json", database=filled)

    done = run_cli(*RESET, way, "--json", database=behind)

    assert (direct.status, done.status) == (0, 0), done.out
    assert [s["details"] for s in done.json["result"]["steps"]] == [
        s["details"] for s in direct.json["result"]["steps"]
    ]
    assert rows(twin) == rows(filled)
    assert twin.rows("events.projection_versions") == 0
    assert changes(before, sessions(behind)) == []


def test_a_dry_run_changes_nothing(refusing: Pooler, filled: Database, run_cli: Run) -> None:
    before = filled.snapshot()

    done = run_cli("reset", "--projections", "--recreate", "--dry-run", "--json", database=refusing.in_front_of(filled))

    assert done.status == 0
    assert done.json["changed"] is False
    assert filled.snapshot() == before


def test_a_pooler_can_be_asked_for(refusing: Pooler, balados: Database) -> None:
    """The process of the handshake is the pooler's invention."""
    from balados_db.postgres.connection import connect, pooled
    from balados_db.postgres.source import Source

    for database, expected in ((balados, False), (refusing.in_front_of(balados), True)):
        with connect(Source(name="--url", conninfo=database.url), command="test") as conn:
            assert pooled(conn) is expected


# ── the session that others use after us ─────────────────────────────────────────────────────────────────

LEAKS = """
set search_path to nowhere; set lock_timeout = '1ms'; set work_mem = '123kB'; set datestyle = 'German';
set application_name = 'leak'; set session characteristics as transaction read only;
set session authorization pg_monitor;
"""


@pytest.mark.parametrize("end", ["", "select 1 / 0"], ids=["committed", "rolled back"])
def test_what_a_migration_sets_does_not_reach_the_next_client(
    end: str, server: str, balados: Database, project: Callable[..., Path], run_cli: Run
) -> None:
    """Nor is anything lost that the pooler set when it opened the session."""
    manifest = project("system", **{"9001_leaks": LEAKS + end, "9002_after": "create table system.after ()"})
    opening = "set statement_timeout = 7000; set work_mem = 4321; set role pg_database_owner; reset role"
    with pooler(server, default_pool_size=3, connect_query=opening) as own:
        behind = own.in_front_of(balados)
        before = sessions(behind)
        assert {(s["statement_timeout"], s["work_mem"]) for s in before} == {("7000", "4321")}

        done = run_cli("migrate", manifest=manifest, database=behind)

        assert done.status == (1 if end else 0), done.err
        assert changes(before, sessions(behind)) == []


def test_a_role_that_the_pooler_takes_stays_taken(
    server: str, balados: Database, project: Callable[..., Path], run_cli: Run
) -> None:
    """`connect_query` may SET ROLE; RESET ROLE would give the pool's next clients more rights than they had."""
    manifest = project("system", **{"9001_more": "create table system.more ()"})
    with pooler(server, default_pool_size=3, connect_query="set role pg_write_server_files") as own:
        behind = own.in_front_of(balados)

        run_cli("migrate", manifest=manifest, database=behind)

        assert {s["role"] for s in sessions(behind)} == {"pg_write_server_files"}


def test_a_migration_waits_for_a_table_no_longer_than_allowed(
    refusing: Pooler, balados: Database, project: Callable[..., Path], run_cli: Run
) -> None:
    """Start-up settings do not reach the server: the bound is set in every transaction, and again after every file."""
    manifest = project(
        "system", **{"9001_first": "reset all", "9002_waits": "alter table system.users add column more int"}
    )
    with balados.connect() as other, other.transaction():
        other.execute("lock table system.users")

        done = run_cli(
            "--lock-timeout", "1", "migrate", manifest=manifest, database=refusing.in_front_of(balados), timeout=20
        )

    assert (done.status, done.code) == (6, "lock_timeout")


# ── locks ────────────────────────────────────────────────────────────────────────────────────────────────


def subscriptions(database: Database) -> dict[str, int]:
    return dict(database.execute("select subscription_name, subscription_id::int from events.subscriptions"))


@contextmanager
def waiting_for(database: Database, held: int, behind: Database) -> Iterator[subprocess.Popen[str]]:
    """A reset through the pooler whose fence stands, and which waits for one projector that is connected directly."""
    with database.connect(application_name="the projector") as projector:
        projector.execute(LOCK.format("pg_advisory_lock"), (held,))
        run = start(behind, *RESET, "--wait-for-projectors", "30")
        eventually(lambda: database.value(FENCE), "the mutex is taken")
        yield run
    assert run.communicate(timeout=60)[0]


def test_runs_and_projectors_keep_each_other_out(refusing: Pooler, filled: Database, run_cli: Run) -> None:
    """The mutex and the fence hold for whoever comes through the pooler, and a direct projector is waited for."""
    behind = refusing.in_front_of(filled)
    first, second, *_ = (subscriptions(filled)[n] for n in ("SubscriptionsProjector", "PublicEventsProjector"))

    with waiting_for(filled, first, behind) as waiting:
        other = run_cli("--lock-timeout", "1", *RESET, "--json", "--wait-for-projectors", "1", database=behind)
        with behind.connect(prepare_threshold=None) as late:
            got = late.execute(LOCK.format("pg_try_advisory_lock"), (second,)).fetchone()

    assert (other.status, other.code) == (6, "lock_held")
    assert got == (False,)
    assert waiting.returncode == 0
    assert filled.rows("users.subscriptions") == 0


@pytest.mark.parametrize("through", [False, True], ids=["connected directly", "through the pooler"])
def test_a_live_projector_is_refused(
    through: bool, refusing: Pooler, balados: Database, run_cli: Run, tmp_path: Path
) -> None:
    """Wherever its lock lies: a real projector, and a reset through the pooler."""
    behind = refusing.in_front_of(balados)
    program = ROOT / "examples" / "projector" / "projector.py"
    url = (behind if through else balados).url
    words = [sys.executable, str(program), "--url", url, "--projector", "PopularityProjector"]
    held = "select count(*) from pg_locks where locktype = 'advisory' and classid = 'events.subscriptions'::regclass"
    with (tmp_path / "log").open("w") as log, subprocess.Popen(words, stderr=log) as projector:
        try:
            eventually(lambda: balados.value(held), "the projector holds its lock")
            refused = run_cli(*RESET, "--json", database=behind)
            waited = run_cli(*RESET, "--json", "--wait-for-projectors", "1", database=behind)
        finally:
            projector.kill()

    assert [(r.status, r.code) for r in (refused, waited)] == [(6, "projectors_live")] * 2


def test_a_lock_in_the_very_session_that_the_fence_gets_counts(server: str, filled: Database, run_cli: Run) -> None:
    """A session-level lock lets its own session through: a projector behind the pooler would not be seen."""
    with pooler(server, default_pool_size=4) as own:
        behind = own.in_front_of(filled)
        with behind.connect(prepare_threshold=None) as projector:
            projector.execute(LOCK.format("pg_advisory_lock"), (subscriptions(filled)["PlayStatusesProjector"],))

            done = run_cli(*RESET, "--json", "--wait-for-projectors", "1", database=behind)

    assert (done.status, done.code) == (6, "projectors_live")
    assert "RECONNECT" in done.json["errors"][0]["hint"]
    assert filled.rows("users.play_statuses") > 0


def test_the_grace_is_kept_although_nobody_is_seen(server: str, filled: Database) -> None:
    """A subscriber that waits at the pooler has no session on the server, and may have read its row already."""
    with pooler(server, default_pool_size=4) as own, start(own.in_front_of(filled), *RESET[:-1], "2") as run:
        eventually(lambda: filled.rows("users.subscriptions") == 0, "the reset is committed")
        time.sleep(0.5)

        assert filled.value(FENCE) == 1
        assert run.wait(PATIENCE) == 0


# ── what cannot be ───────────────────────────────────────────────────────────────────────────────────────


def test_a_migration_outside_a_transaction_is_refused(
    refusing: Pooler, balados: Database, project: Callable[..., Path], run_cli: Run
) -> None:
    """Its statements would reach several sessions; nothing that stands before it is applied either."""
    index = "-- transactional: false\ncreate index concurrently on subscriptions (user_id);\n"
    manifest = project("projections/users", **{"9001_before": "create table before ()", "9002_index": index})
    before = balados.snapshot()

    for words in (("migrate", "--dry-run"), ("up",)):
        refused = run_cli(*words, "--json", manifest=manifest, database=refusing.in_front_of(balados))

        assert (refused.status, refused.code) == (5, "needs_own_session"), words
        assert "9002_index" in refused.json["errors"][0]["message"]
    assert balados.snapshot() == before
    assert run_cli("migrate", manifest=manifest, database=balados).status == 0


def test_a_pool_of_one_is_refused_at_once(server: str, filled: Database, run_cli: Run) -> None:
    """The fence and the work need a session each: nobody waits for pgbouncer's two minutes, and the pool is free again."""
    with pooler(server, default_pool_size=1) as own:
        behind = own.in_front_of(filled)
        before = filled.snapshot()
        refused = run_cli(*RESET, "--json", database=behind, timeout=20)

        assert (refused.status, refused.code) == (6, "pool_exhausted")
        assert "default_pool_size" in refused.json["errors"][0]["hint"]
        assert "within 1 s" in refused.json["errors"][0]["message"]
        assert filled.snapshot() == before
        assert run_cli("status", database=behind).status == 0

        with behind.connect(prepare_threshold=None) as greedy, greedy.transaction():
            greedy.execute("select 1")
            refused = run_cli("--lock-timeout", "1", "status", "--json", database=behind, timeout=20)
            assert (refused.status, refused.code) == (6, "pool_exhausted")


def test_statement_mode_is_refused(server: str, balados: Database, run_cli: Run) -> None:
    """No transaction, no promise."""
    with pooler(server, pool_mode="statement") as own:
        for words in (("status",), RESET):
            refused = run_cli(*words, "--json", database=own.in_front_of(balados))

            assert (refused.status, refused.code) == (5, "no_transactions"), words
            assert "statement pooling" in refused.json["errors"][0]["message"]


def test_the_poolers_console_is_no_database(refusing: Pooler, run_cli: Run) -> None:
    refused = run_cli("status", "--json", database=Database("pgbouncer", refusing.url("pgbouncer")))

    assert (refused.status, refused.code) == (5, "poolers_console")


def test_a_database_that_the_pooler_does_not_know_is_named(server: str, balados: Database, run_cli: Run) -> None:
    """`up` does not try to create what only the pooler does not know; `adopt` does without a scratch database, but for
    a dry run, which may lock nothing here."""
    histories = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")
    balados.execute("; ".join(f"drop table users.{name}" for name in histories))
    with pooler(server, only=balados.name) as own:
        unknown = run_cli("up", "--json", database=Database("elsewhere", own.url("elsewhere")))
        looked = run_cli("adopt", "--json", "--schema", "users", "--dry-run", database=own.in_front_of(balados))
        adopted = run_cli("adopt", "--json", "--schema", "users", database=own.in_front_of(balados))

    assert (unknown.status, unknown.code) == (8, "not_in_pool")
    assert (looked.status, looked.code) == (5, "not_allowed")
    assert "straight to the server" in looked.json["errors"][0]["hint"]
    assert adopted.status == 0, adopted.out


def test_start_up_options_of_the_user_are_not_dropped_in_silence(
    refusing: Pooler, balados: Database, run_cli: Run
) -> None:
    """Only ours are: those of a URL mean something."""
    behind = refusing.in_front_of(balados)
    behind.url += "?options=-c%20role%3Dpg_monitor"

    refused = run_cli("status", "--json", database=behind)

    assert (refused.status, refused.code) == (8, "unreachable")
    assert "options" in refused.json["errors"][0]["message"]


# ── accidents ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_killed_client_leaves_nothing(refusing: Pooler, filled: Database, run_cli: Run) -> None:
    """kill -9 in the middle: the pooler ends the session, the server takes everything back, the next run finishes."""
    behind, before = refusing.in_front_of(filled), filled.snapshot()
    with start(behind, "--progress", "json", *RESET, "--recreate") as run:
        assert run.stderr is not None
        for _ in range(4):
            assert run.stderr.readline()
        run.send_signal(signal.SIGKILL)
    open_ = "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null"
    eventually(lambda: filled.value(f"{open_} and pid <> pg_backend_pid()") == 0, "no transaction is left")

    assert filled.snapshot() == before
    assert run_cli(*RESET, "--recreate", database=behind).status == 0


@pytest.mark.parametrize("delivered", [True, False], ids=["after the commit", "before the commit"])
def test_a_commit_in_doubt_is_asked_about(delivered: bool, refusing: Pooler, filled: Database, run_cli: Run) -> None:
    """The answer to COMMIT is lost on the way: another session says what became of the transaction."""
    with cutter(refusing.port, delivered=delivered) as port:
        road = Database(filled.name, refusing.url(filled.name).replace(f":{refusing.port}/", f":{port}/"))
        done = run_cli(*RESET, "--json", database=road)

    if delivered:
        assert done.status == 0, done.out
    else:
        assert (done.status, done.code) == (8, "connection_lost")
        assert "aborted" in done.json["errors"][0]["message"]
    assert (filled.rows("users.subscriptions") == 0) is delivered
