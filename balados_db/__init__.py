"""balados-db: create, migrate, inspect and reset an event-sourced PostgreSQL database, and prove what was kept.

The names below are the library; `docs/library.md` shows how they go together. They are loaded when they are first used:
`import balados_db` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from balados_db.answers.answer import StepResult as StepResult
    from balados_db.answers.progress import ProgressLine as ProgressLine
    from balados_db.errors import BaladosDbError as BaladosDbError
    from balados_db.errors import Busy as Busy
    from balados_db.errors import NotConfirmed as NotConfirmed
    from balados_db.errors import Protected as Protected
    from balados_db.errors import StalePlan as StalePlan
    from balados_db.errors import Unreachable as Unreachable
    from balados_db.errors import UsageError as UsageError
    from balados_db.exits import ExitStatus as ExitStatus
    from balados_db.finding import Finding as Finding
    from balados_db.library.database import Database as Database
    from balados_db.library.database import Databases as Databases
    from balados_db.library.database import connect as connect
    from balados_db.library.database import read_state as read_state
    from balados_db.library.database import status as status
    from balados_db.library.deeds import execute as execute
    from balados_db.library.deeds import rebuild_status as rebuild_status
    from balados_db.library.deeds import rebuild_wait as rebuild_wait
    from balados_db.library.plans import Prepared as Prepared
    from balados_db.library.plans import plan_adopt as plan_adopt
    from balados_db.library.plans import plan_create as plan_create
    from balados_db.library.plans import plan_environment as plan_environment
    from balados_db.library.plans import plan_init as plan_init
    from balados_db.library.plans import plan_migrate as plan_migrate
    from balados_db.library.plans import plan_reset as plan_reset
    from balados_db.library.plans import plan_rollback as plan_rollback
    from balados_db.library.plans import plan_up as plan_up
    from balados_db.manifest.loading import load_manifest as load_manifest
    from balados_db.manifest.place import find_manifest as find_manifest
    from balados_db.model import DatabaseState as DatabaseState
    from balados_db.model import Manifest as Manifest
    from balados_db.model import SchemaKind as SchemaKind
    from balados_db.model import Scope as Scope
    from balados_db.planning.plan import Danger as Danger
    from balados_db.planning.plan import Plan as Plan
    from balados_db.planning.rebuild import Course as Course
    from balados_db.planning.status import Status as Status
    from balados_db.report import Report as Report

_NAMES = {
    "answers.answer": "StepResult",
    "answers.progress": "ProgressLine",
    "errors": "BaladosDbError Busy NotConfirmed Protected StalePlan Unreachable UsageError",
    "exits": "ExitStatus",
    "finding": "Finding",
    "library.database": "Database Databases connect read_state status",
    "library.deeds": "execute rebuild_status rebuild_wait",
    "library.plans": "Prepared plan_adopt plan_create plan_environment plan_init plan_migrate plan_reset plan_rollback "
    "plan_up",
    "manifest.loading": "load_manifest",
    "manifest.place": "find_manifest",
    "model": "DatabaseState Manifest SchemaKind Scope",
    "planning.plan": "Danger Plan",
    "planning.rebuild": "Course",
    "planning.status": "Status",
    "report": "Report",
}
_HOMES = {name: f"balados_db.{room}" for room, names in _NAMES.items() for name in names.split()}
__all__ = ["__version__", *_HOMES]


if not TYPE_CHECKING:  # a type checker is to find a misspelt name

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
