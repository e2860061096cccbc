"""Some of it is committed, the rest is not (exit 9)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class Unfinished(BaladosDbError):
    """The reset is not finished: {problem} {done_of} transactions are committed{positions}."""

    code = "unfinished"
    exit_status = ExitStatus.PARTIAL
    cure = "stop the projectors, then run it again, it finishes the work: {resume}"

    @property
    def changed(self) -> bool:
        """Some of it is committed: that is what the error says."""
        return True

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """The command that finishes it."""
        return (("balados-db", *self.facts["arguments"]),)


class PartlyDone(BaladosDbError):
    """Not every database is done: {problem} What is committed in {finished} stays."""

    code = "partial"
    exit_status = ExitStatus.PARTIAL
    cure = "mend that, then run the same command again: it does what is left"
    again = ""

    @property
    def changed(self) -> bool:
        """What was committed before the failure stays."""
        return True
