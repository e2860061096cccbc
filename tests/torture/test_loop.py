"""A real projector against resets: whatever the timing, the rebuilt tables equal those of a clean replay."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.terminal import Terminal
from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]
PROGRAMS = ROOT / "examples" / "projector"
PATIENCE = 60.0  # seconds
EVENTS = 70
NAMES = ("SubscriptionsProjector", "PlayStatusesProjector", "PublicEventsProjector", "PopularityProjector")
ALL_OF = "select coalesce(md5(string_agg(t::text, '|' order by t::text)), 'empty') from {} t"
PROJECTED = (
    *("users.subscriptions", "users.play_statuses", "users.user_privacy"),
    *("public.public_events", "public.podcast_popularity", "public.episode_popularity"),
)
# The example's projector, but for one moment: it has read its row, says so, and waits for a word before it tries the lock.
HESITANT = """
import sys
import subscription
read = subscription.Subscription._row

def hesitate(self):
    found = read(self)
    print("read", flush=True)
    sys.stdin.readline()
    return found

subscription.Subscription._row = hesitate
import projector
sys.exit(projector.main())
"""
# The example's projector, with a transaction that takes its time.
SLOW = """
import sys
import projections
rules = projections.PROJECTORS["PopularityProjector"]
slow = {event: (*statements, "select pg_sleep(0.01)") for event, statements in rules.items()}
projections.PROJECTORS["PopularityProjector"] = slow
import projector
sys.exit(projector.main())
"""


def reset(database: Database, *words: str, grace: float) -> subprocess.Popen[str]:
    """Start a reset; standard error tells its steps."""
    common = ("--manifest", str(EXAMPLE), "--url", database.url, "--progress", "json", "reset", "--confirm", "DELETE")
    return subprocess.Popen(
        [*COMMAND, *common, "--projector-grace", str(grace), *(words or ("--projections",))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def first_step(resetting: subprocess.Popen[str]) -> None:
    """Wait until the reset has fence and locks, or is over."""
    assert resetting.stderr is not None
    while (line := resetting.stderr.readline()) and '"step"' not in line:
        pass


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's modules can be imported."""
    monkeypatch.syspath_prepend(str(PROGRAMS))


def append(database: Database, events: int) -> None:
    """Made-up events: which ones follows from the head, so two databases filled alike hold the same."""
    with database.connect() as conn:
        store = import_module("store")
        store.fill(store.Store(conn), events, 1)


def catch_up(database: Database) -> None:
    """Every projector from where it is to the head, one after the other."""
    subscription, rules = import_module("subscription"), import_module("projections").PROJECTORS
    for name in NAMES:
        with database.connect() as conn:
            one = subscription.Subscription(conn, name, rules[name])
            eventually(one.subscribe, f"{name} has its lock")
            while events := one.read():
                for event in events:
                    one.handle(event)


def hashes(database: Database) -> dict[str, str]:
    """What the projectors made of the events."""
    return {table: database.value(ALL_OF.format(table)) for table in PROJECTED}


def eventually(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.03)


def projector(database: Database, *words: str, program: str | None = None, **pipes: Any) -> subprocess.Popen[str]:
    """Start the example's projector program, or one of those above."""
    start = ["-c", program] if program else [str(PROGRAMS / "projector.py")]
    return subprocess.Popen(
        [sys.executable, *start, "--url", database.url, "--retry-interval", "0.1", *words],
        text=True,
        env=clean_environment(PYTHONPATH=str(PROGRAMS)),
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **pipes},
    )


@pytest.fixture
def told(balados: Database) -> Database:
    """Balados Sync's database with events, all of them projected."""
    append(balados, EVENTS)
    catch_up(balados)
    return balados


# ── one that read its row before the commit ──────────────────────────────────────────────────────────────


