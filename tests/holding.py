"""Hold the command before one of its steps, in a process of its own, and let it go on or kill it there."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT, Result, clean_environment
from tests.held import HELD


class Held:
    """A command with --json that stands still before one of its steps."""

    def __init__(self, step: int, *words: str, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.held", str(step), "--json", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=clean_environment(**env),
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith(HELD), line + self.process.communicate()[0]

    def kill(self) -> None:
        """As `kill -9` does. That the server has noticed is not waited for."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def go_on(self) -> Result:
        """To its end."""
        out, err = self.process.communicate("\n", timeout=60)
        return Result(self.process.returncode, out, err)
