"""What it takes to carry a plan out, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from balados_db.answers.answer import StepResult
from balados_db.execution.course import Course
from balados_db.execution.run import Progress
from balados_db.model import Manifest, Migration
from balados_db.plan_file import PlanFile
from balados_db.planning.plan import Plan
from balados_db.postgres.locking import Patience

if TYPE_CHECKING:
    from psycopg import Connection

Open = Callable[..., "Connection[Any]"]
Planner = Callable[["Connection[Any]", tuple[int, ...]], Plan]


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What it takes to carry plans out. `open` opens a connection, `planner` looks and plans on one.

    `approved` is the plan file that is applied: then nothing but that very plan is carried out, and once.
    """

    manifest: Manifest
    files: Mapping[str, tuple[Migration, ...]]
    open: Open
    planner: Planner
    patience: Patience = field(default_factory=Patience)
    progress: Progress | None = None
    approved: PlanFile | None = None
    course: Course = field(default_factory=Course)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done, and what there is to say afterwards."""

    done: tuple[StepResult, ...]
    warnings: tuple[str, ...] = ()
