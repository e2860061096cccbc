"""`rollback`: destroys, so it needs the phrase of the schema's kind."""

from __future__ import annotations

import click

from balados_db.cli.options import command, confirm_option, dry_run_option, once, seconds
from balados_db.cli.session import Session
from balados_db.errors import AcrossDatabases
from balados_db.model import Manifest, SchemaDeclaration, Scope
from balados_db.report import Report


@command(
    "rollback",
    """Take migrations back with their rollback files.

    It destroys what they made, so it needs the phrase of the schema's kind. Of a projection it is a reset of that
    schema: its rows and positions go as well.""",
)
@click.option("--schema", required=True, multiple=True, callback=once, metavar="S", help="The schema.")
@click.option("--to", metavar="ID", help="The migration that stays the last one applied [default: one step back].")
@click.option(
    "--projector-grace",
    type=seconds,
    default=2.0,
    metavar="SECONDS",
    help="Keep projectors out this long after the commit.",
)
@click.option("--with-dependents", is_flag=True, help="Take along what shares a projector with the schema.")
@dry_run_option()
@confirm_option()
def rollback(
    session: Session,
    schema: str,
    to: str | None,
    projector_grace: float,
    with_dependents: bool,
    dry_run: bool,
    confirm: str | None,
) -> Report:
    """Plan a rollback and carry it out."""
    declared = session.declared(schema)
    _refuse_across(session.manifest, declared, with_dependents)
    session = session.part(schema)
    manifest, files = session.manifest, session.files
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import rollback_planner
    from balados_db.planning.rollback import RollbackRequest
    from balados_db.postgres.locking import Patience

    request = RollbackRequest(schema=schema, to=to, with_dependents=with_dependents)
    planner = rollback_planner(manifest, files, request)
    patience = Patience(locks=session.options.lock_timeout, grace=projector_grace)
    return carry_out(session, planner, dry_run=dry_run, given=confirm, patience=patience)


def _refuse_across(manifest: Manifest, schema: SchemaDeclaration, with_dependents: bool) -> None:
    """Of a projection it is a reset as well, and one transaction does not reach into another database."""
    from balados_db.planning.request import ResetRequest
    from balados_db.planning.together import concerned

    request = ResetRequest(scope=Scope.of(schema.kind), schema=schema.name, with_dependents=with_dependents)
    if len(names := concerned(manifest, request)) > 1:
        instead = f"take the newest files away and make it anew: balados-db reset --schema {schema.name} --recreate"
        raise AcrossDatabases(command="rollback", names=", ".join(names), hint=instead)
