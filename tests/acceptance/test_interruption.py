"""No run hangs: --timeout and signals end it at any moment, and what became of the work is told truly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pexpect
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from balados_db.embedded import EmbeddedServer
from tests.acceptance.terminal import Terminal
from tests.conftest import COMMAND, EXAMPLE, FILLED, Database, Result, clean_environment
from tests.cutter import holder

Run = Callable[..., Result]
SLACK = 25.0  # seconds that a loaded machine takes beside what is measured
RESET = ("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")
ENDS = [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted"), (signal.SIGHUP, 143, "terminated")]


def start(url: str, *words: str, manifest: Path = EXAMPLE, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A run in the background."""
    return subprocess.Popen(
        [*prefix, *COMMAND, "--manifest", str(manifest), "--url", url, "--json", "--progress", "json", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def told(process: subprocess.Popen[str], timeout: float = 40) -> tuple[int, dict[str, Any]]:
    """Its exit status, and the one object that it printed."""
    out, err = process.communicate(timeout=timeout)
    assert "Traceback" not in err
    assert out.count("\n") == 1, (out, err)
    answer: dict[str, Any] = json.loads(out)
    assert answer["exit_status"] == process.returncode
    return process.returncode, answer


@contextmanager
def silent(*, full: bool = False) -> Iterator[str]:
    """A server that accepts connections and says nothing; or, `full`, one that does not even accept them."""
    with socket.create_server(("127.0.0.1", 0), backlog=0 if full else 50) as listening, _filling(listening, full):
        yield f"postgresql://nobody@127.0.0.1:{listening.getsockname()[1]}/none"


@contextmanager
def _filling(listening: socket.socket, full: bool) -> Iterator[None]:
    waiting = [socket.socket() for _ in range(4 if full else 0)]
    for one in waiting:
        one.setblocking(False)
        with suppress(BlockingIOError):
            one.connect(listening.getsockname())
    yield
    for one in waiting:
        one.close()


# ── --timeout ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("full", [False, True], ids=["silent", "unreachable"])
def test_timeout_bounds_connecting_in_every_command(full: bool, tmp_path: Path) -> None:
    """A server that does not answer, or an address that leads nowhere: exit 6 soon after, whatever the command."""
    out = str(tmp_path / "plan.json")
    lines: list[tuple[str, ...]] = [
        *((name,) for name in ("create", "init", "up", "migrate", "status", "verify", "doctor", "history", "adopt")),
        ("schema", "migrate", "users"),
        ("rollback", "--schema", "system", "--confirm", "DELETE"),
        RESET,
        ("reset", "--all", "--dry-run"),
        ("plan", "migrate", "--out", out),
        ("environment", "show"),
        ("docs", "--check"),
        ("rebuild", "status"),
    ]
    lines = lines if full is False else lines[:1] + lines[-6:-4]
    with silent(full=full) as url, ThreadPoolExecutor(4) as pool:

        def run(words: tuple[str, ...]) -> tuple[float, int, dict[str, Any]]:
            begun = time.monotonic()
            status, answer = told(start(url, *words, "--timeout", "1"))
            return time.monotonic() - begun, status, answer

        for words, (seconds, status, answer) in zip(lines, pool.map(run, lines), strict=True):
            assert (status, answer["errors"][0]["code"]) == (6, "timeout"), (words, answer)
            assert answer["changed"] is False
            assert seconds < 1 + SLACK, words
    assert not Path(out).exists()


def test_timeout_bounds_a_migration_and_the_prompt(filled: Database, tmp_path: Path) -> None:
    """A file that takes minutes is taken back; a person who does not answer is not waited for."""
    manifest = migrating(tmp_path, "create table made (id int);\nselect pg_catalog.pg_sleep(600);\n")
    filled.execute("create schema books")
    begun = time.monotonic()

    status, answer = told(start(filled.url, "migrate", "--timeout", "2", manifest=manifest))
    asked = Terminal(filled, "reset", "--projections", "--timeout", "4").asked()
    ended, shown = asked.end()

    assert (status, answer["errors"][0]["code"], answer["changed"]) == (6, "timeout", False)
    assert "Nothing was changed" in answer["errors"][0]["message"]
    assert (ended, "error[timeout]" in shown) == (6, True), shown
    assert time.monotonic() - begun < 6 + 2 * SLACK
    assert filled.value("select count(*) from pg_class where relname = 'made'") == 0
    assert filled.rows("users.subscriptions") == 20


def migrating(folder: Path, *files: str) -> Path:
    """A manifest with one schema and these migrations."""
    (folder / "books").mkdir()
    for number, text in enumerate(files, start=1):
        (folder / "books" / f"{number}.sql").write_text(text)
    manifest = folder / "balados-db.toml"
    manifest.write_text('version = 1\n[schemas.books]\nkind = "projection"\nmigrations = "books"\n')
    return manifest


STUCK = """
import ctypes, sys
from balados_db.postgres import guest
from balados_db.cli.main import main

def stuck(**parts):
    print("stuck", file=sys.stderr, flush=True)
    lock = ctypes.create_string_buffer(64)
    libc = ctypes.CDLL(None)
    libc.pthread_mutex_lock(lock)
    libc.pthread_mutex_lock(lock)  # for ever, and no signal ends it: as a resolver may be

if sys.argv.pop(1) == "connecting":
    guest.Guest.connect = stuck
else:
    guest.greet = lambda conn, seconds: stuck()
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a lock of the C library")
@pytest.mark.parametrize("where", ["connecting", "anywhere"])
@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=["timeout", "SIGTERM"])
def test_what_no_signal_reaches_ends_all_the_same(number: int | None, where: str, balados: Database) -> None:
    """While a name is resolved at once; in any other call of the system that does not return, some seconds later."""
    words = [
        "--manifest",
        str(EXAMPLE),
        "--url",
        balados.url,
        "--json",
        "status",
        *([] if number else ["--timeout", "2"]),
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, where, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    begun = time.monotonic()
    if number:
        if where == "anywhere":
            process.kill()  # no handler of Python's runs in such a call; nothing but --timeout is promised then
            process.communicate()
            return
        assert process.stderr is not None
        assert process.stderr.readline() == "stuck\n"
        begun = time.monotonic()
        process.send_signal(number)

    status, answer = told(process)

    assert (status, answer["errors"][0]["code"]) == ((143, "terminated") if number else (6, "timeout"))
    assert time.monotonic() - begun < 2 + 5 + 2 * SLACK


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Database]:
    """The example on a server of this test's own: its processes may be stopped, those of a container have other ids."""
    server = EmbeddedServer(tmp_path / "server", durable=False)
    try:
        database = Database("postgres", server.start())
        assert told(start(database.url, "up"))[0] == 0
        database.execute(FILLED.read_text())
        yield database
    finally:
        server.discard()


def test_a_server_that_freezes_does_not_hold_a_run(own_server: Database) -> None:
    """A process of the server that no longer runs: a signal ends the run, and when it wakes up all is taken back."""
    with psycopg.connect(own_server.url) as blocker:
        blocker.execute("select * from users.subscriptions")
        process = start(own_server.url, *RESET, "--lock-timeout", "60")
        pids = until(lambda: sessions(own_server), 2)
        try:
            for (pid,) in pids:
                os.kill(pid, signal.SIGSTOP)
            begun = time.monotonic()
            process.terminate()
            status, answer = told(process)
            assert time.monotonic() - begun < 5 + SLACK
        finally:
            for (pid,) in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
    assert (status, answer["errors"][0]["code"], answer["changed"]) == (143, "terminated", False)
    until(lambda: not sessions(own_server))
    assert own_server.rows("users.subscriptions") == 20


ALONE = """
create function system.await_the_end_of_the_fence() returns trigger language plpgsql as $$
begin
  while exists (select from pg_stat_activity where datname = current_database() and application_name like 'balados-db/%'
                   and pid <> pg_backend_pid()) loop
    perform pg_sleep(0.1), pg_stat_clear_snapshot();
  end loop;
  return null;
end $$;
create trigger waits before truncate on users.subscriptions execute function system.await_the_end_of_the_fence()
"""


def test_a_fence_that_falls_takes_everything_back(filled: Database) -> None:
    """Without it nobody is kept out any more. A lost connection is worth another try (exit 8): no plan is stale."""
    filled.execute(ALONE)
    before = filled.snapshot()
    process = start(filled.url, *RESET, "--empty")
    asleep = "select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    ((worker,),) = until(lambda: filled.execute(asleep))
    for (pid,) in sessions(filled):
        if pid != worker:
            filled.execute("select pg_terminate_backend(%s)", pid)

    status, answer = told(process)

    error = answer["errors"][0]
    assert (status, error["code"], error["retryable"], answer["changed"]) == (8, "connection_lost", True, False), answer
    assert "that of the fence was ended" in error["message"]
    assert filled.snapshot() == before


def sessions(database: Database) -> list[tuple[int]]:
    """Processes of the server that work for us."""
    return database.execute(
        "select pid from pg_stat_activity where datname = current_database() and application_name like 'balados-db/%'"
    )


def until(found: Callable[[], Any], least: int = 0) -> Any:
    """Wait until it is so."""
    deadline = time.monotonic() + 60
    while not (value := found()) or (least and len(value) < least):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value


# ── signals ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("number", "status", "code"), ENDS, ids=[name.name for name, *_ in ENDS])
def test_a_signal_ends_connecting(number: signal.Signals, status: int, code: str) -> None:
    """While a server does not answer."""
    with silent() as url:
        process = start(url, *RESET)
        time.sleep(2.5)
        process.send_signal(number)
        begun = time.monotonic()

        ended, answer = told(process)

    assert (ended, answer["errors"][0]["code"], answer["changed"]) == (status, code, False)
    assert time.monotonic() - begun < SLACK


SWALLOWED = """
import os, signal, time, weakref
from balados_db.cli.signals import Watch
from balados_db.errors import Stopped

class Thing: pass

def interrupted(_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)

Watch().begin(lambda error: None)
thing = Thing()
reference = weakref.ref(thing, interrupted)
try:
    del thing
    time.sleep(20)
    print("not heard")
except Stopped:
    print("heard")
"""


def test_a_signal_is_heard_where_the_interpreter_ignores_exceptions() -> None:
    """In a callback of the interpreter's own nothing can be raised: it is raised a moment later, and nothing is printed."""
    run = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=40, check=False)

    assert (run.stdout, run.stderr) == ("heard\n", "")


def test_a_signal_at_the_very_beginning_is_told_too(balados: Database) -> None:
    """While the command is still being imported: nothing is begun, and one object says so."""
    for delay in (0.06, 0.1, 0.15, 0.2):
        process = start(balados.url, *RESET)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=40)
        if process.returncode == -signal.SIGINT or (process.returncode == 1 and not out):
            continue  # Python itself was not there yet
        assert (process.returncode, json.loads(out)["errors"][0]["code"]) == (130, "interrupted"), (out, err)
    assert balados.rows("balados_db.receipt") == 0


