"""What a reset sets off: a notification and a command, after the commit and the fence, never a failed reset."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment
from tests.integration.test_projector import PROGRAMS, contents, eventually, project, run

Cli = Callable[..., Result]
Write = Callable[..., Path]
RESET = ("reset", "--projections", "--confirm", "DELETE")
ONE = ("reset", "--projector", "PopularityProjector", "--confirm", "DELETE", "--projector-grace", "0")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """The example's manifest with a `[rebuild]` of its own, in a directory of its own."""

    def write(**said: Any) -> Path:
        text = EXAMPLE.read_text().replace('"migrations/', f'"{ROOT}/migrations/').replace('"sql/', f'"{ROOT}/sql/')
        lines = [f"{key} = {json.dumps(value)}" for key, value in said.items()]
        manifest = tmp_path / "balados-db.toml"
        manifest.write_text("\n".join([text, "[rebuild]", *lines, ""]))
        return manifest

    return write


class Listener(threading.Thread):
    """Listens on a channel; keeps what it heard, and whether anybody held an advisory lock at that moment."""

    def __init__(self, database: Database, channel: str) -> None:
        super().__init__(daemon=True)
        self.conn, self.other = database.connect(), database.connect()
        self.conn.execute(f'listen "{channel}"')
        self.heard: list[dict[str, Any]] = []
        self.locked: list[int] = []
        self.start()

    def run(self) -> None:
        with self.conn, self.other:
            for notification in self.conn.notifies(timeout=30, stop_after=1):
                self.locked += [pid for (pid,) in self.other.execute(HELD)]
                self.heard.append(json.loads(notification.payload))


HELD = (
    "select pid from pg_locks where locktype = 'advisory'"
    " and database = (select oid from pg_database where datname = current_database())"
)


def test_a_listener_hears_of_the_reset_when_the_fence_is_gone(filled: Database, run_cli: Cli, write: Write) -> None:
    """Who, what, and the receipt that `history` shows; a projector that starts at once finds its lock free."""
    listener = Listener(filled, "rebuild it, please")
    manifest = write(notify="rebuild it, please")
    preview = run_cli(*RESET[:2], "--dry-run", database=filled, manifest=manifest)
    declined = run_cli(*RESET[:2], "--confirm", "delete", database=filled, manifest=manifest)
    done = run_cli(*ONE, "--json", database=filled, manifest=manifest)
    listener.join(35)

    assert "Afterwards: notify channel rebuild it, please" in preview.out
    assert (declined.status, done.status) == (3, 0)
    receipt = filled.value("select id from balados_db.receipt")
    told = {"event": "reset", "scope": "projections", "projectors": ["PopularityProjector"], "receipt": receipt}
    assert (listener.heard, listener.locked) == ([told], [])
    assert done.json["plan"]["trigger"] == {"notify": "rebuild it, please", "command": [], "timeout": 60.0}
    assert done.json["result"]["steps"][-1]["id"] == "notify"


def test_reset_trigger_and_wait_are_one_pipeline(balados: Database, run_cli: Cli, write: Write, tmp_path: Path) -> None:
    """The command starts the real projectors, and `rebuild wait` ends well: the same rows again."""
    run("store.py", balados, "--events", "120")
    project(balados)
    names = ("SubscriptionsProjector", "PlayStatusesProjector", "PublicEventsProjector", "PopularityProjector")
    before, pid = contents(balados), tmp_path / "pid"
    start = f'"{sys.executable}" "{PROGRAMS}/projector.py" --url "$APPLICATION" --all > log 2>&1 & echo $! > pid'
    manifest = write(command=["sh", "-c", start])
    env = {"APPLICATION": balados.url}
    try:
        reset = run_cli(*RESET, "--json", database=balados, manifest=manifest, env=env)
        words = (word for name in names for word in ("--projector", name))
        waited = run_cli("rebuild", "wait", "--timeout", "40", *words, "--json", database=balados, manifest=manifest)
    finally:
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)

    assert (reset.status, waited.status) == (0, 0), waited.out + (tmp_path / "log").read_text()
    assert waited.json["result"]["caught_up"] is True
    assert contents(balados) == before


TROUBLES = {  # what is run → what the warning says, and how the command's step ended, if it ended
    "it fails": (["sh", "-c", "echo to say; exit 3"], "failed with exit status 3", 3),
    "it is killed": (["sh", "-c", "kill -9 $$"], "was ended by signal 9", -9),
    "it is not there": (["no/such/program"], "cannot be run: No such file or directory", None),
    "it takes too long": (["sh", "-c", "sleep 600 & echo $! > pid; wait"], "it did not end within 1 s", None),
}


@pytest.mark.parametrize("case", TROUBLES)
def test_what_goes_wrong_afterwards_is_a_warning(
    case: str, filled: Database, run_cli: Cli, write: Write, tmp_path: Path
) -> None:
    """The reset is done and says so: exit 0, one object; whatever the command started goes with it."""
    command, said, status = TROUBLES[case]
    begun = time.monotonic()
    done = run_cli(*ONE, "--json", database=filled, manifest=write(command=command, timeout=1))

    assert (done.status, done.json["changed"], filled.rows("public.podcast_popularity")) == (0, True, 0)
    assert [text for text in done.json["warnings"] if said in text]
    ran = [step for step in done.json["result"]["steps"] if step["id"] == "command"]
    assert [step["details"] for step in ran] == ([] if status is None else [{"exit_status": status}])
    assert ("to say\n" in done.err) is (status == 3)  # its standard output is part of the conversation
    assert time.monotonic() - begun < 40
    if (tmp_path / "pid").exists():
        eventually(lambda: not alive(int((tmp_path / "pid").read_text())), "its child is gone")


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_interruption_ends_the_command_and_not_the_truth(filled: Database, write: Write, tmp_path: Path) -> None:
    """SIGTERM while the command runs: the reset stays done, and the answer says so, whole."""
    manifest = write(command=["sh", "-c", "echo $$ > pid; exec sleep 600"])
    words = (*COMMAND, "--manifest", str(manifest), "--url", filled.url, *ONE, "--json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
        eventually(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()), "it runs")
        process.terminate()
        out, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert [text for text in json.loads(out)["warnings"] if "was ended: this run was interrupted" in text]
    assert not alive(int((tmp_path / "pid").read_text()))


def test_the_command_learns_what_was_reset_and_no_password(
    filled: Database, run_cli: Cli, write: Write, tmp_path: Path
) -> None:
    """It runs beside the manifest with our environment and one variable more; of --url it hears nothing."""
    url = filled.url.replace("//", "//", 1)
    if ":" not in url.split("//")[1].split("@")[0]:  # a server that asks for none takes any
        url = url.replace("@", ":sesame@", 1)
    secret = url.split("//")[1].split("@")[0].partition(":")[2]
    manifest = write(command=["sh", "-c", 'env > environment; pwd > where; echo "$0 $*" > words', "me"])
    done = run_cli("--url", url, *ONE, manifest=manifest)

    assert done.status == 0, done.err
    found = dict(line.partition("=")[::2] for line in (tmp_path / "environment").read_text().splitlines())
    assert json.loads(found["BALADOS_DB_RESET"])["projectors"] == ["PopularityProjector"]
    assert secret not in (tmp_path / "environment").read_text() + (tmp_path / "words").read_text()
    assert Path((tmp_path / "where").read_text().strip()).samefile(tmp_path)
    assert "✓ run sh -c" in done.out
