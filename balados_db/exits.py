"""The one table of exit statuses."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process says when it ends; part of the contract with callers. `means` and `do` are words for people."""

    means: str
    do: str

    def __new__(cls, value: int, means: str, do: str) -> ExitStatus:
        """A number with its words."""
        status = int.__new__(cls, value)
        status._value_ = value
        status.means, status.do = means, do
        return status

    OK = 0, "done, nothing to do, dry run", "nothing"
    FAILED = (
        1,
        "a step failed and was rolled back; or a bug",
        "read which step failed and why, mend that, and run the same command again",
    )
    USAGE = (
        2,
        "arguments, manifest or migrations are wrong",
        "mend what is named (`balados-db COMMAND --help`, `balados-db manifest check`), then run it again",
    )
    NOT_CONFIRMED = (
        3,
        "phrase missing, wrong or declined",
        "let somebody decide who has seen the plan (the same command with --dry-run); --confirm passes its phrase",
    )
    FINDINGS = 4, "a check found something", "read the findings: each one says what to do"
    PROTECTED = (
        5,
        "refused: something that is to be kept would be harmed",
        "do what the hint says; trying again without a change is refused again",
    )
    BUSY = (
        6,
        "another run, a live projector, a lock: try again",
        "wait, or stop what is named, then run the same command again; --lock-timeout and --wait-for-projectors wait",
    )
    STALE_PLAN = (
        7,
        "the database is no longer the one that was planned for",
        "look at the new plan (the same command with --dry-run) and confirm that one",
    )
    UNREACHABLE = (
        8,
        "cannot connect or authenticate, no such database",
        "check the URL and that the server runs; --wait SECONDS waits for it",
    )
    PARTIAL = (
        9,
        "some of it is committed, the rest is not: the same command finishes it",
        "run the command that the error names: it finishes the work",
    )
    INTERRUPTED = 130, "Ctrl-C: rolled back", "run the same command again"
    TERMINATED = 143, "SIGTERM: rolled back", "run the same command again"

    @property
    def retryable(self) -> bool:
        """Say whether the same command may succeed later, unchanged."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    (ExitStatus.BUSY, ExitStatus.UNREACHABLE, ExitStatus.PARTIAL, ExitStatus.INTERRUPTED, ExitStatus.TERMINATED)
)