def test_who_is_told_to_ignore_a_hang_up_does(balados: Database, tmp_path: Path) -> None:
    """Under nohup a run goes on when its terminal is closed."""
    manifest = migrating(tmp_path, "select pg_catalog.pg_sleep(3);\ncreate table made (id int);\n")
    process = start(balados.url, "migrate", manifest=manifest, prefix=("nohup",))
    until(lambda: sessions(balados))
    process.send_signal(signal.SIGHUP)

    status, answer = told(process)

    assert (status, answer["changed"]) == (0, True)
    assert balados.rows("books.made") == 0


def test_a_terminal_that_is_closed_declines(filled: Database) -> None:
    """At the prompt the window goes away: nothing is destroyed, and nobody is left behind."""
    terminal = Terminal(filled, "reset", "--projections").asked()

    with suppress(pexpect.ExceptionPexpect):  # it would wait for a moment only
        terminal.child.close(force=False)

    until(lambda: not terminal.child.ptyproc.isalive())
    assert filled.rows("users.subscriptions") == 20


@pytest.mark.parametrize("delivered", [True, False], ids=["carried out", "on its way"])
@pytest.mark.parametrize("command", ["reset", "migrate"])
def test_a_signal_in_the_commit_says_which_truth(
    command: str, delivered: bool, filled: Database, tmp_path: Path
) -> None:
    """The server is asked: what is committed is done, exit 0; what did not arrive is taken back, and says so."""
    parts = conninfo_to_dict(filled.url)
    manifest = migrating(tmp_path, "create table made (id int);\n") if command == "migrate" else EXAMPLE
    words = RESET if command == "reset" else ("migrate",)
    with holder(int(parts.get("port") or 5432), delivered=delivered) as (port, held):
        plain = {"host": "127.0.0.1", "port": port, "sslmode": "disable", "gssencmode": "disable"}
        process = start(make_conninfo("", **{**parts, **plain}), *words, manifest=manifest)
        assert held.wait(30)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        status, answer = told(process)

    until(lambda: not sessions(filled))
    made = filled.value("select to_regclass('books.made') is not null")
    done = made if command == "migrate" else filled.rows("users.subscriptions") == 0
    assert done is delivered
    if delivered:
        assert (status, answer["changed"]) == (0, True)
        return
    assert (status, answer["errors"][0]["details"]["in_doubt"], answer["changed"]) == (143, False, False)
    assert "Nothing was changed" in answer["errors"][0]["message"]


