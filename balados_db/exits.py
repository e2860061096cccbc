"""The one table of exit statuses."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process says when it ends; part of the contract with callers."""

    OK = 0  # done, nothing to do, dry run
    FAILED = 1  # a step failed and was rolled back; or a bug
    USAGE = 2  # arguments, manifest or migrations are wrong
    NOT_CONFIRMED = 3  # phrase missing, wrong or declined
    FINDINGS = 4  # a check found something
    PROTECTED = 5  # refused: something that is to be kept would be harmed
    BUSY = 6  # another run, a live projector, a lock: try again
    STALE_PLAN = 7  # the database is no longer the one that was planned for
    UNREACHABLE = 8  # cannot connect or authenticate, no such database
    PARTIAL = 9  # some of it is committed, the rest is not: the same command finishes it
    INTERRUPTED = 130  # Ctrl-C: rolled back
    TERMINATED = 143  # SIGTERM: rolled back

    @property
    def retryable(self) -> bool:
        """Say whether the same command may succeed later, unchanged."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    (ExitStatus.BUSY, ExitStatus.UNREACHABLE, ExitStatus.PARTIAL, ExitStatus.INTERRUPTED, ExitStatus.TERMINATED)
)
