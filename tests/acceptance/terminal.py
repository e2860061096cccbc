"""A real terminal for the command: what a person sees and types, by pexpect."""

from __future__ import annotations

import re
import shlex
import signal
import time
import warnings
from pathlib import Path

import pexpect

from tests import listening
from tests.conftest import COMMAND, EXAMPLE, Database, clean_environment

PROMPT = "to confirm:"
SETTLED = 0.2  # seconds from the prompt's words to the moment at which keys reach it
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Terminal:
    """The command, running at a terminal of its own. Start several, then talk to one after the other."""

    def __init__(
        self,
        database: Database,
        *arguments: str,
        manifest: Path = EXAMPLE,
        redirect: str = "",
        env: dict[str, str] | None = None,
    ) -> None:
        """`redirect` is shell syntax: `2>file` takes standard error away from the terminal."""
        words = [*COMMAND, "--manifest", str(manifest), "--url", database.url, *arguments]
        given = {**clean_environment(TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1"), **(env or {})}
        with warnings.catch_warnings():
            # Python 3.12 warns of forks where other threads run (pytest-xdist's); the child is replaced at once.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.child: pexpect.spawn[str] = pexpect.spawn(
                "/bin/sh",
                ["-c", f"exec {shlex.join(words)} {redirect}"],
                dimensions=(50, 160),
                encoding="utf-8",
                timeout=30,
                env=given,  # type: ignore[arg-type]
            )
        self.child.logfile_read = listening.Terminal(words, given)
        self.before = ""  # what was there before the prompt

    def asked(self) -> Terminal:
        """Wait for the prompt."""
        self.child.expect_exact(PROMPT)
        self.before = plain(str(self.child.before))
        time.sleep(SETTLED)
        return self

    def type(self, text: str) -> Terminal:
        """Answer the prompt and press Enter."""
        self.child.send(f"{text}\r")
        return self

    def press(self, control: str) -> Terminal:
        """Press Ctrl and a letter."""
        self.child.sendcontrol(control)
        return self

    def end(self) -> tuple[int, str]:
        """Wait for the end; its exit status, and what was on the terminal since the prompt."""
        self.child.expect(pexpect.EOF)
        shown = plain(str(self.child.before))
        self.child.close()
        killed = self.child.signalstatus
        return (self.child.exitstatus if killed is None else 128 + killed) or 0, shown

    def kill(self, number: signal.Signals) -> Terminal:
        """Send a signal to the command."""
        self.child.kill(number)
        return self


def plain(text: str) -> str:
    """Text without what moves the cursor."""
    return _CONTROL.sub("", text)
