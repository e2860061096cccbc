"""Databases built to break a reset: each ends in success or in a clean refusal that names the object.

A case is `cases/Tnn_name.sql` on top of `cases/base.sql`; its header says what is reset, what is expected and what is
needed. `.check.sql` holds its own assertions, `base.check.sql` those that every case must satisfy.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlparse
from psycopg import sql

from tests.conftest import COMMAND, Database, Result, clean_environment, drop_databases

HERE = Path(__file__).parent
CASES = sorted(f for f in (HERE / "cases").glob("T[0-9][0-9]_*.sql") if f.name.count(".") == 1)
DOOMED = {
    "projections": ["users", "public"],
    "system": ["system"],
    "events": ["events"],
    "all": ["users", "public", "system", "events"],
}
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


def header(case: Path) -> dict[str, str]:
    """The `-- key: value` lines at the top of a case."""
    found = {}
    for line in case.read_text().splitlines():
        match = re.match(r"-- ([a-z-]+): ?(.*)$", line)
        if not match:
            break
        found[match[1]] = match[2].strip()
    return found


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
                conn.execute(sql.SQL("create role {} login password 'torture'").format(sql.Identifier(role)))


@pytest.fixture
def make(server: str, roles: None) -> Iterator[Callable[[dict[str, str]], Database]]:
    """Make a case's database by its header; drop it in the end."""
    made: list[str] = []

    def create(head: dict[str, str]) -> Database:
        name = f"torture_{time.monotonic_ns()}"
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(
                sql.SQL("create database {} template template0 strategy file_copy {}").format(
                    sql.Identifier(name), sql.SQL(_options(head))
                )
            )
        made.append(name)
        parts = psycopg.conninfo.conninfo_to_dict(server)
        return Database(name, psycopg.conninfo.make_conninfo("", **{**parts, "dbname": name}))

    yield create
    drop_databases(server, made)


def _options(head: dict[str, str]) -> str:
    """A case that names a locale means libc's."""
    return f"{head['createdb']} locale_provider libc" if "createdb" in head else ""


