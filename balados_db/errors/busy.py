"""Another run, a live projector, a lock, a limit of time (exit 6)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class Busy(BaladosDbError):
    """The database is busy: {problem}"""

    code = "busy"
    exit_status = ExitStatus.BUSY


class LockHeld(Busy):
    """Another balados-db run is working on this database ({holder})."""

    code = "lock_held"
    cure = "wait for it to end, then try again"
    mends = ("balados-db status",)


class ProjectorsLive(Busy):
    """Projectors are running: {names}."""

    code = "projectors_live"
    cure = "stop them and try again, or wait for them with --wait-for-projectors SECONDS"
    mends = ("balados-db rebuild status",)


class ProjectorsMoved(Busy):
    """A projector ran while its tables were being emptied: {names}."""

    code = "projectors_moved"
    cure = "stop it and run the same command again: everything starts over, and no event is lost"
    again = ""


class TemporaryDependents(Busy):
    """Temporary objects of other sessions depend on what would be dropped: {names}."""

    code = "temporary_dependents"
    cure = "end those sessions, or reset with --empty, which drops nothing"
    again = "--empty"


class LockTimeout(Busy):
    """The tables could not be locked in time: {blockers}."""

    code = "lock_timeout"
    cure = "end or commit what blocks it, or allow more time with --lock-timeout"
    mends = ("balados-db status",)


class PoolExhausted(Busy):
    """The pooler in between gave this run no server connection within {seconds:g} s. A run that writes needs two at
    the same time, one of them to keep others out. Nothing was changed."""

    code = "pool_exhausted"
    cure = "let the pool have more connections (default_pool_size), or give a URL that goes straight to the server"


class RunTimeout(Busy):
    """The run took longer than {seconds:g} s. {outcome}"""

    code = "timeout"
    cure = "allow more time with --timeout"