def test_a_signal_in_the_grace_undoes_nothing(filled: Database) -> None:
    """The work is committed by then: exit 0, with a word about the projectors, however often one is sent."""
    with filled.connect() as somebody:  # nobody else connected, no grace
        for number in (signal.SIGTERM, signal.SIGINT):
            process = start(filled.url, *RESET[:-1], "60")
            until(lambda: filled.rows("balados_db.receipt") == 1)
            for _ in range(3):
                process.send_signal(number)
                time.sleep(0.05)

            status, answer = told(process)

            assert (status, answer["changed"]) == (0, True)
            assert any("less than the grace" in text for text in answer["warnings"]), answer["warnings"]
            somebody.execute("delete from balados_db.receipt")
    assert filled.rows("users.subscriptions") == 0


def test_a_signal_between_transactions_says_what_is_done(balados: Database, tmp_path: Path) -> None:
    """What is committed stays and is said; of a file that no transaction takes back it is said that nobody knows."""
    alone = "-- transactional: false\n"
    manifest = migrating(
        tmp_path,
        "create table first (id int);\n",
        f"{alone}create table second (id int);\nselect pg_catalog.pg_sleep(600);\n",
    )
    process = start(balados.url, "migrate", manifest=manifest)
    until(lambda: balados.value("select to_regclass('books.second') is not null"))
    process.send_signal(signal.SIGTERM)

    status, answer = told(process)

    assert (status, answer["changed"]) == (143, True)
    message = answer["errors"][0]["message"]
    assert "not known" in message
    assert "apply to books: 1" in message
    assert "Nothing was changed" not in message


