"""A reset that is killed at any moment leaves the database as before or as promised; the next run finishes."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]
EMPTIED = (
    "users.subscriptions",
    "users.play_statuses",
    "users.user_privacy",
    "public.public_events",
    "public.podcast_popularity",
)
FULL, EMPTY = [20, 5, 1, 20, 20], [0, 0, 0, 0, 0]
RANDOM_KILLS = 10
PROJECTOR = ROOT / "examples" / "projector"


def start(database: Database, *options: str) -> subprocess.Popen[str]:
    words = ["--manifest", str(EXAMPLE), "--url", database.url, "--progress", "json", "reset", "--projections"]
    return subprocess.Popen(
        [*COMMAND, *words, "--confirm", "DELETE", "--projector-grace", "0", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def nothing_held(database: Database) -> bool:
    """Whether the killed run's sessions are gone: the server notices a dead client within a second."""
    deadline = time.monotonic() + 10
    ours = "select count(*) from pg_stat_activity where application_name like 'balados-db/%%' and datname = current_database()"
    while database.value(ours.replace("%%", "%")):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def as_before_or_as_promised(database: Database, kept: dict[str, str]) -> str:
    """Say which of the two it is; anything between fails."""
    assert nothing_held(database)
    rows = [database.rows(table) for table in EMPTIED]
    positions = database.value("select count(*) from events.projection_versions")
    assert (rows, positions) in ((FULL, 4), (EMPTY, 0)), "neither as before nor as promised"
    assert database.snapshot("system") == kept
    return "before" if positions else "promised"


def test_a_client_killed_at_any_step_or_moment(filled: Database, run_cli: Run) -> None:
    """kill -9 at every step boundary, and at random moments: no half state, no lock left, the next run finishes."""
    kept = filled.snapshot("system")
    ends: list[str] = []
    steps = len(
        run_cli("reset", "--projections", "--recreate", "--dry-run", "--json", database=filled).json["plan"]["steps"]
    )
    rng = random.Random(20260101)
    for n in [*range(1, steps + 1), *([0] * RANDOM_KILLS)]:
        run = start(filled, "--recreate")
        if n:
            assert run.stderr is not None
            for _ in range(n):
                run.stderr.readline()
        else:
            time.sleep(rng.uniform(0.2, 1.2))
        run.send_signal(signal.SIGKILL)
        run.communicate()
        ends.append(as_before_or_as_promised(filled, kept))
        if ends[-1] == "promised":
            filled.execute("set eventstore.reset = 'on'; truncate events.streams, events.events, events.stream_events,"
                           " events.snapshots, events.subscriptions restart identity; truncate system.users, system.app_tokens;"
                           " insert into events.streams (stream_id, stream_uuid, stream_version) values (0, '$all', 0)")  # fmt: skip
            filled.execute((ROOT / "tests" / "filled.sql").read_text())
            kept = filled.snapshot("system")
    print(f"{len(ends)} kills: {ends.count('before')} as before, {ends.count('promised')} as promised")

    assert run_cli("reset", "--projections", "--confirm", "DELETE", database=filled).status == 0
    assert as_before_or_as_promised(filled, filled.snapshot("system")) == "promised"


# ── a real projector ─────────────────────────────────────────────────────────────────────────────────────

PROJECTED = (
    "users.subscriptions",
    "users.play_statuses",
    "users.user_privacy",
    "public.public_events",
    "public.podcast_popularity",
)


def program(name: str, database: Database, *options: str) -> list[str]:
    return [sys.executable, str(PROJECTOR / name), "--url", database.url, *options]


def hashes(database: Database) -> dict[str, str]:
    return {t: database.value(f"select md5(string_agg(t::text, '|' order by t::text)) from {t} t") for t in PROJECTED}


def test_resets_at_random_moments_of_a_projectors_life_never_lose_an_event(balados: Database, run_cli: Run) -> None:
    """Refused while it lives, done while it is dead or dying: the rebuilt tables equal those of a clean replay."""
    subprocess.run(program("store.py", balados, "--events", "400"), check=True, capture_output=True, timeout=60)
    catch_up = program("projector.py", balados, "--all", "--until-caught-up", "--retry-interval", "1")
    subprocess.run(catch_up, check=True, capture_output=True, timeout=60)
    clean = hashes(balados)
    rng = random.Random(7)
    outcomes: list[int] = []
    for _ in range(5):
        projector = subprocess.Popen(
            program("projector.py", balados, "--all", "--retry-interval", "1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(rng.uniform(0.1, 1.0))
        first = start(balados, "--projector-grace", "1.5")
        time.sleep(rng.uniform(0, 0.8))
        projector.send_signal(rng.choice([signal.SIGTERM, signal.SIGKILL]))
        projector.wait(30)
        first.communicate(timeout=60)
        last = run_cli(
            "reset", "--projections", "--confirm", "DELETE", "--wait-for-projectors", "5", "--json", database=balados
        )
        outcomes += [first.returncode, last.status]
        assert last.status == 0, json.dumps(last.json["errors"])
        subprocess.run(catch_up, check=True, capture_output=True, timeout=60)
        assert hashes(balados) == clean
    print(f"resets ended with {outcomes}")
    assert set(outcomes) <= {0, 6, 7}
