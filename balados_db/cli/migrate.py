"""`migrate`: pending migrations, all or nothing."""

from __future__ import annotations

import click

from balados_db.cli.options import command, dry_run_option
from balados_db.cli.session import Session
from balados_db.model import SchemaKind
from balados_db.report import Report


@command("migrate", "Apply pending migrations, all or nothing.")
@click.option("--schema", "schemas", multiple=True, metavar="S", help="Only this schema; may be repeated.")
@click.option("--system", is_flag=True, help="Only permanent schemas.")
@click.option("--projections", is_flag=True, help="Only projections.")
@click.option("--events", is_flag=True, help="Only the event store: what its install SQL adds.")
@dry_run_option()
def migrate(
    session: Session, schemas: tuple[str, ...], system: bool, projections: bool, events: bool, dry_run: bool
) -> Report:
    """Plan what is pending and apply it."""
    manifest, files = session.manifest, session.files
    for name in schemas:
        session.declared(name)
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import migrate_planner, scope_schemas

    chosen = {SchemaKind.PERMANENT: system, SchemaKind.PROJECTION: projections, SchemaKind.EVENT_STORE: events}
    kinds = [kind for kind, wanted in chosen.items() if wanted]
    everything = not schemas and not kinds
    names = scope_schemas(manifest, schemas, kinds)
    planner = migrate_planner(manifest, files, names, store=events or everything)
    return carry_out(session, planner, dry_run=dry_run)
