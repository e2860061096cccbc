"""What is said of a run that ends before its end: what is committed, and what does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from balados_db.errors import BaladosDbError, Stopped, Unfinished
from balados_db.execution.course import Course
from balados_db.planning.plan import Plan
from balados_db.planning.steps import OpenJournal, RewindCheckpoints


@contextmanager
def told_what_is_done(plan: Plan, course: Course) -> Iterator[None]:
    """Whatever ends a run says what is committed. Of a plan that is journalled, the same command does the rest.

    Raises Unfinished for what ends it between its transactions.
    """
    try:
        yield
    except (BaladosDbError, KeyboardInterrupt) as exc:
        if plan.journalled and course.phases:
            raise unfinished(exc, plan, course.phases) from exc
        if isinstance(exc, BaladosDbError | Stopped):
            error = exc.error if isinstance(exc, Stopped) else exc
            error.done = tuple(result.summary for result in course.done)
        raise


def unfinished(exc: BaseException, plan: Plan, number: int) -> Unfinished:
    """Part of it is committed: whatever went wrong, the same command finishes it."""
    journal = next(step for step in plan.steps if isinstance(step, OpenJournal))
    return Unfinished(
        problem=exc.message.removesuffix("Nothing was changed.").rstrip()
        if isinstance(exc, BaladosDbError)
        else "it was interrupted.",
        cause=exc.code if isinstance(exc, BaladosDbError) else "interrupted",
        done_of=f"{number} of {len(plan.phases)}",
        positions="; positions are at the origin" if _rewound(plan, number) else "",
        done=number,
        phases=len(plan.phases),
        arguments=journal.arguments,
        resume=" ".join(("balados-db", *journal.arguments)),
    )


def _rewound(plan: Plan, number: int) -> bool:
    """Whether every position is at the origin by then: in several databases not all of them are there at once."""
    last = max(
        (n for n, p in enumerate(plan.phases, 1) for s in p.steps if isinstance(s, RewindCheckpoints)), default=0
    )
    return 0 < last <= number
