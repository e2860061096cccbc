"""A program that uses balados-db as a library: bring a database up to date, make its projections anew, wait for them.

    python nightly.py MANIFEST URL PHRASE

The phrase comes from whoever starts it, and was read in a preview; a program that passes `plan.phrase` on by itself
agrees to whatever the plan destroys.
"""

from __future__ import annotations

import sys
from pathlib import Path

from balados_db import (
    BaladosDbError,
    Course,
    Danger,
    Database,
    ExitStatus,
    NotConfirmed,
    Prepared,
    ProgressLine,
    Report,
    Scope,
    execute,
    load_manifest,
    plan_reset,
    plan_up,
    rebuild_wait,
    status,
)


def up_to_date(database: Database) -> tuple[str, ...]:
    """Create what is missing and apply what is pending; says what was done. Destroys nothing, so needs no phrase."""
    report: Report = execute(plan_up(database))
    return tuple(step.summary for step in report.done)


def preview(plan: Prepared) -> str:
    """What a person has to know before agreeing."""
    rows = sum(destroyed.rows or 0 for destroyed in plan.destroys)
    where = plan.identity.server if plan.identity else "nowhere yet"
    return f"{plan.danger.value}: about {rows} rows on {where}; kept: {', '.join(kept.schema for kept in plan.keeps)}"


def anew(database: Database, phrase: str, seen: list[ProgressLine]) -> Report:
    """Make the projections anew. Raises NotConfirmed for another phrase, and for a plan that is worse than expected."""
    plan = plan_reset(database, scope=Scope.PROJECTIONS, projector_grace=0.0)
    if plan.danger not in (Danger.NONE, Danger.SAFE):
        raise NotConfirmed(reason=f"this would be {plan.danger.value}")
    return execute(plan, confirm=phrase, progress=seen.append)


def main(manifest: str, url: str, phrase: str) -> ExitStatus:
    """The whole night; its status is the one that the command would end with."""
    database = Database(load_manifest(Path(manifest)), url=url, wait=30.0)
    try:
        up_to_date(database)
        anew(database, phrase, [])
        course: Course | None = rebuild_wait(database, timeout=600.0)
    except BaladosDbError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n{error.hint}\n")
        return error.exit_status
    pending = [schema.schema for schema in status(database).schemas if schema.pending]
    return ExitStatus.OK if course and course.caught_up and not pending else ExitStatus.FINDINGS


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