def fingerprint(database: Database, doomed: list[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """One row a preserved fact; the reference query, not the one of the package."""
    text = (HERE / "fingerprint.sql").read_text()
    names = "'{" + ",".join(doomed) + "}'"
    text = text.replace(":'doomed'", names).replace(":'allow'", "'{}'").replace(":'cols'", "'hash'")
    with database.connect() as conn:
        conn.execute("set search_path = pg_catalog; set client_encoding = 'utf8'")
        rows = conn.execute(text[text.index("WITH") :]).fetchall()
    return {(str(r[0]), str(r[1])): (str(r[2]), str(r[3])) for r in rows if r[0] != "own_writes"}


class Behind(threading.Thread):
    """Runs a case's `session` beside the reset: a live projector, an idle reader."""

    def __init__(self, database: Database, file: Path) -> None:
        super().__init__(daemon=True)
        self.database, self.file = database, file

    def run(self) -> None:
        # One statement at a time: a procedure that commits cannot share a message with others.
        with contextlib.suppress(psycopg.errors.AdminShutdown), self.database.connect() as conn:
            for statement in sqlparse.split(self.file.read_text()):
                conn.execute(statement)

    def end(self, *, wait: bool) -> None:
        """A projector goes on to its end; an idle reader has done its part."""
        if not wait:
            self.database.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and application_name like 'torture%' and pid <> pg_backend_pid()"
            )
        self.join(60)


class Probe(threading.Thread):
    """Asks a question all the while, and remembers the longest answer in milliseconds."""

    def __init__(self, database: Database, question: str) -> None:
        super().__init__(daemon=True)
        self.database, self.question, self.longest, self.over = database, question, 0.0, False

    def run(self) -> None:
        with self.database.connect() as conn:
            while not self.over:
                begun = time.monotonic()
                conn.execute(self.question)
                self.longest = max(self.longest, (time.monotonic() - begun) * 1000)
                time.sleep(0.05)


def reset(database: Database, manifest: Path, target: str, *options: str) -> subprocess.Popen[str]:
    words = ["--manifest", str(manifest), "--url", database.url, "--lock-timeout", "4", "reset", f"--{target}"]
    return subprocess.Popen(
        [*COMMAND, *words, "--confirm", PHRASES[target], "--projector-grace", "0.2", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def check(database: Database, files: list[Path], settings: dict[str, Any]) -> None:
    for file in files:
        with database.connect() as conn:
            conn.execute("set application_name = 'torture check'; set client_encoding = 'utf8'")
            for name, value in settings.items():
                conn.execute("select set_config(%s, %s, false)", (f"torture.{name}", str(value)))
            conn.execute(file.read_text())


def possible(database: Database, head: dict[str, str]) -> bool:
    wanted = head.get("needs-extensions", "").split()
    rows = database.execute("select name from pg_available_extensions where name = any (%s)", wanted)
    return len(rows) == len(wanted)


@pytest.mark.parametrize("way", ["--empty", "--recreate", None], ids=lambda w: (w or "by choice").strip("-"))
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.stem)
def test_a_torture_database_is_reset_or_refused(
    case: Path, way: str | None, make: Callable[..., Database], manifest: Path, record_property: Callable[..., None]
) -> None:
    """Whatever the database: nothing that was promised is lost, and a refusal changes nothing at all."""
    head = header(case)
    target = head.get("target", "projections")
    database = make(head)
    if not possible(database, head):
        # Said, not skipped: the case needs an extension that this server does not ship.
        print(f"{case.stem}: needs {head['needs-extensions']}, which this server does not have")
        return
    database.execute((HERE / "cases" / "base.sql").read_text())
    for statement in prepared_alone(case):
        database.execute(statement)
    try:
        _run(case, way, head, target, database, manifest)
    finally:
        cleanup = case.with_suffix(".cleanup.sql")
        if cleanup.exists():
            database.execute(cleanup.read_text())


def prepared_alone(case: Path) -> list[str]:
    """A DO block that commits and PREPARE TRANSACTION cannot share a simple query with what is around them."""
    text = case.read_text()
    if "PREPARE TRANSACTION" in text:
        return [f"{text[text.index('BEGIN;') :]}"]
    return [text]


def _run(case: Path, way: str | None, head: dict[str, str], target: str, database: Database, manifest: Path) -> None:
    before, everything = fingerprint(database, DOOMED[target]), fingerprint(database, [])
    behind = Behind(database, HERE / "cases" / head["session"]) if "session" in head else None
    if behind:
        behind.start()
        time.sleep(1.0)
    probe = Probe(database, head["probe"]) if "probe" in head else None
    if probe:
        probe.start()
    options = [way] if way else []
    if "connect-as" in head:
        options += ["--url", with_user(database, head["connect-as"])]
    runs = [reset(database, manifest, target, *options) for _ in range(int(head.get("parallel", 1)))]
    results = [finished(run, int(head.get("max-seconds", 60))) for run in runs]
    result = next((r for r in results if r.status == 0), results[0])
    if probe:
        probe.over = True
        probe.join(30)
    if behind:
        behind.end(wait="after" in head)
    print(f"{case.stem} {way or 'by choice'}: exit {result.status} {result.code}")
    _judge(case, way, head, target, database, result, (before, everything), probe)


def with_user(database: Database, user: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(database.url)
    return psycopg.conninfo.make_conninfo("", **{**parts, "user": user, "password": "torture"})


def finished(run: subprocess.Popen[str], seconds: int) -> Result:
    out, err = run.communicate(timeout=seconds)
    return Result(run.returncode, out, err)


def _judge(
    case: Path,
    way: str | None,
    head: dict[str, str],
    target: str,
    database: Database,
    result: Result,
    before: tuple[dict[Any, Any], dict[Any, Any]],
    probe: Probe | None,
) -> None:
    assert "Traceback" not in result.err, result.err
    outcome = "success" if result.status == 0 else "refused"
    expected = head.get("expect", "success")
    forced = way == "--recreate" and expected == "success" and result.status == 5
    assert expected in ("either", {"success": "success", "refused": "refuse"}[outcome]) or forced, result.err
    if outcome == "refused":
        assert result.status in (5, 6) or result.code == "promise_broken", result.err
    refilled = "no"
    if "after" in head:
        database.execute((HERE / "cases" / head["after"]).read_text())
        refilled = "yes"
    settings = {
        "target": target,
        "outcome": outcome,
        "refilled": refilled,
        "probe_max_ms": f"{probe.longest if probe else 0:.0f}",
    }
    checks = [case.with_suffix(".check.sql")]
    if refilled == "no":
        checks.append(HERE / "cases" / "base.check.sql")
    check(database, checks, settings)
    if "session" not in head:
        kept, everything = before
        was, now = (
            (kept, fingerprint(database, DOOMED[target]))
            if outcome == "success"
            else (everything, fingerprint(database, []))
        )
        lost = [f"{v[0]}" for k, v in was.items() if k not in now or now[k][1] != v[1]]
        assert not lost
