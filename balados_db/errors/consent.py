"""Nobody confirmed it (exit 3)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class NotConfirmed(BaladosDbError):
    """Not confirmed: {reason}. Nothing was changed."""

    code = "not_confirmed"
    exit_status = ExitStatus.NOT_CONFIRMED
    cure = "read what would be destroyed (--dry-run; with --json it names the phrase), then pass it with --confirm"
    again = "--dry-run"