def test_a_database_that_was_created_before_the_signal_is_said(balados: Database, tmp_path: Path) -> None:
    """CREATE DATABASE cannot be taken back: it is what was done before."""
    manifest = migrating(tmp_path, "select pg_catalog.pg_sleep(600);\n")
    missing = Database(f"{balados.name}_up", balados.url.rpartition("/")[0] + f"/{balados.name}_up")
    process = start(missing.url, "up", manifest=manifest)

    def sleeping() -> bool:
        return bool(
            balados.value(
                "select count(*) from pg_stat_activity where datname = %s and wait_event = 'PgSleep'", missing.name
            )
        )

    until(sleeping)
    process.send_signal(signal.SIGINT)

    status, answer = told(process)

    assert (status, answer["changed"]) == (130, True)
    assert f"create database {missing.name}" in answer["errors"][0]["message"]
    assert missing.value("select count(*) from pg_namespace where nspname = 'books'") == 0


def test_an_answer_that_nobody_takes_does_not_hold_the_process(balados: Database) -> None:
    """A pipe that is full, and a reader that does not read: a signal ends it with the status of what was done."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, "--manifest", str(EXAMPLE), "--url", balados.url, "--json", "manifest", "schema"],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, b"x" * 4096):
            pass
    os.set_blocking(writing, True)
    os.close(writing)
    time.sleep(6)
    assert process.poll() is None, "it did not wait for its reader"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SLACK) == 0
    os.close(reading)
