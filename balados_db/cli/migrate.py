"""`migrate`: pending migrations, all or nothing."""

from __future__ import annotations

import click

from balados_db.cli.databases import carry_out_in_each
from balados_db.cli.options import command, dry_run_option
from balados_db.cli.session import Session
from balados_db.model import Manifest, SchemaKind
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
    """Plan what is pending and apply it, in every database that holds some of it."""
    chosen = {SchemaKind.PERMANENT: system, SchemaKind.PROJECTION: projections, SchemaKind.EVENT_STORE: events}
    kinds = [kind for kind, wanted in chosen.items() if wanted]
    store = events or not (schemas or kinds)
    session.files  # noqa: B018  # every mistake in files before any connection
    for name in schemas:
        session.declared(name)
    from balados_db.execution.planners import migrate_planner, scope_schemas

    names = scope_schemas(session.manifest, schemas, kinds)

    def one(part: Session, *, dry_run: bool) -> Report:
        from balados_db.cli.pipeline import carry_out

        here = tuple(name for name in names if part.manifest.schema(name))
        planner = migrate_planner(part.manifest, part.files, here, store=store)
        return carry_out(part, planner, dry_run=dry_run)

    parts = tuple(part for part in session.parts if _concerns(part.manifest, names, store))
    return carry_out_in_each(session, one, dry_run=dry_run, parts=parts or session.parts[:1])


def _concerns(manifest: Manifest, names: tuple[str, ...], store: bool) -> bool:
    return (store and manifest.event_store is not None) or any(manifest.schema(name) for name in names)
