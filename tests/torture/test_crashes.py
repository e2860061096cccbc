"""Clients killed and servers shut down in the middle: the database is as before or as promised; the next run finishes."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
import pytest
from psycopg import sql

from balados_db.embedded import EmbeddedServer
from balados_db.exits import ExitStatus
from tests.conftest import COMMAND, EXAMPLE, FILLED, Database, clean_environment
from tests.torture.state import State, read_state

PATIENCE = 60.0  # seconds
SIDE_BY_SIDE = 3  # runs at a time, each on a database of its own
# What a process leaves in the operating system's memory survives its death: only a machine that dies needs fsync.
SERVER = {"synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "32MB"}


@dataclass(frozen=True)
class Job:
    """A command to be cut down; `keeps` are schemas of which not even a file may change.

    What `repeats` can be done again when it is done.
    """

    name: str
    words: tuple[str, ...]
    phrase: str | None
    keeps: tuple[str, ...]
    template: str = "filled"
    always: bool = False
    repeats: bool = True


PERMANENT = ("system", "events")
JOBS = (
    Job("projections, emptied", ("reset", "--projections", "--empty"), "DELETE", PERMANENT, always=True),
    Job("projections, recreated", ("reset", "--projections", "--recreate"), "DELETE", PERMANENT, always=True),
    Job("events", ("reset", "--events"), "DELETE ALL EVENTS", ("system", "users", "public")),
    Job("system", ("reset", "--system", "--recreate"), "DELETE", ("events", "users", "public")),
    Job("all, emptied", ("reset", "--all", "--empty"), "DELETE ALL DATA", ()),
    Job("all, recreated", ("reset", "--all", "--recreate"), "DELETE ALL DATA", (), always=True),
    Job("migrate", ("migrate",), None, ("events",), template="created"),
    Job(
        "rollback",
        ("rollback", "--schema", "users", "--with-dependents", "--to", "0004_playlists"),
        "DELETE",
        PERMANENT,
        repeats=False,
    ),
)


@dataclass(frozen=True)
class Moment:
    """So many steps were announced, and then so many seconds went by."""

    steps: int
    seconds: float = 0.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every job when there is time; else those that say most."""
    jobs = [job for job in JOBS if job.always or metafunc.config.getoption("thorough")]
    metafunc.parametrize("job", jobs, ids=[job.name for job in jobs])


# ── the ground ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Ground:
    """A server that may be shut down at any moment, and databases to be cloned on it."""

    server: EmbeddedServer
    port: int
    url: str = field(default="", repr=False)
    promised: dict[str, tuple[State, int]] = field(default_factory=dict)
    made: int = 0

    def clone(self, template: str) -> Database:
        """A new database. Written to the log: a copy of files would cost two checkpoints."""
        self.made += 1
        database = self._database(f"crash_{self.made}_{time.monotonic_ns()}")
        names = sql.Identifier(database.name), sql.Identifier(template)
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(sql.SQL("create database {} template {} strategy wal_log").format(*names))
        return database

    def _database(self, name: str) -> Database:
        return Database(name, self.url.rpartition("/")[0] + f"/{name}")

    def build(self) -> None:
        """The templates: schemas alone; and everything, with rows everywhere."""
        for name, command in (("created", "create"), ("filled", "up")):
            with psycopg.connect(self.url, autocommit=True) as conn:
                conn.execute(f"create database {name} template template0")
            run = subprocess.run(
                command_line(self._database(name), command), env=clean_environment(), capture_output=True
            )
            assert run.returncode == 0, run.stderr
        self._database("filled").execute(FILLED.read_text())

    def shut_down(self, number: signal.Signals) -> None:
        """As `pg_ctl stop -m immediate` does (SIGQUIT), or as the system does when it runs out of memory (SIGKILL)."""
        pid = self.server.pid()
        assert pid is not None
        os.kill(pid, number)

    def start(self) -> None:
        """Start the server; one that crashed replays its log."""
        eventually(lambda: self.server.pid() is None, "the server is gone")
        self.url = self.server.start(self.port)

    def promise(self, job: Job) -> tuple[State, int]:
        """What the job makes when nobody disturbs it, and how many steps it announces."""
        if job.name not in self.promised:
            database = self.clone(job.template)
            run = start(job, database)
            _, err = run.communicate(timeout=PATIENCE)
            assert run.returncode == 0, err
            self.promised[job.name] = (read_state(database), err.count('"step"'))
        return self.promised[job.name]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """The server of this file alone; no other test may be on it."""
    with tempfile.TemporaryDirectory(prefix="balados-db-crashes-") as folder:
        server = EmbeddedServer(Path(folder) / "server", durable=False, settings=SERVER)
        try:
            made = Ground(server, free_port())
            made.start()
            made.build()
            yield made
            made.shut_down(signal.SIGQUIT)
        finally:
            server.discard()


