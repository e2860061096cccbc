"""Databases built to break a reset: each ends in success or in a clean refusal that names the object."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import COMMAND, Database, Result, clean_environment, drop_databases
from tests.torture.beside import Behind, Probe, reader_beside
from tests.torture.case import BY_CHOICE, CASES, FOLDER, HERE, WAYS, Case

Report = Callable[..., None]
KILLS = 3
PHRASES = {
    "projections": "DELETE",
    "system": "DELETE",
    "events": "DELETE ALL EVENTS",
    "all": "DELETE ALL DATA",
}
MANIFEST = """
version = 1
[schemas.system]
kind = "permanent"
migrations = "system"
[schemas.users]
kind = "projection"
migrations = "users"
[schemas.public]
kind = "projection"
migrations = "public"
[schemas.events]
kind = "event_store"
[projectors.SubscriptionsProjector]
tables = ["users.subscriptions", "users.play_statuses", "users.playlists", "users.playlist_items", "users.user_privacy"]
[projectors.PopularityProjector]
tables = ["public.podcast_popularity", "public.episode_popularity", "public.public_events"]
[subscriptions.WelcomeMailer]
replay = "never"
[subscriptions.CheckoutProcessManager]
replay = "never"
"""


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torture")
    for schema in ("system", "users", "public"):
        (folder / schema).mkdir()
        (folder / schema / f"0001_{schema}.sql").write_text((HERE / "rebuild" / f"{schema}.sql").read_text())
    (folder / "balados-db.toml").write_text(MANIFEST)
    return folder / "balados-db.toml"


@pytest.fixture(scope="session")
def roles(server: str) -> None:
    """Roles belong to the whole server: workers may meet in making them."""
    with psycopg.connect(server, autocommit=True) as conn:
        for role in ("torture_app", "torture_ro", "torture_owner"):
            with contextlib.suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject):
                conn.execute(sql.SQL("create role {} login password 'torture-Kx9'").format(sql.Identifier(role)))


@pytest.fixture
def make(server: str, roles: None) -> Iterator[Callable[[Case], Database]]:
    """Make a case's empty database; drop it in the end, with what would hold on to it."""
    made: list[tuple[Case, Database]] = []

    def create(case: Case) -> Database:
        name = f"torture_{time.monotonic_ns()}"
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(
                sql.SQL("create database {} template template0 strategy file_copy {}").format(
                    sql.Identifier(name), sql.SQL(_options(case))
                )
            )
        parts = psycopg.conninfo.conninfo_to_dict(server)
        made.append((case, Database(name, psycopg.conninfo.make_conninfo("", **{**parts, "dbname": name}))))
        return made[-1][1]

    yield create
    for case, database in made:
        with contextlib.suppress(psycopg.errors.UndefinedObject):
            database.execute(case.cleanup)
    drop_databases(server, [database.name for _, database in made])


def _options(case: Case) -> str:
    """A case that names a locale means libc's."""
    return f"{case.header['createdb']} locale_provider libc" if "createdb" in case.header else ""


@dataclass(frozen=True)
class Readings:
    """Fingerprints of a database: of what a reset must keep, and of everything."""

    kept: dict[tuple[str, str], tuple[str, str]]
    everything: dict[tuple[str, str], tuple[str, str]]

    @staticmethod
    def of(database: Database, case: Case) -> Readings:
        return Readings(fingerprint(database, case.doomed), fingerprint(database, []))


