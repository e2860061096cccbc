"""`schema create` and `schema migrate`: one schema alone."""

from __future__ import annotations

import click

from balados_db.cli.options import Group, command, common_options, dry_run_option
from balados_db.cli.session import Session
from balados_db.report import Report


@click.group("schema", cls=Group, params=common_options(), help="Create or migrate one schema alone.")
def schema(**_: object) -> None:
    """Holds the two commands."""


@command("create", "Create one declared schema.")
@click.argument("name")
@dry_run_option()
def create(session: Session, name: str, dry_run: bool) -> Report:
    """Create it when it is missing."""
    session.declared(name)
    session = session.part(name)
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import create_planner

    planner = create_planner(session.manifest, session.source.database, (name,))
    return carry_out(session, planner, dry_run=dry_run)


@command("migrate", "Apply one schema's pending migrations.")
@click.argument("name")
@dry_run_option()
def migrate(session: Session, name: str, dry_run: bool) -> Report:
    """The same as `migrate --schema NAME`."""
    session.declared(name)
    session = session.part(name)
    manifest, files = session.manifest, session.files
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import migrate_planner

    return carry_out(session, migrate_planner(manifest, files, [name]), dry_run=dry_run)


schema.add_command(create)
schema.add_command(migrate)
