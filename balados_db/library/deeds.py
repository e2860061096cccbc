"""Carry a plan out, and follow the rebuild that comes after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial

from balados_db.errors import NotConfirmed, in_database
from balados_db.execution import watching
from balados_db.execution.executor import refuse_read_only
from balados_db.execution.run import Progress
from balados_db.library.database import Database, Databases, opened
from balados_db.library.plans import Prepared
from balados_db.manifest.lookup import declared_projector
from balados_db.planning.rebuild import Course
from balados_db.postgres import agreement
from balados_db.report import Report


def execute(plan: Prepared, *, confirm: str | None = None, progress: Progress | None = None) -> Report:
    """Carry out a plan, or change nothing. One that destroys needs its own `phrase` as `confirm`, to the letter.

    `progress` gets each step as it begins, in the thread that executes. What the manifest sets off after a reset
    (`[rebuild]`) is set off; what its command prints is not caught.

    Under the locks everything is looked at and planned again: raises StalePlan where that is another plan. Raises
    NotConfirmed, TargetsDisagree where no `url` was given and the sources name several databases, ReadOnlyServer, Busy,
    ConnectionLost, Unfinished (part of a reset in several transactions, or in several databases, is committed: planned
    and executed again it is finished), and whatever a step raises.
    """
    for place in plan.places:
        with in_database(place.name):
            refuse_read_only(plan.identity_of(place.name))
            if plan.destructive:
                agreement.refuse_disagreement(place.url, place.part)
    if plan.is_empty:
        return Report(command=plan.command, plan=plan, warnings=plan.warnings)
    if plan.destructive and confirm != plan.phrase:
        reason = "confirm is not given" if confirm is None else "confirm is not this plan's phrase"
        raise NotConfirmed(reason=reason, hint="show what the plan destroys; whoever agrees gives plan.phrase")
    return plan.carry_out(plan, progress)


def rebuild_status(database: Database | Databases, *, projectors: Iterable[str] = ()) -> Course:
    """How far these projectors are, or all. Of one look no rate can be told: who is behind is looked at twice."""
    with _watching(database, projectors) as eye:
        course = eye.look_patiently()
        if course.goes_on:
            time.sleep(watching.SECOND_LOOK)
            course = eye.look() or course
        return course


def rebuild_wait(
    database: Database | Databases,
    *,
    projectors: Iterable[str] = (),
    timeout: float | None = None,
    progress: Callable[[Course], None] | None = None,
) -> Course | None:
    """Wait until these projectors, or all, are where the head was at the first look; `caught_up` says whether.

    None where no look was possible in time, because the tables were locked. `progress` is called after each look. How
    long it took is noted in the database, for the next plan's forecast, where this role may.
    """
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    with _watching(database, projectors) as eye:
        eye.wait(deadline, progress or (lambda course: None))
        eye.keep_measure()
        return eye.course


def _watching(database: Database | Databases, projectors: Iterable[str]) -> AbstractContextManager[watching.Eye]:
    manifest = database.part
    names = tuple(declared_projector(manifest, name).name for name in dict.fromkeys(projectors))
    parts = [(partial(opened, part), part.part) for part in database.parts]
    return watching.watching(parts, manifest, names)