@contextmanager
def hesitating(database: Database, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A projector that has read its row, and not yet tried the lock."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    words = ("--projector", "PopularityProjector")
    with log.open("w") as said, projector(database, *words, program=HESITANT, stderr=said, **pipes) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "read\n"
            yield process
        finally:
            process.kill()


def let_go(process: subprocess.Popen[str], log: Path) -> None:
    """Let it try the lock, and wait until it has it."""
    assert process.stdin is not None
    process.stdin.close()
    eventually(lambda: "subscribed at" in log.read_text(), "the hesitant projector has its lock")
    process.terminate()
    process.wait(PATIENCE)


def is_committed(database: Database) -> bool:
    return database.rows("public.public_events") == 0


@pytest.mark.parametrize("connects", ["before the plan", "after the plan"])
def test_one_that_read_its_row_before_the_commit_loses_nothing(told: Database, tmp_path: Path, connects: str) -> None:
    """It tries the lock after the commit: the fence still stands, so it reads its row anew and replays everything."""
    log, clean = tmp_path / "log", hashes(told)
    resetting = reset(told, grace=2) if connects == "after the plan" else None
    if resetting:
        first_step(resetting)
        resetting.send_signal(signal.SIGSTOP)
    with hesitating(told, log) as process:
        if resetting:
            resetting.send_signal(signal.SIGCONT)
        resetting = resetting or reset(told, grace=2)
        eventually(lambda: is_committed(told), "the reset committed")
        let_go(process, log)
        _, err = resetting.communicate(timeout=PATIENCE)
    assert resetting.returncode == 0, err
    assert "holds the lock" in log.read_text()
    catch_up(told)
    assert hashes(told) == clean


def test_without_the_grace_such_a_one_loses_history(told: Database, tmp_path: Path) -> None:
    """What the grace is for, and that the test above makes it happen: the stale position is lived on without an error."""
    log, clean = tmp_path / "log", hashes(told)
    with hesitating(told, log) as process:
        _, err = reset(told, grace=0).communicate(timeout=PATIENCE)
        assert not told.rows("public.public_events"), err
        let_go(process, log)
    assert f"subscribed at {EVENTS}" in log.read_text()
    append(told, 10)
    catch_up(told)
    assert hashes(told) != clean


def test_one_that_subscribed_anew_while_somebody_thought(told: Database, run_cli: Run) -> None:
    """Same name, another row, another lock: a reset planned before and confirmed now must not run under its feet."""
    clean = hashes(told)
    person = Terminal(told, "reset", "--projections").asked()
    assert run_cli("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0", database=told).status == 0
    with projector(told, "--all") as process:
        eventually(lambda: hashes(told) == clean, "everything is rebuilt")
        status, shown = person.type("DELETE").end()
        process.terminate()
    assert status in (6, 7), shown
    assert hashes(told) == clean


# ── whatever the timing ──────────────────────────────────────────────────────────────────────────────────

GRACE, STOPPED = 1.0, 0.3  # seconds; who is stopped for longer than the grace may be stopped at the wrong moment
CREW: dict[str, tuple[tuple[str, ...], str | None]] = {
    "listeners": (("SubscriptionsProjector", "PlayStatusesProjector"), None),
    "public": (("PublicEventsProjector", "PopularityProjector"), None),
    "slow": (("PopularityProjector",), SLOW),
    "rival": (NAMES, None),
}
SCOPES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("--projections",), NAMES),
    (("--projections", "--recreate"), NAMES),
    (("--projections", "--wait-for-projectors", "4"), NAMES),
    (("--projector", "PopularityProjector", "--wait-for-projectors", "4"), ("PopularityProjector",)),
    (("--projector", "SubscriptionsProjector"), ("SubscriptionsProjector",)),
)
DEEDS = ("storm at the fence", "storm", "kill", "storm at the fence", "stop", "storm", "nothing")
BEHIND = """
select (select stream_version from events.streams where stream_id = 0) * 4
     - (select coalesce(sum(last_seen), 0) from events.subscriptions where subscription_name = any (%s))
"""


