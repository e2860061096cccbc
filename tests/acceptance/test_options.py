"""What every command shares: options anywhere, patience, interruption, streams, colours, and a quick start."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.acceptance.terminal import Terminal
from tests.conftest import COMMAND, EXAMPLE, Database, Result, clean_environment

Run = Callable[..., Result]
RESET = ("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
ESCAPE = "\x1b["
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m")


def each(run: Callable[..., Result], lines: list[tuple[str, ...]]) -> list[Result]:
    """Run several command lines side by side."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda line: run(*line), lines))


# ── where options stand ──────────────────────────────────────────────────────────────────────────────────


def test_common_options_may_stand_before_or_after_the_name(balados: Database, run_cli: Run) -> None:
    """Before the command, after it, and between a group and its command: it is the same run."""
    here = ("--url", balados.url)
    lines: list[tuple[str, ...]] = [
        (*here, "--json", "status"),
        ("status", *here, "--json"),
        ("--json", "status", *here),
        ("--json", "schema", *here, "migrate", "users"),
        ("schema", "--json", *here, "migrate", "users"),
        ("schema", "migrate", "users", "--json", *here),
        ("schema", "migrate", *here, "users", "--json"),
        ("--json", "manifest", "check"),
        ("manifest", "--json", "check"),
        ("manifest", "check", "--json"),
    ]
    names = ["status"] * 3 + ["schema migrate"] * 4 + ["manifest check"] * 3

    for name, line, result in zip(names, lines, each(run_cli, lines), strict=True):
        assert result.status == 0, (line, result.err)
        assert result.json["command"] == name, line


def test_the_nearest_option_wins(balados: Database, run_cli: Run, tmp_path: Path) -> None:
    """Of two places that say something, the one nearer to the command counts; of two in one place, the later."""
    missing = str(tmp_path / "none.toml")
    right: list[tuple[str, ...]] = [
        ("--url", NOWHERE, "status", "--url", balados.url),
        ("status", "--url", NOWHERE, "--url", balados.url),
        ("--manifest", missing, "--url", balados.url, "schema", "--manifest", str(EXAMPLE), "migrate", "users"),
        ("schema", "--url", NOWHERE, "migrate", "--url", balados.url, "users"),
        ("--timeout", "0.05", "status", "--timeout", "60", "--url", balados.url),
        ("--timeout=0.05", "--timeout=60", "status", "--url", balados.url),
    ]
    wrong: list[tuple[str, ...]] = [
        ("--url", balados.url, "status", "--url", NOWHERE),
        ("schema", "--url", balados.url, "migrate", "users", "--url", NOWHERE),
    ]

    assert [r.status for r in each(run_cli, right)] == [0] * 6
    assert [r.status for r in each(run_cli, wrong)] == [8] * 2


def test_a_failure_names_the_command_that_was_typed(run_cli: Run) -> None:
    """In JSON the command is the same word in failure as in success, wherever the options stand."""
    lines: dict[str, tuple[str, ...]] = {
        "schema migrate": ("--json", "schema", "migrate", "nothing"),
        "new": ("--url", "drop", "new", "--schema", "nothing", "status", "--json"),
        "reset": ("--json", "--url", "status", "reset"),
        "wipe": ("wipe", "--json"),
        "environment set": ("environment", "set", "--nope", "--json"),
        "schema": ("schema", "--json"),
        "": ("--json", "nonsense"),
    }

    for name, result in zip(lines, each(run_cli, list(lines.values())), strict=True):
        assert (result.status, result.json["command"]) == (2, name)
        assert result.out.count("\n") == 1


def test_a_value_that_looks_like_an_option_is_none(run_cli: Run) -> None:
    """What follows an option that takes a value, and what follows `--`, asks for no JSON; a flag anywhere else does."""
    words: list[tuple[str, ...]] = [
        ("reset", "--projections", "--confirm", "--json"),
        ("status", "--manifest=--json"),
        ("--manifest", "--json", "status"),
        ("explain", "--", "--json"),
        ("environment", "set", "--", "--json"),
        ("status", "--js"),
    ]
    objects: list[tuple[str, ...]] = [
        ("status", "--nope", "--json"),
        ("status", "--json=yes"),
        ("--json", "reset", "--confirm", "--json"),
        ("nonsense", "--json"),
        ("rebuild", "nonsense", "--json"),
        ("status", "--timeout", "soon", "--json"),
    ]

    assert [r.out for r in each(run_cli, words)] == [""] * len(words)
    assert [r.json["ok"] for r in each(run_cli, objects)] == [False] * len(objects)


