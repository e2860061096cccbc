"""`reset`: the reason why this tool exists."""

from __future__ import annotations

from typing import Any

import click

from balados_db.cli.options import command, confirm_option, dry_run_option
from balados_db.cli.session import Session
from balados_db.errors import UnknownSchema, UsageError
from balados_db.report import Report


@command(
    "reset",
    """Empty projections, or more; forget what was seen.

    Exactly one scope. --schema S alone means the scope of its kind, narrowed to S; --projector P alone means
    projections, narrowed to P. Everything outside the scope is proved to be kept before anything is committed.""",
)
@click.option("--projections", "scope", flag_value="projections", help="SAFE: projections, rebuilt from the events.")
@click.option("--system", "scope", flag_value="system", help="DANGER: permanent data.")
@click.option("--events", "scope", flag_value="events", help="EXTREME DANGER: the events themselves.")
@click.option("--all", "scope", flag_value="all", help="EXTREME DANGER: every declared schema.")
@click.option("--schema", metavar="S", help="Only this schema.")
@click.option("--projector", metavar="P", help="Only this projector's tables and positions.")
@click.option("--empty", "way", flag_value="empty", help="Keep the tables, remove their rows.")
@click.option("--recreate", "way", flag_value="recreate", help="Drop the contents and run the migrations again.")
@click.option("--with-dependents", is_flag=True, help="Take along what shares a projector with the scope.")
@click.option(
    "--wait-for-projectors",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait for live projectors to stop.",
)
@click.option(
    "--projector-grace",
    type=click.FloatRange(min=0),
    default=2.0,
    metavar="SECONDS",
    help="Keep projectors out this long after the commit.",
)
@dry_run_option()
@confirm_option()
def reset(
    session: Session,
    scope: str | None,
    schema: str | None,
    projector: str | None,
    way: str | None,
    with_dependents: bool,
    wait_for_projectors: float,
    projector_grace: float,
    dry_run: bool,
    confirm: str | None,
) -> Report:
    """Plan a reset and carry it out."""
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import reset_planner
    from balados_db.planning.reset import ResetRequest
    from balados_db.postgres.locking import Patience

    request = ResetRequest(
        scope=chosen_scope(session, scope, schema, projector),
        schema=schema,
        projector=projector,
        way=way,
        with_dependents=with_dependents,
    )
    patience = Patience(locks=session.options.lock_timeout, projectors=wait_for_projectors, grace=projector_grace)
    planner = reset_planner(session.manifest, session.files, request, wait_for_projectors=wait_for_projectors > 0)
    return carry_out(session, planner, dry_run=dry_run, given=confirm, patience=patience)


def chosen_scope(session: Session, scope: str | None, schema: str | None, projector: str | None) -> Any:
    """The scope that was named, or that a schema or projector implies."""
    from balados_db.model import Scope

    if scope is not None:
        if schema is not None and scope == "all":
            raise UsageError(problem="--all means every schema; it cannot be narrowed with --schema")
        return Scope(scope)
    if projector is not None:
        return Scope.PROJECTIONS
    if schema is not None:
        declared = session.manifest.schema(schema)
        if declared is None:
            raise UnknownSchema(file=str(session.manifest.file), name=schema)
        return Scope.of(declared.kind)
    raise UsageError(
        problem="say what to reset: one of --projections, --system, --events, --all, --schema S, --projector P",
        hint="not sure? `balados-db guide` asks three questions",
    )