@dataclass
class Story:
    """One database, its projectors, and a witness: the same events in another database, projected by one hand."""

    database: Database
    witness: Database
    rng: random.Random
    crew: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    ends: Counter[int] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)

    def append(self, most: int) -> None:
        """The same events in both databases."""
        number = self.rng.randint(2, most)
        for database in (self.database, self.witness):
            append(database, number)

    def clean_replay(self) -> dict[str, str]:
        """What the events give when they are projected from the first to the last and nothing happens meanwhile."""
        self.witness.execute(f"truncate {', '.join(PROJECTED)}")
        self.witness.execute("delete from events.subscriptions; delete from events.projection_versions")
        catch_up(self.witness)
        return self.contents(self.witness)

    def contents(self, database: Database) -> dict[str, str]:
        """Rows of the projections, and of the events themselves."""
        events = "(select event_id, event_type, data from events.events)"
        return {**hashes(database), "events": database.value(ALL_OF.format(events))}

    def man(self) -> None:
        """Let everybody work who has to, and some who get in their way."""
        for member, (names, program) in CREW.items():
            works = member in self.crew and self.crew[member].poll() is None
            if not works and (member in ("listeners", "public") or self.rng.random() < 0.5):
                words = (word for name in names for word in ("--projector", name))
                self.crew[member] = projector(self.database, *words, program=program)

    def in_the_way_of(self, names: tuple[str, ...]) -> list[subprocess.Popen[str]]:
        """Who may hold a lock of one of these projectors."""
        return [process for member, process in self.crew.items() if set(CREW[member][0]) & set(names)]

    def pause(self, seconds: float) -> None:
        """Any time up to that: what is to be found out is what any timing does."""
        time.sleep(self.rng.uniform(0, seconds))

    def round(self) -> None:
        """A reset, something that happens to it or to projectors, and the truth when everybody has caught up."""
        self.man()
        words, names = self.rng.choice(SCOPES)
        deed = DEEDS[self.deeds.total() % len(DEEDS)]
        self.deeds[deed] += 1
        self.pause(0.5)
        if deed == "storm at the fence":
            self.end(names)
        resetting = reset(self.database, *words, grace=GRACE)
        self.append(12)
        self.happen(deed, names, resetting)
        self.append(12)
        _, err = resetting.communicate(timeout=PATIENCE)
        assert resetting.returncode in (0, 6, 7, -signal.SIGKILL), err
        self.ends[resetting.returncode] += 1
        self.man()
        eventually(lambda: self.database.value(BEHIND, list(NAMES)) == 0, "everybody has caught up")
        assert self.contents(self.database) == self.clean_replay(), (deed, words, resetting.returncode)

    def happen(self, deed: str, names: tuple[str, ...], resetting: subprocess.Popen[str]) -> None:
        """Do it."""
        if deed == "stop":
            stopped = self.rng.choice(list(self.crew.values()))
            stopped.send_signal(signal.SIGSTOP)
            self.pause(STOPPED)
            stopped.send_signal(signal.SIGCONT)
        if deed == "storm at the fence":
            first_step(resetting)
            self.man()
        if deed in ("storm", "kill"):
            self.pause(0.8)
            self.end(names)
            self.pause(0.8)
            self.man()
        if deed == "kill":
            self.pause(1.0)
            resetting.kill()

    def end(self, names: tuple[str, ...]) -> None:
        """End whoever is in the way, this way or that."""
        for process in self.in_the_way_of(names):
            process.send_signal(self.rng.choice((signal.SIGTERM, signal.SIGKILL)))
            process.wait(PATIENCE)

    def over(self) -> None:
        """Leave no process behind."""
        for process in self.crew.values():
            process.kill()
            process.wait(PATIENCE)


def test_resets_at_random_moments_of_projectors_lives_never_lose_nor_double_an_event(
    balados: Database,
    balados_template: str,
    new_database: Callable[..., Database],
    thorough: bool,
    outcome: Callable[..., None],
) -> None:
    """Several projectors, a slow one, ended and stopped and begun; events meanwhile: equal to a clean replay every time."""
    story = Story(balados, new_database(balados_template), random.Random(20260101))
    deadline = time.monotonic() + (180 if thorough else 12)
    rounds = 0
    try:
        story.append(2 * EVENTS)
        while time.monotonic() < deadline or rounds < 3:
            story.round()
            rounds += 1
    finally:
        story.over()
        facts = {"done": story.ends[0], "refused": story.ends[6] + story.ends[7], "killed": story.ends[-signal.SIGKILL]}
        outcome("loop", name="resets among living projectors", rounds=rounds, **facts, deeds=dict(story.deeds))
    assert story.ends[0]
