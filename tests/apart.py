"""Balados Sync with its event store in a database of its own: a manifest, and the two databases made by it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import holding
from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]
PROJECTOR = ROOT / "examples" / "projector"
EVENTS = 60
PROJECTED = (
    *("users.subscriptions", "users.play_statuses", "users.user_privacy"),
    *("public.public_events", "public.podcast_popularity"),
)
VERSIONS = """
create table public.projection_versions (
  projection_name text primary key,
  last_seen_event_number bigint,
  inserted_at timestamp not null,
  updated_at timestamp not null
)
"""


def manifest_apart(folder: Path) -> Path:
    """The example's manifest, but for where things lie; `projection_versions` is beside the tables, as Ecto has it."""
    text = EXAMPLE.read_text()
    for path in ("migrations/", "sql/"):
        text = text.replace(f'"{path}', f'"{ROOT}/{path}')
    text = text.replace(
        'url = "${DATABASE_URL}"', 'url = "${DATABASE_URL}"\n\n[databases.events]\nurl = "${EVENTS_URL}"'
    )
    text = text.replace('kind = "event_store"\n', 'kind = "event_store"\ndatabase = "events"\n')
    text += """
[[checkpoints]]
table = "public.projection_versions"
projector = "projection_name"
position = "last_seen_event_number"
optional = true

[rebuild]
notify = "rebuilt"
"""
    file = folder / "apart.toml"
    file.write_text(text)
    return file


@dataclass(frozen=True)
class Apart:
    """The two databases, and what the command needs to find them."""

    main: Database
    events: Database

    @property
    def env(self) -> dict[str, str]:
        """The variables that the manifest names."""
        return {"DATABASE_URL": self.main.url, "EVENTS_URL": self.events.url}

    def snapshot(self) -> tuple[dict[str, str], dict[str, str]]:
        """Everything in both."""
        return self.main.snapshot(), self.events.snapshot()


# ── with events, and projectors that have read them ──────────────────────────────────────────────────────


def made(new_database: Callable[..., Database], manifest: Path) -> Apart:
    """Both databases, with events that the projectors have read."""
    apart = Apart(new_database(prefix="main"), new_database(prefix="events"))
    prepare(apart, manifest)
    return apart


def prepare(apart: Apart, manifest: Path) -> None:
    made = command(apart, manifest, "up")
    assert made.status == 0, made.err
    apart.main.execute(VERSIONS)
    words = [sys.executable, str(PROJECTOR / "store.py"), "--url", apart.events.url, "--events", str(EVENTS)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    assert catch_up(apart) == 0


def copy(template: Apart, new_database: Callable[..., Database]) -> Apart:
    return Apart(new_database(template.main.name), new_database(template.events.name))


def command(apart: Apart, manifest: Path, *words: str, **env: str) -> Result:
    done = subprocess.run(
        [*COMMAND, "--manifest", str(manifest), *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        env=clean_environment(**{**apart.env, **env}),
        timeout=90,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr, words)


def catch_up(apart: Apart) -> int:
    """Run every projector until it has nothing left to do; its exit status."""
    urls = ("--url", apart.events.url, "--tables-url", apart.main.url)
    words = [sys.executable, str(PROJECTOR / "projector.py"), *urls, "--all", "--until-caught-up", "--retry-interval"]
    return subprocess.run([*words, "0.2"], capture_output=True, timeout=60, check=False).returncode


def hashes(apart: Apart) -> dict[str, str]:
    one = "select md5(string_agg(t::text, '|' order by t::text)) from {} t"
    return {table: apart.main.value(one.format(table)) for table in PROJECTED}


def positions(apart: Apart) -> tuple[set[int], set[int]]:
    """Those of the projectors in the events' database and in the tables'; 0 is the origin."""
    known = "select last_seen from events.subscriptions where subscription_name like '%Projector'"
    versions = "select last_seen_event_number from public.projection_versions"
    return {row[0] for row in apart.events.execute(known)}, {row[0] for row in apart.main.execute(versions)}


def open_journals(apart: Apart) -> list[int]:
    """How many each of them has open."""

    def count(database: Database) -> int:
        there = database.value("select to_regclass('balados_db.journal') is not null")
        return database.value("select count(*) from balados_db.journal where ended_at is null") if there else 0

    return [count(apart.main), count(apart.events)]


def is_done(apart: Apart) -> None:
    """Empty, forgotten, nothing left to be finished, no event touched, a receipt in both."""
    assert [apart.main.rows(table) for table in PROJECTED] == [0] * len(PROJECTED)
    assert positions(apart) == (set(), set())
    assert open_journals(apart) == [0, 0]
    assert apart.events.rows("events.events") == EVENTS
    assert apart.main.rows("balados_db.receipt") >= 1
    assert apart.events.rows("balados_db.receipt") >= 1


class Held(holding.Held):
    """A reset that stands still before one of its steps."""

    def __init__(self, apart: Apart, manifest: Path, step: int, *words: str) -> None:
        super().__init__(step, "--manifest", str(manifest), *words, **apart.env)


def gone(apart: Apart) -> None:
    for database in (apart.main, apart.events):
        ours = "select count(*) from pg_stat_activity where application_name like 'balados-db/%' and datname = current_database()"
        eventually(lambda database=database, ours=ours: not database.value(ours))


def eventually(claim: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def first_steps(run: Run, *words: str) -> dict[tuple[str, str], int]:
    """The number of the first step of each transaction, by its name and its database."""
    plan = run(*words, "--dry-run", "--json").json["plan"]
    found: dict[tuple[str, str], int] = {}
    for number, step in enumerate(plan["steps"], start=1):
        found.setdefault((step["phase"], step["database"]), number)
    return found
