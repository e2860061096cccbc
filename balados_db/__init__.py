"""balados-db: create, migrate, inspect and reset an event-sourced PostgreSQL database, and prove what was kept.

The names below are the library. They are loaded when they are first used: `import balados_db` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from balados_db.errors import BaladosDbError as BaladosDbError
    from balados_db.execution.executor import Orders as Orders
    from balados_db.execution.executor import execute as execute
    from balados_db.exits import ExitStatus as ExitStatus
    from balados_db.manifest import load_manifest as load_manifest
    from balados_db.planning.create import plan_create as plan_create
    from balados_db.planning.create import plan_init as plan_init
    from balados_db.planning.migrate import plan_migrate as plan_migrate
    from balados_db.planning.plan import Plan as Plan
    from balados_db.postgres.catalog import read_state as read_state
    from balados_db.postgres.connection import connect as connect

_HOMES = {
    "BaladosDbError": "balados_db.errors",
    "ExitStatus": "balados_db.exits",
    "Orders": "balados_db.execution.executor",
    "Plan": "balados_db.planning.plan",
    "ResetRequest": "balados_db.planning.shape",
    "connect": "balados_db.postgres.connection",
    "execute": "balados_db.execution.executor",
    "load_manifest": "balados_db.manifest",
    "plan_create": "balados_db.planning.create",
    "plan_init": "balados_db.planning.create",
    "plan_migrate": "balados_db.planning.migrate",
    "plan_reset": "balados_db.planning.reset",
    "read_state": "balados_db.postgres.catalog",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
