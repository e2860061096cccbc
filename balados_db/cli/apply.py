"""`apply`: carry out a plan that was made earlier, down the same road as the command that it was made of."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balados_db.answers.files import AppliedFile, ApplyAnswer
from balados_db.cli.options import COMMON, command, confirm_option, dry_run_option
from balados_db.cli.session import Session
from balados_db.errors import (
    MigrationEdited,
    MigrationFileMissing,
    NoDatabase,
    NothingToAdopt,
    PlanFileInvalid,
    RollbackMissing,
    StalePlan,
    UnknownProjector,
    UnknownSchema,
    UsageError,
    in_database,
)
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.plan_file import PlanFile


@command(
    "apply",
    """Carry out a plan that was made earlier.

    The plan is made again, under the locks, and must be the same: else it says what changed (exit 7). A plan that
    destroys needs its phrase, as its command does. A file is applied once; - is standard input.""",
)
@click.argument("file")
@dry_run_option()
@confirm_option()
def apply(session: Session, file: str, dry_run: bool, confirm: str | None) -> Report:
    """Read the file, then go down its command's own road."""
    found = _read(file)
    session = replace(session, approved=found, options=replace(session.options, manifest=_manifest(session, found)))
    _refuse_used(session, found)
    try:
        report = _carry_out(session, found, dry_run, confirm)
    except StalePlan as exc:
        # By another run, since we asked: what differs now is what the file itself has done.
        _refuse_used(session, found)
        exc.renew(found.arguments)
        raise
    return replace(report, result=ApplyAnswer(plan_file=AppliedFile(id=found.id, created_at=found.created_at)))


def _read(file: str) -> PlanFile:
    from balados_db.plan_file import MOST_BYTES, parse_plan_file, read_plan_file

    if file != "-":
        return read_plan_file(Path(file))
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(problem="a plan is read from standard input, and that is a terminal or closed")
    return parse_plan_file(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input")


def _manifest(session: Session, found: PlanFile) -> str | None:
    """What is said wins; then the manifest that the plan was made with; where that is gone, the nearest one."""
    if session.options.manifest or os.environ.get("BALADOS_DB_MANIFEST"):
        return session.options.manifest
    return found.manifest if Path(found.manifest).is_file() else None


def _refuse_used(session: Session, found: PlanFile) -> None:
    """Before anything else is looked at: what it did makes every other look say that something changed."""
    from balados_db.postgres.catalog import looking
    from balados_db.postgres.locking import looked_at
    from balados_db.postgres.plans import refuse_used

    session.manifest, session.files  # noqa: B018  # every mistake in files before any connection
    for part in session.parts:
        # Whether it is right that a database is not there is for the plan to say.
        with in_database(part.database), suppress(NoDatabase), looked_at(part.open) as conn, looking(conn):
            refuse_used(conn, found)


def _carry_out(session: Session, found: PlanFile, dry_run: bool, confirm: str | None) -> Report:
    inner, params = _recorded(found)
    given = {"dry_run": dry_run, **({"confirm": confirm} if "confirm" in params else {})}
    assert inner.command.callback is not None
    try:
        with inner:
            report: Report = inner.invoke(inner.command.callback, session, **{**params, **given})
    except _OTHERWISE as exc:
        raise StalePlan(changes=exc.message.rstrip("."), changed=[exc.message], hint=exc.hint) from exc
    except UsageError as exc:
        if type(exc) is not UsageError:
            raise
        raise StalePlan(changes=exc.message.rstrip("."), changed=[exc.message], hint=exc.hint) from exc
    return report


# What says that a plan which could be made once cannot be made any more.
_OTHERWISE = (
    MigrationEdited,
    MigrationFileMissing,
    NothingToAdopt,
    RollbackMissing,
    UnknownProjector,
    UnknownSchema,
)


def _recorded(found: PlanFile) -> tuple[click.Context, dict[str, Any]]:
    """The command that the plan was made of, with its arguments understood; common options are this run's own."""
    from balados_db.cli.plan import can_be_planned

    root = click.get_current_context().find_root()
    at, words = root.command, list(found.arguments)
    try:
        while isinstance(at, click.Group):
            _, inner, words = at.resolve_command(root, words)
            at = inner or at
        if not can_be_planned(at):
            raise UsageError(problem=f"{at.name} cannot be planned")
        ctx = at.make_context(at.name, words, parent=root, help_option_names=[])
    except (click.ClickException, click.exceptions.Exit, UsageError, IndexError) as exc:
        problem = f"names no command that can be planned: {' '.join(found.arguments)}"
        raise PlanFileInvalid(file="the plan", problem=problem) from exc
    return ctx, {name: value for name, value in ctx.params.items() if name not in COMMON}
