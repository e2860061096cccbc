"""bash, zsh and fish as a person uses them: a line is typed, TAB is pressed, and what the command is given is read."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

SHELLS = ("bash", "zsh", "fish")
START = {
    "bash": ("--norc", "--noprofile", "-i"),
    "zsh": ("-f", "-i"),
    "fish": ("--no-config", "--interactive"),
}
LOAD = {
    "bash": "source {script}",
    "zsh": "autoload -Uz compinit; compinit -u -d {home}/zcompdump; source {script}",
    "fish": "source {script}",
}
_COMMAND = """#!/bin/sh
if [ -n "$_BALADOS_DB_COMPLETE" ]; then exec {python} -m balados_db "$@"; fi
{{ printf '%s\\037' "$@"; echo; }} > "$GIVEN.new"
mv "$GIVEN.new" "$GIVEN"
"""


def missing() -> tuple[str, ...]:
    """The shells that are not installed."""
    return tuple(shell for shell in SHELLS if shutil.which(shell) is None)


def need(shell: str) -> None:
    """Skip where a shell is missing, as the header says; where SHELLS_REQUIRED is set that is a failure."""
    if shell in missing():
        if os.environ.get("SHELLS_REQUIRED"):
            pytest.fail(f"{shell} is not installed")
        pytest.skip(f"{shell} is not installed")


@dataclass
class Shell:
    """An interactive shell on a terminal of its own."""

    process: pexpect.spawn[str]
    given: Path

    def press_tab(self, line: str, *, timeout: float = 60) -> list[str]:
        """Type a line, press TAB and Enter: the words that the command is given then."""
        self.given.unlink(missing_ok=True)
        self.process.send(f"{line}\t\r")
        end = time.monotonic() + timeout
        while not self.given.exists():
            assert time.monotonic() < end, f"{line!r}: the command was not run. Screen: {self.screen()}"
            self.screen()
        return self.given.read_text(encoding="utf-8").removesuffix("\n").split("\x1f")[:-1]

    def screen(self) -> str:
        """What the shell has written meanwhile."""
        try:
            return self.process.read_nonblocking(100_000, timeout=0.05)
        except pexpect.TIMEOUT:
            return ""


def start(shell: str, home: Path, script: str, cwd: Path) -> Shell:
    """Start a shell with the completion script loaded, whose `balados-db` notes the words that it is given."""
    need(shell)
    command = home / "bin" / "balados-db"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    file = home / f"completion.{shell}"
    file.write_text(script, encoding="utf-8")
    env = {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "GIVEN": str(home / "given"),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
    }
    process = pexpect.spawn(
        shutil.which(shell) or shell,
        list(START[shell]),
        env=env,
        cwd=str(cwd),
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
    )
    found = Shell(process, home / "given")
    process.send(LOAD[shell].format(script=file, home=home) + "\r")
    process.send("balados-db ready\r")
    end = time.monotonic() + 60
    while not found.given.exists():
        assert time.monotonic() < end, f"{shell} did not start: {found.screen()}"
        found.screen()
    return found
