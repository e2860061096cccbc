"""A program that makes projections anew whose events lie in another database, by balados-db as a library.

    python across.py MANIFEST MAIN_URL EVENTS_URL PHRASE

It is one plan with one phrase over both. Several databases take several transactions: cut off between two of them, the
same call finishes it, so this program may simply be started again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from balados_db import (
    BaladosDbError,
    Course,
    Databases,
    ExitStatus,
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


def up_to_date(databases: Databases) -> tuple[str, ...]:
    """What concerns each database by itself is planned and carried out in one after the other."""
    reports: list[Report] = [execute(plan) for plan in [plan_up(database) for database in databases]]
    return tuple(step.summary for report in reports for step in report.done)


def preview(plan: Prepared) -> str:
    """What a person has to know before agreeing: how bad it is, and where."""
    where = ", ".join(f"{site.name} is {site.identity.database} on {site.identity.server}" for site in plan.sites)
    return f"{plan.danger.value}: {where}; kept: {', '.join(kept.schema for kept in plan.keeps)}"


def anew(databases: Databases, phrase: str, seen: list[ProgressLine]) -> Report:
    """Make the projections anew, wherever their tables and positions lie. Raises NotConfirmed for another phrase."""
    plan = plan_reset(databases, scope=Scope.PROJECTIONS, projector_grace=0.0)
    return execute(plan, confirm=phrase, progress=seen.append)


def main(manifest: str, main_url: str, events_url: str, phrase: str) -> ExitStatus:
    """From whatever is there to projections that are rebuilt; the status is the one that the command would end with."""
    databases = Databases(load_manifest(Path(manifest)), {"main": main_url, "events": events_url}, wait=30.0)
    try:
        up_to_date(databases)
        anew(databases, phrase, [])
        course: Course | None = rebuild_wait(databases, timeout=600.0)
    except BaladosDbError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n{error.hint}\n")
        return error.exit_status
    pending = [schema.schema for schema in status(databases).schemas if schema.pending]
    return ExitStatus.OK if course and course.caught_up and not pending else ExitStatus.FINDINGS


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
