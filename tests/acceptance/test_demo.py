"""`balados-db demo` tells the whole story, proves it, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from balados_db import example
from balados_db.demo.proof import Content, differences
from balados_db.demo.story import NAMES
from balados_db.manifest.loading import load_manifest
from balados_db.model import SchemaKind, TableName
from tests.conftest import COMMAND, Result, clean_environment

EVENTS = 300
# Names of databases that are somebody's, and settings that would keep the demonstration from its own server.
FOREIGN = {
    "BALADOS_DB_URL": "postgresql://127.0.0.1:1/production",
    "BALADOS_DB_MANIFEST": "/nowhere/balados-db.toml",
    "DATABASE_URL": "postgresql://127.0.0.1:1/production",
    "PGHOST": "127.0.0.1",
    "PGPORT": "1",
    "PGSERVICE": "production",
    "PGSSLMODE": "verify-full",
}


@dataclass
class Demonstration:
    """A run of the command with a temporary folder of its own, and what could be seen of it from outside."""

    folder: Path
    process: subprocess.Popen[str]
    secrets: set[str] = field(default_factory=set)
    arguments: set[bytes] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def start(cls, folder: Path, *words: str, **env: str) -> Demonstration:
        process = subprocess.Popen(
            [*COMMAND, "demo", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(TMPDIR=str(folder), **env),
            cwd=folder,
        )
        return cls(folder, process)

    def watch(self) -> None:
        """Collect every command line on this machine, and the password from the one place where it may be."""
        while not self.over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    self.arguments.add(path.read_bytes())
            for path in self.folder.glob("balados-db-demo-*/.balados-db/secret"):
                with suppress(OSError):
                    self.secrets.add(path.read_text())

    def end(self) -> Result:
        watcher = threading.Thread(target=self.watch)
        watcher.start()
        try:
            out, err = self.process.communicate(timeout=120)
        finally:
            self.process.kill()
            self.over.set()
            watcher.join()
        return Result(self.process.returncode, out, err)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> tuple[Demonstration, Result]:
    """The story for people."""
    demonstration = Demonstration.start(tmp_path_factory.mktemp("plain"), "--events", str(EVENTS))
    return demonstration, demonstration.end()


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> tuple[Demonstration, Result]:
    """The story for programs, among variables that name other databases."""
    words = ("--events", str(EVENTS), "--json")
    demonstration = Demonstration.start(tmp_path_factory.mktemp("machine"), *words, **FOREIGN)
    return demonstration, demonstration.end()


def in_order(text: str, *parts: str) -> bool:
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            pytest.fail(f"missing, or not in its place: {part}")
    return True


# ── what it tells ────────────────────────────────────────────────────────────────────────────────────────


def test_the_story_is_told_in_order_with_its_commands(plain):
    """Every chapter, every command as somebody would type it, and what was proved, on standard output."""
    _, result = plain

    assert result.status == 0, result.err
    assert result.err == ""
    assert in_order(
        result.out,
        "1. A PostgreSQL of its own",
        "$ balados-db up",
        "$ python accounts.py",
        f"$ python store.py --events {EVENTS}",
        "$ python projector.py --all",
        f"✓ {EVENTS} events seen by 4 projectors",
        "5. A reset at the wrong moment",
        "$ balados-db reset --projections --confirm DELETE",
        "error[projectors_live]",
        "✓ refused with exit status 6",
        "6. A reset at the right moment",
        "$ balados-db reset --projections --confirm DELETE",
        "SAFE",
        "rows before, none now",
        "✓ accounts and events: the same",
        "7. The rebuild",
        f"✓ {EVENTS} events seen by 4 projectors",
        "8. The proof",
        "each row as it was before the reset",
        "none of them touched",
    )


def test_without_a_terminal_nothing_is_animated(plain):
    """No escape sequence, no carriage return: progress comes as lines."""
    _, result = plain

    assert not {"\x1b", "\r"} & set(result.out)
    assert "… 100 %" in result.out


def test_json_is_one_object_and_the_story_goes_to_standard_error(machine):
    """Figures for programs; other databases that the environment names are not even tried."""
    _, result = machine

    assert result.status == 0, result.err
    answer = result.json["result"]
    rows = {table["table"]: table["rows"] for table in answer["tables"]}
    kinds = {table["table"]: table["kind"] for table in answer["tables"]}
    assert result.json["ok"]
    assert rows["events.events"] == answer["events"] == EVENTS
    assert rows["users.subscriptions"] > 0
    assert rows["system.users"] > 0
    assert answer["rebuilt_rows"] == sum(n for table, n in rows.items() if kinds[table] == "projection")
    assert answer["rebuild_seconds"] > 0
    assert "8. The proof" in result.err


def test_the_same_events_give_the_same_rows(plain, machine):
    """Two runs on two servers come to the same figures."""
    tables = machine[1].json["result"]["tables"]

    for table in tables:
        assert any(
            line.split()[:1] == [table["table"]] and line.endswith(f" {table['rows']:,}")
            for line in plain[1].out.splitlines()
        )


# ── manners ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["plain", "machine"])
def test_the_password_is_shown_nowhere(kind, request):
    """Neither in what is printed nor among the arguments of any process."""
    demonstration, result = request.getfixturevalue(kind)
    (password,) = demonstration.secrets

    assert password not in result.out + result.err
    assert any(b"projector.py" in line for line in demonstration.arguments)
    assert not any(password.encode() in line for line in demonstration.arguments)


@pytest.mark.parametrize("kind", ["plain", "machine"])
def test_nothing_is_left_behind(kind, request):
    """The temporary folder is empty again."""
    demonstration, _ = request.getfixturevalue(kind)

    assert list(demonstration.folder.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_story_clears_up_too(tmp_path, number, status):
    """Projectors and server are gone, and so is everything they wrote."""
    # Whoever runs us in the background may have us ignore Ctrl-C, and that is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    demonstration = Demonstration.start(tmp_path, "--events", "3000")
    signal.signal(signal.SIGINT, before)
    lines = iter(demonstration.process.stdout.readline, "")
    assert any("projector.py --all" in line for line in lines)
    time.sleep(0.5)  # they have just been started

    demonstration.process.send_signal(number)
    result = demonstration.end()

    assert result.status == status
    assert list(tmp_path.iterdir()) == []
    assert not [line for line in _command_lines() if os.fsencode(str(tmp_path)) in line]


def _command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [("demo", "--url", "postgresql://127.0.0.1:1/mine"), ("--url", "postgresql://127.0.0.1:1/mine", "demo")],
    ids=["after the name", "before it"],
)
def test_it_cannot_be_pointed_at_a_database(run_cli, words):
    """It empties tables: --url is refused wherever it stands."""
    result = run_cli(*words, manifest=None)

    assert (result.status, result.code) == (2, "usage")
    assert "must never touch a database of yours" in result.err


def test_another_manifest_is_refused(run_cli, tmp_path):
    """Its story is about its own example."""
    result = run_cli("demo", manifest=tmp_path / "balados-db.toml")

    assert (result.status, result.code) == (2, "usage")


def test_without_binaries_it_says_what_to_set(run_cli, tmp_path):
    """A folder that is named must hold PostgreSQL."""
    result = run_cli("demo", manifest=None, env={"BALADOS_DB_POSTGRES_BIN": str(tmp_path)})

    assert (result.status, result.code) == (2, "embedded_missing")
    assert str(tmp_path) in result.err


# ── the proof itself ─────────────────────────────────────────────────────────────────────────────────────

A, B = TableName("a", "rows"), TableName("b", "rows")
READING = {table: Content(kind=SchemaKind.PROJECTION, rows=7, digest="same") for table in (A, B)}


def test_equal_readings_differ_in_nothing():
    assert differences(READING, dict(reversed(READING.items()))) == ()


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({**READING, A: replace(READING[A], rows=6, digest="other")}, "a.rows held 7 rows and now holds 6"),
        ({**READING, A: replace(READING[A], digest="other")}, "a.rows holds other rows than before"),
        ({B: READING[B]}, "a.rows is gone"),
    ],
    ids=["a row is missing", "a row is another", "a table is missing"],
)
def test_every_difference_breaks_the_proof(after, said):
    """A table that is not what it was is named, whichever of the two readings is the richer one."""
    assert differences(READING, after) == (said,)
    assert len(differences(after, READING)) == 1


def test_a_table_that_was_not_there_is_a_difference():
    assert differences({}, {A: READING[A]}) == ("a.rows is new",)


def test_the_projectors_of_the_story_are_declared():
    """The manifest knows them: otherwise a reset would not forget their places."""
    assert set(NAMES) <= {projector.name for projector in load_manifest(example.manifest()).projectors}
