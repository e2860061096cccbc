"""`init` and `up`: event store and migrations; `up` creates the database first."""

from __future__ import annotations

from balados_db.cli.databases import carry_out_in_each
from balados_db.cli.options import command, dry_run_option
from balados_db.cli.session import Session
from balados_db.report import Report


@command("init", "Install the event store and apply every migration.")
@dry_run_option()
def init(session: Session, dry_run: bool) -> Report:
    """What a fresh database needs after `create`."""
    return carry_out_in_each(session, _init, dry_run=dry_run)


def _init(session: Session, *, dry_run: bool) -> Report:
    manifest, files = session.manifest, session.files
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import init_planner

    return carry_out(session, init_planner(manifest, files), dry_run=dry_run)


@command("up", "From nothing to ready: create and init in one.")
@dry_run_option()
def up(session: Session, dry_run: bool) -> Report:
    """Create what is missing, install, migrate."""
    return carry_out_in_each(session, _up, dry_run=dry_run)


def _up(session: Session, *, dry_run: bool) -> Report:
    manifest, files = session.manifest, session.files
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import init_planner, missing_database

    missing = missing_database(manifest, files, session.source.database, "up")
    planner = init_planner(manifest, files, "up")
    return carry_out(session, planner, dry_run=dry_run, missing=missing)