def test_help_and_version_are_objects_too(run_cli: Run) -> None:
    """With --json they print one object like everything else; without, the words."""
    of = {"": ("--help",), "reset": ("reset", "--help"), "rebuild": ("rebuild", "-h")}
    for about, words in of.items():
        told = run_cli(*words, "--json").json
        assert (told["command"], told["exit_status"], told["result"]["about"]) == ("help", 0, about)
        assert told["result"]["help"] in run_cli(*words).out
    version = run_cli("--version").out.split()[-1]
    assert run_cli("--json", "--version").json["result"]["version"] == version


# ── patience ─────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def opens_later(database: Database, seconds: float) -> Iterator[str]:
    """The URL of a port that nobody listens on yet, and that leads to the database's server after a while."""
    parts = conninfo_to_dict(database.url)
    behind = (str(parts["host"]), int(parts.get("port") or 5432))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        done.wait(seconds)
        listener.settimeout(0.1)
        listener.listen()
        while not done.is_set():
            with suppress(TimeoutError):
                client, _ = listener.accept()
                pass_on(client, socket.create_connection(behind))

    def pass_on(client: socket.socket, server: socket.socket) -> None:
        """Until one of them ends; one conversation at a time is enough here."""
        with client, server:
            while True:
                for end in select.select([client, server], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    (server if end is client else client).sendall(data)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield make_conninfo("", **{**parts, "host": "127.0.0.1", "port": port})
    finally:
        done.set()
        thread.join()
        listener.close()


def test_wait_bridges_the_start_of_a_server(balados: Database, run_cli: Run) -> None:
    """--wait goes on trying until the server accepts connections, and no longer than it has to."""
    with opens_later(balados, 2.5) as url:
        at_once = run_cli("status", "--url", url)
        begun = time.monotonic()
        waited = run_cli("status", "--url", url, "--wait", "30")

    assert (at_once.status, at_once.code) == (8, "unreachable")
    assert waited.status == 0, waited.err
    assert time.monotonic() - begun < 20


def test_wait_ends(run_cli: Run) -> None:
    """A server that never comes is waited for as long as was said, then it is exit 8."""
    begun = time.monotonic()

    result = run_cli("status", "--url", NOWHERE, "--wait", "1.5")

    assert (result.status, result.code) == (8, "unreachable")
    assert 1.5 < time.monotonic() - begun < 15


# ── interruption ─────────────────────────────────────────────────────────────────────────────────────────


def traces(database: Database) -> list[tuple[object, ...]]:
    """Sessions of ours that are still there, and advisory locks."""
    return database.execute(
        "select application_name, state from pg_stat_activity"
        " where datname = current_database() and application_name like 'balados-db/%'"
        " union all select 'lock', mode from pg_locks where locktype = 'advisory'"
        " and database = (select oid from pg_database where datname = current_database())"
    )


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def waits(database: Database) -> bool:
    """Whether a run of ours waits for a lock in the server."""
    found = database.value(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name like 'balados-db/%' and wait_event_type = 'Lock'"
    )
    return bool(found)


@contextmanager
def blocked(database: Database, folder: Path, command: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A run that waits for a table: a reset tries again and again, a migration waits in the server."""
    (folder / "books").mkdir()
    (folder / "books" / "a.sql").write_text("create table made (id int);\nalter table shelf add title text;\n")
    manifest = folder / "balados-db.toml"
    manifest.write_text('version = 1\n[schemas.books]\nkind = "projection"\nmigrations = "books"\n')
    words = {"reset": ("--manifest", str(EXAMPLE), *RESET), "migrate": ("--manifest", str(manifest), "migrate")}
    with psycopg.connect(database.url) as blocker:
        blocker.execute("select * from books.shelf, users.subscriptions")
        process = subprocess.Popen(
            [*COMMAND, *words[command], "--lock-timeout", "60", "--json", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(BALADOS_DB_URL=database.url),
        )
        until(lambda: waits(database))
        yield process
        process.communicate(timeout=30)


@pytest.fixture
def shelved(filled: Database) -> Database:
    """The filled database with one more table."""
    filled.execute("create schema books; create table books.shelf (id int)")
    return filled


@pytest.mark.parametrize("command", ["reset", "migrate"])
@pytest.mark.parametrize(
    ("number", "status", "code"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
    ids=["SIGTERM", "SIGINT"],
)
def test_a_signal_takes_everything_back(
    number: signal.Signals, status: int, code: str, command: str, shelved: Database, tmp_path: Path
) -> None:
    """A run that is interrupted while it waits for a lock ends at once; nothing is changed, no session or lock left."""
    before = shelved.snapshot()

    with blocked(shelved, tmp_path, command) as process:
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert time.monotonic() - begun < 8
        until(lambda: not traces(shelved))

    assert process.returncode == status, err
    answer = json.loads(out)
    assert (answer["exit_status"], answer["errors"][0]["code"], answer["changed"]) == (status, code, False)
    assert "Traceback" not in err
    assert shelved.snapshot() == before


def test_an_impatient_second_ctrl_c_changes_nothing_about_the_end(shelved: Database, tmp_path: Path) -> None:
    """However often it is pressed, the run ends with 130 and its sentence, not with a traceback."""
    with blocked(shelved, tmp_path, "reset") as process:
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        out, err = process.communicate(timeout=30)
        until(lambda: not traces(shelved))

    assert (process.returncode, json.loads(out)["errors"][0]["code"]) == (130, "interrupted")
    assert "Traceback" not in err
    assert shelved.rows("users.subscriptions") == 20


@pytest.mark.parametrize("command", ["reset", "migrate"])
def test_timeout_bounds_the_whole_run(command: str, shelved: Database, tmp_path: Path) -> None:
    """--timeout ends a run that waits for a lock: exit 6, nothing changed, no session or lock left."""
    before = shelved.snapshot()

    with blocked(shelved, tmp_path, command, "--timeout", "3") as process:
        out, err = process.communicate(timeout=30)
        until(lambda: not traces(shelved))

    assert process.returncode == 6, err
    error = json.loads(out)["errors"][0]
    assert (error["code"], error["retryable"]) == ("timeout", True)
    assert "--timeout" in error["hint"]
    assert shelved.snapshot() == before


def processes() -> dict[int, tuple[int, str]]:
    """Every process of this machine: its parent and its arguments."""
    if Path("/proc/self/stat").exists():
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                found[int(folder.name)] = (parent, (folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return {int(row[0]): (int(row[1]), row[-1]) for row in rows}


def test_a_password_is_nowhere_to_be_seen_while_it_works(shelved: Database, tmp_path: Path) -> None:
    """Neither the arguments of a process nor what the server lists about its sessions holds the password."""
    password = str(conninfo_to_dict(shelved.url)["password"])

    with blocked(shelved, tmp_path, "reset") as process:
        every = processes()
        family = {process.pid}
        while grown := {pid for pid, (parent, _) in every.items() if parent in family} - family:
            family |= grown
        arguments = [every[pid][1] for pid in family]
        listed = shelved.execute("select a::text from pg_stat_activity a where application_name like 'balados-db/%%'")
        process.terminate()
        out, err = process.communicate(timeout=30)

    assert any("balados_db" in words for words in arguments)
    assert len(listed) >= 2
    assert not [text for text in (*arguments, *(row[0] for row in listed), out, err) if password in text]


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────


def into_nothing(*arguments: str, database: Database, unbuffered: str = "") -> tuple[int, str]:
    """Run with a standard output that nobody reads any more; exit status and standard error."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(
            [*COMMAND, "--manifest", str(EXAMPLE), "--url", database.url, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(PYTHONUNBUFFERED=unbuffered),
            timeout=60,
            check=False,
        )
    return done.returncode, done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_an_answer_that_nobody_reads_is_no_failure(unbuffered: str, filled: Database) -> None:
    """`| head -c0`: the outcome decides the exit status, and there is no traceback."""
    expected = {
        ("status",): 0,
        ("status", "--json"): 0,
        ("status", "--check"): 4,
        ("migrate",): 0,
        ("status", "--nope", "--json"): 2,
        ("reset", "--all", "--json"): 3,
    }
    filled.execute("update events.streams set stream_version = 21 where stream_id = 0")

    def run(*words: str) -> tuple[int, str]:
        return into_nothing(*words, database=filled, unbuffered=unbuffered)

    with ThreadPoolExecutor(4) as pool:
        for (words, status), (ended, err) in zip(
            expected.items(), pool.map(lambda words: run(*words), expected), strict=True
        ):
            assert ended == status, (words, err)
            assert "Traceback" not in err
            assert "BrokenPipe" not in err
    assert run("--help")[1] == run("--version")[1] == ""
    assert run(*RESET)[0] == 0
    assert filled.rows("users.subscriptions") == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_bug(closed: str, filled: Database) -> None:
    """A caller that closes standard streams gets the same outcome, and its database no stray words."""
    answers = {("status",): 0, ("migrate", "--json"): 0, ("reset", "--all"): 3, ("status", "--nope"): 2, RESET: 0}

    def run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        line = shlex.join([*COMMAND, "--manifest", str(EXAMPLE), "--url", filled.url, *words])
        return subprocess.run(
            ["/bin/sh", "-c", f"exec {line} {closed}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=clean_environment(),
            timeout=60,
            check=False,
        )

    for words, status in answers.items():
        done = run(words)
        assert done.returncode == status, (words, done.stderr)
        assert "Traceback" not in done.stdout + done.stderr
    assert filled.rows("users.subscriptions") == 0


FULL = {
    "explain >/dev/full": 1,
    "explain --json >/dev/full": 1,
    "explain --json 2>/dev/full": 0,
    "--help >/dev/full 2>/dev/full": 1,
    "explain --json >/dev/full 2>/dev/full": 1,
    "explain nothing --json >/dev/full": 2,
    "explain nothing 2>/dev/full": 2,
    "explain 1</dev/null": 1,
}


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_an_answer_that_cannot_be_written_is_a_failure(unbuffered: str) -> None:
    """A full disk: exit 1 instead of 0, so that nobody takes half an answer for a whole one; any other status stays."""

    def run(words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", f"exec {shlex.join(COMMAND)} {words}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=clean_environment(PYTHONUNBUFFERED=unbuffered),
            timeout=60,
            check=False,
        )

    with ThreadPoolExecutor(4) as pool:
        done = dict(zip(FULL, pool.map(run, FULL), strict=True))

    assert {words: ended.returncode for words, ended in done.items()} == FULL
    assert not [words for words, ended in done.items() if "Traceback" in ended.stderr or "Exception" in ended.stderr]
    assert "could not be written: No space left" in done["explain --json >/dev/full"].stderr


def test_a_conversation_that_nobody_hears_stops_the_run(filled: Database) -> None:
    """Progress that cannot be written: what was to follow is rolled back, and the object on standard output says so."""
    before = filled.snapshot()
    words = shlex.join(
        [*COMMAND, "--manifest", str(EXAMPLE), "--url", filled.url, *RESET, "--json", "--progress", "json"]
    )
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {words} 2>/dev/full"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=60,
        check=False,
    )

    assert (done.returncode, json.loads(done.stdout)["errors"][0]["code"]) == (1, "output_lost")
    assert filled.snapshot() == before


def test_a_poor_locale_does_not_lose_the_answer(filled: Database, run_cli: Run) -> None:
    """Letters that an encoding lacks are spelled out, in words; JSON is UTF-8 whatever the locale says."""
    poor = {"PYTHONIOENCODING": "ascii"}

    words = run_cli("reset", "--all", "--dry-run", database=filled, env=poor)
    program = run_cli("migrate", "--json", "--schema", "évents", env={"PYTHONIOENCODING": "latin-1"})
    done = run_cli(*RESET, database=filled, env=poor)

    assert (words.status, words.err, words.out.isascii()) == (0, "", True)
    assert "EXTREME DANGER" in words.out
    assert (program.status, "évents" in program.out) == (2, True)
    assert (done.status, filled.rows("users.subscriptions")) == (0, 0), done.err


def test_a_word_that_is_no_text_is_named_all_the_same(filled: Database) -> None:
    """Bytes that are not UTF-8 are a wrong name and a wrong phrase, not a bug."""
    for words, status in (((b"migrate", b"--schema", b"\xff"), 2), ((b"reset", b"--all", b"--confirm", b"\xff"), 3)):
        done = subprocess.run(
            [*map(os.fsencode, (*COMMAND, "--manifest", EXAMPLE, "--url", filled.url, "--json")), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=clean_environment(),
            check=False,
        )
        told = json.loads(done.stdout)
        assert (done.returncode, told["exit_status"], done.stderr) == (status, status, b"")
        # Half of a surrogate pair is no text either: many a parser refuses the whole object.
        assert json.dumps(told, ensure_ascii=False).encode()


def test_messages_are_there_without_docstrings(run_cli: Run) -> None:
    """`python -OO` leaves no docstring in memory; what a command says does not change."""
    for words in (("status",), ("drop",), ("explain", "lock_held"), ("check", "--manifest", "none.toml"), ("--help",)):
        plain, optimized = (run_cli(*words, "--json", env=env) for env in ({}, {"PYTHONOPTIMIZE": "2"}))

        assert (optimized.out, optimized.status) == (plain.out, plain.status)


def test_progress_is_part_of_the_conversation(filled: Database, run_cli: Run) -> None:
    """--progress json writes one object a step to standard error; the answer stays one object, --quiet stays quiet."""
    reported = run_cli(*RESET, "--json", "--progress", "json", database=filled)
    quiet = run_cli(*RESET, "--quiet", database=filled)

    steps = [json.loads(line) for line in reported.err.splitlines()]
    assert len(steps) > 3
    assert [step["done"] for step in steps] == list(range(len(steps)))
    assert {step["total"] for step in steps} == {len(steps)}
    assert [step["step"] for step in steps] == [step["id"] for step in reported.json["plan"]["steps"]]
    assert [step["seconds"] for step in steps] == sorted(step["seconds"] for step in steps)
    assert (reported.status, reported.out.count("\n"), reported.json["changed"]) == (0, 1, True)
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")


# ── colours ──────────────────────────────────────────────────────────────────────────────────────────────


def test_colours_are_for_terminals_and_for_those_who_ask(filled: Database, run_cli: Run) -> None:
    """Piped output has none; FORCE_COLOR asks for them; NO_COLOR, --no-color and programs never get any."""
    preview, mistake = ("reset", "--all", "--dry-run"), ("status", "--nope")
    forced = {"NO_COLOR": "", "FORCE_COLOR": "1", "TERM": "xterm-256color"}

    def run(words: tuple[str, ...], **env: str) -> str:
        result = run_cli(*words, database=filled, env=env)
        return result.out + result.err

    assert ESCAPE not in run(preview, NO_COLOR="") + run(mistake, NO_COLOR="")
    assert COLOUR.search(run(preview, **forced))
    assert COLOUR.search(run(mistake, **forced))
    for quiet in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert not COLOUR.search(run(preview, **{**forced, **quiet}))
        assert not COLOUR.search(run(mistake, **{**forced, **quiet}))
    assert not COLOUR.search(run((*preview, "--no-color"), **forced))
    assert not COLOUR.search(run((*mistake, "--no-color"), **forced))
    assert ESCAPE not in run((*preview, "--json"), **forced) + run((*mistake, "--json"), **forced)


def test_a_terminal_gets_colours_unless_it_declines(filled: Database) -> None:
    """At a terminal the danger is also shown in colour; its words are the same without."""
    shown = {}
    for name, env, options in (
        ("colours", {"NO_COLOR": ""}, ()),
        ("NO_COLOR", {"NO_COLOR": "1"}, ()),
        ("dumb", {"NO_COLOR": "", "TERM": "dumb"}, ()),
        ("--no-color", {"NO_COLOR": ""}, ("--no-color",)),
    ):
        terminal = Terminal(filled, "reset", "--all", *options, env=env).asked()
        shown[name] = str(terminal.child.before).rpartition("is kept")[0] or str(terminal.child.before)
        assert "EXTREME DANGER" in shown[name]
        assert terminal.press("d").end()[0] == 3

    assert [name for name, text in shown.items() if COLOUR.search(text)] == ["colours"]


# ── the program itself ───────────────────────────────────────────────────────────────────────────────────

HEAVY = ("psycopg", "yoyo", "questionary", "prompt_toolkit", "rich", "asyncio", "importlib.metadata", "sqlparse")
MEASURE = (
    "import sys; from balados_db.cli.main import run; status = int(run(sys.argv[1:]));"
    " print(status, *(m for m in sys.modules), file=sys.stderr)"
)


def imported(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> tuple[int, set[str]]:
    """Exit status, and which of the heavy modules a run has imported."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=clean_environment(**(env or {})),
        cwd=cwd,
        timeout=60,
        check=False,
    )
    status, *modules = done.stderr.splitlines()[-1].split(" ")
    return int(status), set(HEAVY) & set(modules)


def test_what_needs_no_database_imports_none(tmp_path: Path) -> None:
    """Help, version and every mistake in arguments, manifest or migrations are told without the heavy libraries."""
    (tmp_path / "balados-db.toml").write_text('version = 1\n[schemas.a]\nkind = "projection"\nmigrations = "a"\n')
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.sql").write_text("-- Depends: 0\n")
    example = ("--manifest", str(EXAMPLE))
    expected: dict[tuple[str, ...], int] = {
        ("--help",): 0,
        ("--version",): 0,
        ("reset", "--help"): 0,
        ("schema", "migrate", "--help"): 0,
        (): 2,
        ("schema",): 2,
        ("drop",): 2,
        ("reste", "--json"): 2,
        ("status", "--nope"): 2,
        ("migrate", "--timeout", "nan"): 2,
        ("reset", *example): 2,
        ("reset", "--projections", "--events", "--json", *example): 2,
        ("reset", "--schema", "nothing", *example): 2,
        ("reset", "--projections", "--manifest", "none.toml"): 2,
        **{(name,): 2 for name in ("create", "init", "up", "migrate", "status")},
        **{(name, "--schema", "a"): 2 for name in ("rollback", "migrate", "reset", "adopt")},
        ("schema", "migrate", "a"): 2,
    }

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda words: imported(*words, cwd=tmp_path), expected))

    assert dict(zip(expected, found, strict=True)) == {words: (status, set()) for words, status in expected.items()}


def test_a_refused_phrase_imports_no_prompt(filled: Database, tmp_path: Path) -> None:
    """A wrong --confirm needs the database for its plan, but no prompt and no migrations; programs need no words."""
    base = ("--manifest", str(EXAMPLE), "--url", filled.url, "reset", "--projections", "--confirm", "no")

    for options, words in (((), {"rich"}), (("--json",), set()), (("--quiet",), set())):
        status, modules = imported(*base, *options, cwd=tmp_path)
        assert (status, modules - {"psycopg", "asyncio", "importlib.metadata"}) == (3, words), options


def test_the_module_and_the_console_script_are_the_same(run_cli: Run, tmp_path: Path) -> None:
    """`python -m balados_db` and `balados-db` say the same, with the same name and status."""
    script = Path(sys.executable).with_name("balados-db")

    for words in (("--version",), ("--help",), ("reset", "--help"), ("drop",), ("status", "--json"), ()):
        module = run_cli(*words, manifest=None)
        done = subprocess.run(
            [str(script), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=clean_environment(),
            cwd=tmp_path,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (module.status, module.out, module.err)
        assert "python" not in done.stdout + done.stderr