def fingerprint(database: Database, doomed: list[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """One row a preserved fact; the reference query, not the one of the package."""
    text = (HERE / "fingerprint.sql").read_text()
    names = "'{" + ",".join(doomed) + "}'"
    text = text.replace(":'doomed'", names).replace(":'allow'", "'{}'").replace(":'cols'", "'hash'")
    with database.connect() as conn:
        conn.execute("set search_path = pg_catalog; set client_encoding = 'utf8'")
        rows = conn.execute(text[text.index("WITH") :]).fetchall()
    return {(str(r[0]), str(r[1])): (str(r[2]), str(r[3])) for r in rows if r[0] != "own_writes"}


# ── one case ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_torture_database_is_reset_or_refused(
    case: Case, way: str, make: Callable[[Case], Database], manifest: Path, outcome: Report
) -> None:
    """Whatever the database: nothing that was promised is lost, and a refusal changes nothing at all."""
    database = make(case)
    if possible(database, case, outcome):
        prepare(database, case)
        run(case, way, database, manifest, outcome)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every case is killed by `make torture`; `make test` has time for one."""
    if "killed" in metafunc.fixturenames:
        alone = [case for case in CASES if "session" not in case.header]
        one = next(case for case in alone if case.expect == "success" and not case.extensions)
        chosen = alone if metafunc.config.getoption("thorough") else [one]
        metafunc.parametrize("killed", chosen, ids=lambda case: case.name)


def test_a_torture_database_survives_kills(
    killed: Case, make: Callable[[Case], Database], manifest: Path, outcome: Report
) -> None:
    """kill -9 at random moments, then to the end: the same promises hold as if nothing had happened."""
    case, database = killed, make(killed)
    if possible(database, case, outcome):
        prepare(database, case)
        before = Readings.of(database, case)
        kill(case, database, manifest, outcome)
        run(case, BY_CHOICE, database, manifest, lambda *_, **__: None, before)


def possible(database: Database, case: Case, outcome: Report) -> bool:
    """Whether the server ships the extensions of the case; said if not, never skipped."""
    rows = database.execute("select name from pg_available_extensions where name = any (%s)", case.extensions)
    lacking = sorted(set(case.extensions) - {name for (name,) in rows})
    if lacking:
        outcome("missing", name=case.name, extensions=lacking)
    return not lacking


def prepare(database: Database, case: Case) -> None:
    """Make the database as nasty as its case says; one that loops back to its server is told how to log in."""
    login = psycopg.conninfo.conninfo_to_dict(database.url)
    with database.connect() as conn:
        for fact in ("user", "password"):
            conn.execute("select set_config(%s, %s, false)", (f"torture.{fact}", str(login.get(fact) or "")))
        for statement in ((FOLDER / "base.sql").read_text(), *case.statements):
            conn.execute(statement)


def kill(case: Case, database: Database, manifest: Path, outcome: Report) -> None:
    """Begin the reset and kill it, several times."""
    rng = random.Random(case.name)
    moments = [round(rng.uniform(0.2, 1.2), 2) for _ in range(KILLS)]
    for moment in moments:
        process = reset(database, manifest, case)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wait_until_gone(database)
    outcome("kills", name=case.name, count=KILLS, moments=moments)


def wait_until_gone(database: Database) -> None:
    """Wait for the server to notice that a client is dead."""
    deadline = time.monotonic() + 10
    ours = "application_name like 'balados-db/%' and datname = current_database()"
    while database.value(f"select count(*) from pg_stat_activity where {ours}"):
        assert time.monotonic() < deadline, "the session of a killed run is still there after 10 s"
        time.sleep(0.05)


def run(
    case: Case, way: str, database: Database, manifest: Path, outcome: Report, before: Readings | None = None
) -> None:
    """Run the reset with everything beside it, report how it ended, and judge."""
    before = before or Readings.of(database, case)
    session, probe = case.other("session"), reader_beside(case, database)
    behind = Behind(database, session) if session else None
    for thread in filter(None, (behind, probe)):
        thread.start()
    time.sleep(1.0 if behind else 0)
    result = finished([reset(database, manifest, case, *WAYS[way]) for _ in range(_parallel(case))], case)
    outcome("case", name=case.name, way=way, expect=case.expect, exit=result.status, code=result.code)
    if probe:
        probe.end()
    if behind:
        behind.end(wait="after" in case.header)
    judge_end(case, way, result)
    judge_reader(probe)
    judge_database(case, database, result, before, probe)


def _parallel(case: Case) -> int:
    return int(case.header.get("parallel", 1))


def reset(database: Database, manifest: Path, case: Case, *options: str) -> subprocess.Popen[str]:
    """Begin a reset as the case wants it, by the role it names."""
    url = with_user(database, case.header["connect-as"]) if "connect-as" in case.header else database.url
    words = ["--manifest", str(manifest), "--url", url, "--lock-timeout", "4", "reset", f"--{case.target}"]
    return subprocess.Popen(
        [*COMMAND, *words, "--confirm", PHRASES[case.target], "--projector-grace", "0.2", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def with_user(database: Database, user: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(database.url)
    return psycopg.conninfo.make_conninfo("", **{**parts, "user": user, "password": "torture-Kx9"})


def finished(runs: list[subprocess.Popen[str]], case: Case) -> Result:
    """The result of the one that did it, else of the first; none may end in a traceback."""
    results = []
    for process in runs:
        out, err = process.communicate(timeout=case.seconds)
        assert "Traceback" not in err, err
        results.append(Result(process.returncode, out, err))
    return next((r for r in results if r.status == 0), results[0])


# ── the judgement ────────────────────────────────────────────────────────────────────────────────────────


def judge_end(case: Case, way: str, result: Result) -> None:
    """Done, or refused in a way that is allowed: exit 5 or 6 naming the object, exit 1 only from the comparison."""
    if result.status == 0:
        assert case.expect in ("success", "either"), "done, where only a refusal is right"
        return
    forced = way == "recreate" and result.status == 5
    assert case.expect in ("refuse", "either") or forced, f"refused, where it must be done: {result.err}"
    assert result.status in (5, 6) or (result.status, result.code) == (1, "promise_broken"), result.err
    said = result.err.partition("error[")[2]
    assert any(name in said for name in case.names), f"names none of {case.names}: {said}"
    assert "  → " in said, f"says no cure: {said}"
    assert "said beside each" not in said or said.count("→ ") > 2, f"says no cure beside each: {said}"


def judge_reader(probe: Probe | None) -> None:
    """Who reads permanent tables never waits more than a second for a lock."""
    if probe is None:
        return
    assert probe.answers, "the reader got no answer at all"
    assert not probe.locked_out, f"a reader waited longer than a second, {probe.locked_out} time(s)"


def judge_database(case: Case, database: Database, result: Result, before: Readings, probe: Probe | None) -> None:
    """The assertions of the case hold, and all that was to be kept has the same fingerprint."""
    after = case.other("after")
    if after:
        database.execute(after.read_text())
    settings = {
        "target": case.target,
        "outcome": "refused" if result.status else "success",
        "refilled": "yes" if after else "no",
        "probe_max_ms": f"{probe.longest if probe else 0:.0f}",
    }
    check(database, case.checks, settings)
    if "session" not in case.header:
        assert not lost(database, case, result, before)


def check(database: Database, files: list[Path], settings: dict[str, Any]) -> None:
    for file in files:
        with database.connect() as conn:
            conn.execute("set application_name = 'torture check'; set client_encoding = 'utf8'")
            for name, value in settings.items():
                conn.execute("select set_config(%s, %s, false)", (f"torture.{name}", str(value)))
            conn.execute(file.read_text())


def lost(database: Database, case: Case, result: Result, before: Readings) -> list[str]:
    """What is no more as it was: of everything after a refusal, of what was to be kept after a success."""
    was, doomed = (before.everything, []) if result.status else (before.kept, case.doomed)
    now = fingerprint(database, doomed)
    return [fact[0] for key, fact in was.items() if key not in now or now[key][1] != fact[1]]