def free_port() -> int:
    """One that no client is given by the system while the server is down."""
    for port in random.sample(range(15000, 30000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


# ── one run ──────────────────────────────────────────────────────────────────────────────────────────────


def command_line(database: Database, *words: str) -> list[str]:
    return [*COMMAND, "--manifest", str(EXAMPLE), "--url", database.url, "--progress", "json", "--json", *words]


def start(job: Job, database: Database) -> subprocess.Popen[str]:
    consent = ("--confirm", job.phrase, "--projector-grace", "0") if job.phrase else ()
    return subprocess.Popen(
        command_line(database, *job.words, *consent),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def reach(moment: Moment, run: subprocess.Popen[str]) -> None:
    """Wait for the moment, or for the end of the run if that comes first."""
    assert run.stderr is not None
    left = moment.steps
    while left and (line := run.stderr.readline()):
        left -= '"step"' in line
    with suppress(subprocess.TimeoutExpired):
        run.wait(moment.seconds)


def moments(steps: int, rng: random.Random, *, thorough: bool) -> list[Moment]:
    """Boundaries of steps, and random moments: before the first, between, around the commit, which follows the last."""
    boundaries = [Moment(n) for n in range(1, steps + 1)]
    between = [Moment(rng.randint(1, steps), rng.uniform(0.001, 0.06)) for _ in range(steps // 2)]
    at_commit = [Moment(steps, rng.uniform(0.001, 0.02)) for _ in range(5)]
    before = [Moment(0, rng.uniform(0.2, 0.6)) for _ in range(2)]
    if thorough:
        return [*boundaries, *between, *at_commit, *before]
    return [*rng.sample(boundaries, 4), between[0], at_commit[0], rng.choice(before)]


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────────────

LEFT = """
select (select count(*) from pg_stat_activity where datname = current_database() and application_name like 'balados-db/%')
     + (select count(*) from pg_prepared_xacts where database = current_database())
     + (select count(*)
          from pg_locks l
          join pg_database d on d.oid = l.database
          join pg_stat_activity a using (pid)
         where d.datname = current_database()
           and a.backend_type = 'client backend'
           and pid <> pg_backend_pid())
"""


def eventually(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.03)


@dataclass
class Trial:
    """One database, one job, cut down once."""

    ground: Ground
    job: Job
    database: Database

    @cached_property
    def before(self) -> State:
        return read_state(self.database)

    def judge(self) -> str:
        """Say whether the database is as before or as promised; anything between fails, and so does what is left over."""
        eventually(lambda: self.database.value(LEFT) == 0, "no session, no lock is left")
        promised, _ = self.ground.promise(self.job)
        now = read_state(self.database)
        if now.is_still(self.before):
            return "before"
        assert now.facts == promised.facts, f"neither as before nor as promised: {now.differences(promised)}"
        assert now.receipts == self.before.receipts + (self.job.phrase is not None)
        assert now.is_still(self.before, self.job.keeps)
        return "promised"

    def finish(self) -> None:
        """The next run, which nobody disturbs, finishes the work."""
        run = start(self.job, self.database)
        out, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, (out, err)
        promised, _ = self.ground.promise(self.job)
        assert read_state(self.database).facts == promised.facts


class Trials:
    """Trials of one job. A database that is as before is used again, as long as it is."""

    def __init__(self, ground: Ground, job: Job) -> None:
        self.ground, self.job, self.ends, self.too_late, self.finished = ground, job, Counter[str](), 0, 0
        self._idle = SimpleQueue[Trial]()

    def take(self) -> Trial:
        """A database on which the job has not yet been done."""
        with suppress(Empty):
            return self._idle.get_nowait()
        trial = Trial(self.ground, self.job, self.ground.clone(self.job.template))
        assert trial.before.receipts == 0
        return trial

    def end(self, trial: Trial, *, cut: bool) -> str:
        """Judge, and let every third one finish. `cut` is false for a run that was over before it could be cut down."""
        end = trial.judge()
        self.ends[end] += cut
        self.too_late += not cut
        due = (self.ends.total() + self.too_late) % 3 == 0
        if due and (end == "before" or trial.job.repeats):
            trial.finish()
            self.finished += 1
        elif end == "before":
            self._idle.put(trial)
        return end

    def facts(self) -> dict[str, Any]:
        """What there is to report."""
        ends = {"before": self.ends["before"], "promised": self.ends["promised"]}
        return {"count": self.ends.total(), **ends, "too_late": self.too_late, "finished": self.finished}


# ── the tests ────────────────────────────────────────────────────────────────────────────────────────────


def kill_client(trials: Trials, moment: Moment) -> None:
    trial = trials.take()
    run = start(trial.job, trial.database)
    reach(moment, run)
    run.kill()
    run.communicate(timeout=PATIENCE)
    trials.end(trial, cut=run.returncode == -signal.SIGKILL)


def test_a_client_that_is_killed(job: Job, ground: Ground, thorough: bool, outcome: Callable[..., None]) -> None:
    """kill -9 at step boundaries and at random moments: no half state, no lock left, the next run finishes."""
    _, steps = ground.promise(job)
    trials = Trials(ground, job)
    planned = moments(steps, random.Random(f"client {job.name}"), thorough=thorough)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        done = [pool.submit(kill_client, trials, moment) for moment in planned]
    outcome("kills", name=f"client of {job.name}", **trials.facts())
    for one in done:
        one.result()


def told_the_truth(status: int, out: str, err: str, end: str) -> None:
    """Who is still there to tell what became of its run says so: done, or the connection was lost."""
    assert status in (ExitStatus.OK, ExitStatus.UNREACHABLE), f"{out[-900:]} {err}"
    if status == ExitStatus.OK:
        assert end == "promised", out
    if end == "promised":
        assert status == ExitStatus.OK or "in doubt" in out, out


def shut_down_under(trials: Trials, held: list[Moment], running: Moment, number: signal.Signals) -> None:
    """Shut the server down under runs that are held at their moments, and one that goes on."""
    taken = [trials.take() for _ in (*held, running)]
    runs = [start(trial.job, trial.database) for trial in taken[:-1]]
    for run, moment in zip(runs, held, strict=True):
        reach(moment, run)
        run.send_signal(signal.SIGSTOP)
    runs.append(start(taken[-1].job, taken[-1].database))
    reach(running, runs[-1])
    over = [run.poll() is not None for run in runs]
    trials.ground.shut_down(number)
    for run in runs:
        run.send_signal(signal.SIGCONT)
    said = [run.communicate(timeout=PATIENCE) for run in runs]
    trials.ground.start()
    for trial, run, (out, err), late in zip(taken, runs, said, over, strict=True):
        told_the_truth(run.returncode, out, err, trials.end(trial, cut=not late))


def test_a_server_that_is_shut_down(job: Job, ground: Ground, thorough: bool, outcome: Callable[..., None]) -> None:
    """Immediate shutdown or death of the server, with several runs in the middle: the same promise after recovery."""
    _, steps = ground.promise(job)
    trials = Trials(ground, job)
    planned = moments(steps, random.Random(f"server {job.name}"), thorough=thorough)
    boundaries, rest = [m for m in planned if not m.seconds], [m for m in planned if m.seconds]
    signals = cycle((signal.SIGQUIT, signal.SIGKILL))
    shutdowns = 0
    while rest:
        held, boundaries = boundaries[: SIDE_BY_SIDE - 1], boundaries[SIDE_BY_SIDE - 1 :]
        shut_down_under(trials, held, rest.pop(), next(signals))
        shutdowns += 1
    outcome("kills", name=f"server under {job.name}", **trials.facts(), shutdowns=shutdowns)
