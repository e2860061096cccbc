"""`create`: the database, then every declared schema."""

from __future__ import annotations

from balados_db.cli.databases import carry_out_in_each
from balados_db.cli.options import command, dry_run_option
from balados_db.cli.session import Session
from balados_db.report import Report


@command("create", "Create the database and every declared schema. What is there already stays as it is.")
@dry_run_option()
def create(session: Session, dry_run: bool) -> Report:
    """Plan what is missing and create it."""
    return carry_out_in_each(session, _create, dry_run=dry_run)


def _create(session: Session, *, dry_run: bool) -> Report:
    manifest, files, database = session.manifest, session.files, session.source.database
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import create_planner, missing_database

    missing = missing_database(manifest, files, database, "create")
    return carry_out(session, create_planner(manifest, database), dry_run=dry_run, missing=missing)
