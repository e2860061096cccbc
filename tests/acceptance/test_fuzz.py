"""Thousands of command lines, manifests and environments that nobody would type.

None ends in a traceback, none hangs, none prints a second object; whatever is printed follows its JSON Schema.
`--thorough` tries ten times as many, and others each time.
"""

from __future__ import annotations

import _thread
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from balados_db.cli import signals
from balados_db.cli.main import REFUSED, cli, run
from balados_db.exits import ExitStatus
from tests import contract
from tests.conftest import COMMAND, EXAMPLE, OURS, ROOT, clean_environment

PATIENCE = 60.0  # seconds for one run; none of them has anything to wait for
NOWHERE = "postgresql://nobody:hidden-word@127.0.0.1:1/none"  # nobody listens there

# What would start a server, or take minutes when the arguments happen to be right.
LEFT_OUT = ("demo", "server start")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example that may be written to."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("migrations", "sql"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(EXAMPLE, folder)
    return folder


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Try a body with many examples: always the same ones, unless it is to be thorough."""
    thorough = request.config.getoption("--thorough")

    def tried(body: Callable[..., None], examples: int, **strategies: Any) -> None:
        many = settings(
            max_examples=examples * 10 if thorough else examples,
            derandomize=not thorough,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        many(given(**strategies)(body))()

    return tried


# ── one run, in this process ─────────────────────────────────────────────────────────────────────────────


@dataclass
class Ended:
    """How a run ended."""

    words: list[str]
    status: ExitStatus
    out: str
    err: str


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """A run decides what signals do; the next test has its own mind."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """From here names of files are relative."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def once(words: list[str], folder: Path, env: dict[str, str] | None = None) -> Ended:
    """Run one command line as main() does, without a terminal; whoever does not end is interrupted."""
    out, err = io.StringIO(), io.StringIO()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    watch = threading.Timer(PATIENCE, _thread.interrupt_main)
    watch.start()
    try:
        with (
            handlers_kept(),
            patch.dict(os.environ, {**kept, "NO_COLOR": "1", "BALADOS_DB_URL": NOWHERE, **(env or {})}, clear=True),
            patch.object(sys, "stdin", io.StringIO()),
            patch.object(signals, "LATER", 2 * PATIENCE),  # on a busy machine it would end this process, tests and all
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            working_in(folder),
        ):
            return Ended(words, run(words), out.getvalue(), err.getvalue())
    finally:
        watch.cancel()


def check(ended: Ended, *, asked: bool) -> None:
    """Everything that is promised of any run. `asked`: whether it is to be an object in any case."""
    said = f"{ended.words}\n{ended.out[:2000]}\n{ended.err[-3000:]}"
    assert ended.status not in (ExitStatus.INTERRUPTED, ExitStatus.TERMINATED), f"did not end by itself: {said}"
    assert "Traceback" not in ended.err, said
    assert "error[internal_error]" not in ended.err, said
    assert '"errors":[{"code":"internal_error"' not in ended.out, said
    assert "hidden-word" not in ended.out + ended.err, said
    contract.check(ended.out)
    if asked:
        assert ended.out.count("\n") == 1, said
        assert json.loads(ended.out)["exit_status"] == int(ended.status), said


# ── command lines ────────────────────────────────────────────────────────────────────────────────────────


