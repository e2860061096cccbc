"""Ended from outside, by Ctrl-C or SIGTERM (exit 130, 143)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class Interrupted(BaladosDbError):
    """Interrupted. {outcome}"""

    code = "interrupted"
    exit_status = ExitStatus.INTERRUPTED


class Terminated(BaladosDbError):
    """Terminated. {outcome}"""

    code = "terminated"
    exit_status = ExitStatus.TERMINATED


class Stopped(KeyboardInterrupt):
    """A run is ended from outside; `error` says how. A KeyboardInterrupt: the driver cancels what it waits for."""

    def __init__(self, error: BaladosDbError) -> None:
        super().__init__()
        self.error = error