def commands(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that lead to it, groups included."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        with contextlib.suppress(AssertionError):  # a group that needs the whole program around it
            found = group.get_command(ctx, name)
            assert found is not None
            yield (*before, name), found
            if isinstance(found, click.Group):
                yield from commands(found, (*before, name))


LED_TO = {words: command for words, command in commands(cli) if " ".join(words) not in LEFT_OUT}
OPTION_LIKE = [
    "-",
    "--",
    "---",
    "--=",
    "--json=",
    "--json=no",
    "--jsn",
    "-q",
    "-qq",
    "-h",
    "--help",
    "--version",
    "0",
    "-1",
    "nan",
    "inf",
    "1e400",
]
ODD = ["", "a b", "\udcff", "\n", "\t", "é", "☢️", "'", '"', ";", "$(true)", "{x}", "%s", "[bold]", "../x", "\x85"]
JUNK = some.sampled_from([*OPTION_LIKE, *ODD])
VALUES = some.one_of(
    JUNK,
    some.text(some.characters(exclude_characters="\0"), max_size=8),
    some.sampled_from(
        ["users", "system", "events", "public", "SubscriptionsProjector", "DELETE", "json", "x.toml", "--json"]
    ),
    some.sampled_from(["0", "0.01", "production", "bash", "lock_held", "6", "reset", "rebuild wait", "0001_init"]),
)
# Seconds that are too many are no fault of the command line.
BRIEF = some.sampled_from(["0", "0.01", "-1", "nan", "soon", "", "--json", "1e999"])


def options(command: click.Command) -> some.SearchStrategy[list[str]]:
    """One of the command's own options, with a value where it takes one."""
    known = [p for p in command.params if isinstance(p, click.Option)]
    if not known:
        return some.just([])

    def spelled(option: click.Option) -> some.SearchStrategy[list[str]]:
        name = option.opts[0]
        if option.is_flag:
            return some.just([name])
        values = BRIEF if option.metavar == "SECONDS" else VALUES
        return some.one_of(values.map(lambda value: [name, value]), values.map(lambda value: [f"{name}={value}"]))

    return some.sampled_from(known).flatmap(spelled)


@some.composite
def lines(draw: some.DrawFn) -> list[str]:
    """A command line: mostly words that belong together, now and then others."""
    words, command = draw(some.sampled_from(sorted(LED_TO.items(), key=lambda item: item[0])))
    parts = [list(words)]
    if draw(some.integers(0, 9)) == 0:
        parts = [[draw(some.one_of(JUNK, some.sampled_from([*REFUSED])))]]
    for _ in range(draw(some.integers(0, 4))):
        parts.append(draw(some.one_of(options(command), options(cli), VALUES.map(lambda value: [value]))))
    if draw(some.integers(0, 4)) == 0:
        parts = draw(some.permutations(parts))
    return [word for part in parts for word in part]


def left_out(words: list[str]) -> bool:
    """Whether it may be one of those that do too much."""
    return "demo" in words or {"server", "start"} <= set(words)


def test_no_command_line_is_a_bug(folder: Path, tried: Callable[..., None]) -> None:
    """Whatever is typed ends in an exit status of the table; with --json in front, in one object."""

    def body(words: list[str], asked: bool) -> None:
        if not left_out(words):
            check(once(["--json", *words] if asked else words, folder), asked=asked)

    tried(body, 1500, words=lines(), asked=some.booleans())


# ── manifests ────────────────────────────────────────────────────────────────────────────────────────────

READING = (
    ("manifest", "check"),
    ("check", "--no-squawk"),
    ("status",),
    ("guide",),
    ("plan", "reset", "--all", "--out", "-"),
)
KEYS = some.sampled_from(
    [
        "version",
        "database",
        "databases",
        "url",
        "environment",
        "schemas",
        "kind",
        "migrations",
        "holds",
        "install",
        "layout",
        "projectors",
        "tables",
        "events",
        "reads",
        "checkpoints",
        "table",
        "projector",
        "position",
        "forget",
        "set",
        "sql",
        "where",
        "origin",
        "optional",
        "subscriptions",
        "replay",
        "confirmation",
        "projections",
        "system",
        "all",
        "environments",
        "protected",
        "event_store",
        "proof",
        "head",
        "seed",
        "rebuild",
        "é",
        "x",
    ]
)
LEAVES = some.one_of(
    some.integers(-2, 3),
    some.booleans(),
    some.floats(),
    some.sampled_from(
        ["permanent", "projection", "event_store", "commanded", "custom", "never", "delete", "users.x", "a.b.c"]
    ),
    some.sampled_from(
        ["${HOME}", "${", "${NONE}", "migrations/system", "/", "..", "sql/eventstore", NOWHERE, "public"]
    ),
    some.text(max_size=6),
)
TREES = some.recursive(
    LEAVES,
    lambda inner: some.one_of(some.lists(inner, max_size=3), some.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


def toml(value: Any) -> str:
    """A value as TOML writes it, tables in line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


@some.composite
def manifests(draw: some.DrawFn) -> bytes:
    """A manifest made of right words in wrong places, or the example with something done to it."""
    if draw(some.booleans()):
        found = draw(some.dictionaries(KEYS, TREES, max_size=5))
        return "\n".join(f"{json.dumps(k)} = {toml(v)}" for k, v in found.items()).encode("utf-8", "surrogatepass")
    text = EXAMPLE.read_text().splitlines()
    for _ in range(draw(some.integers(1, 4))):
        at = draw(some.integers(0, len(text) - 1))
        line = draw(
            some.one_of(some.just(""), some.sampled_from(text), some.text(max_size=10), KEYS.map(lambda k: f"{k} = 1"))
        )
        text[at : at + draw(some.integers(0, 2))] = [line]
    raw = bytearray("\n".join(text).encode("utf-8", "surrogatepass"))
    for _ in range(draw(some.integers(0, 2))):
        raw[draw(some.integers(0, len(raw) - 1))] = draw(some.integers(0, 255))
    return bytes(raw)


def test_no_manifest_is_a_bug(folder: Path, tried: Callable[..., None]) -> None:
    """Whatever stands in it is either understood, or a mistake with a place and a cure."""
    file = folder / "fuzzed.toml"

    def body(content: bytes, words: tuple[str, ...]) -> None:
        file.write_bytes(content)
        check(once(["--json", "--manifest", str(file), *words], folder), asked=True)

    tried(body, 800, content=manifests(), words=some.sampled_from(READING))


# ── environments ─────────────────────────────────────────────────────────────────────────────────────────

NAMES = some.sampled_from(
    [
        "BALADOS_DB_URL",
        "BALADOS_DB_MANIFEST",
        "DATABASE_URL",
        "PGHOST",
        "PGPORT",
        "PGDATABASE",
        "PGUSER",
        "PGOPTIONS",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGPASSFILE",
        "PGCONNECT_TIMEOUT",
        "PGSSLMODE",
        "PGCLIENTENCODING",
        "PGTZ",
        "PGAPPNAME",
        "NO_COLOR",
        "FORCE_COLOR",
        "TERM",
        "COLUMNS",
        "LINES",
        "LANG",
        "LC_ALL",
        "GITHUB_WORKSPACE",
        "BALADOS_DB_POSTGRES_BIN",
        "TZ",
        "HOME",
    ]
)
SETTINGS = some.one_of(
    some.sampled_from(
        ["", " ", "0", "-1", "nan", "x", "127.0.0.1", "1", "none.toml", "/", "/dev/null", "postgres", "é", "\udcff"]
    ),
    some.sampled_from(
        ["postgres://", "postgresql://127.0.0.1:1/%zz", "http://127.0.0.1:1/x", "postgresql+psycopg://127.0.0.1:1/x"]
    ),
    some.sampled_from(
        ["host=127.0.0.1 port=1", "host=", "port=x", "postgresql://[::1]:1/x", "postgresql://127.0.0.1:99999/x", "="]
    ),
)


def test_no_environment_is_a_bug(folder: Path, tried: Callable[..., None]) -> None:
    """Settings of libpq, of terminals and our own, however they are set."""
    words = some.sampled_from(
        [("status",), ("doctor",), ("check", "--no-squawk"), ("reset", "--all", "--confirm", "x"), ("server", "url")]
    )

    def body(env: dict[str, str], words: tuple[str, ...]) -> None:
        env = {"PGHOST": "127.0.0.1", "PGPORT": "1", **env}
        check(once(["--json", *words], folder, env), asked=True)

    tried(body, 400, env=some.dictionaries(NAMES, SETTINGS, max_size=4), words=words)


# ── from the outside ─────────────────────────────────────────────────────────────────────────────────────


def test_the_same_holds_from_the_outside(folder: Path, tried: Callable[..., None]) -> None:
    """A few of them as processes of their own, with real streams and the interpreter's own ending."""

    def body(words: list[str]) -> None:
        if left_out(words):
            return
        try:
            line = [word.encode("utf-8", "surrogateescape") for word in words]
        except UnicodeEncodeError:
            return  # no system could hand it over
        done = subprocess.run(
            [*COMMAND, "--json", *line],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=clean_environment(BALADOS_DB_URL=NOWHERE),
            cwd=folder,
            timeout=60,
            check=False,
        )
        status = next(status for status in ExitStatus if status == done.returncode)
        check(Ended(words, status, done.stdout.decode(), done.stderr.decode(errors="replace")), asked=True)

    tried(body, 15, words=lines())
