"""`reset`: the reason why this tool exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from balados_db.cli.options import command, confirm_option, dry_run_option, once, seconds
from balados_db.cli.session import Session
from balados_db.errors import UsageError
from balados_db.model import Scope
from balados_db.report import Report


@command(
    "reset",
    """Empty projections, or more; forget what was seen.

    Exactly one scope. --schema S alone means the scope of its kind, narrowed to S; --projector P alone means
    projections, narrowed to P. Everything outside the scope is proved to be kept before anything is committed.""",
)
@click.option("--projections", is_flag=True, help="SAFE: projections, rebuilt from the events.")
@click.option("--system", is_flag=True, help="DANGER: permanent data.")
@click.option("--events", is_flag=True, help="EXTREME DANGER: the events themselves.")
@click.option("--all", is_flag=True, help="EXTREME DANGER: every declared schema.")
@click.option("--schema", multiple=True, callback=once, metavar="S", help="Only this schema.")
@click.option(
    "--projector", multiple=True, callback=once, metavar="P", help="Only this projector's tables and positions."
)
@click.option("--empty", is_flag=True, help="Keep the tables, remove their rows.")
@click.option("--recreate", is_flag=True, help="Drop the contents and run the migrations again.")
@click.option("--with-dependents", is_flag=True, help="Take along projectors that share, read or refer to its tables.")
@click.option(
    "--wait-for-projectors",
    type=seconds,
    default=0.0,
    metavar="SECONDS",
    help="Wait for live projectors to stop.",
)
@click.option(
    "--projector-grace",
    type=seconds,
    default=2.0,
    metavar="SECONDS",
    help="Keep projectors out this long after the commit.",
)
@click.option("--verify", type=click.Choice(["rows"]), help="Count and hash every kept row as well.")
@dry_run_option()
@confirm_option()
def reset(
    session: Session,
    schema: str | None,
    projector: str | None,
    with_dependents: bool,
    wait_for_projectors: float,
    projector_grace: float,
    verify: str | None,
    dry_run: bool,
    confirm: str | None,
    **said: bool,
) -> Report:
    """Plan a reset and carry it out."""
    chosen = choice(session, said, schema, projector)
    session.files  # noqa: B018  # every mistake in files before any connection
    from balados_db.cli.across import reset_across
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import reset_planner
    from balados_db.planning.request import ResetRequest
    from balados_db.planning.together import concerned
    from balados_db.postgres.locking import Patience

    request = ResetRequest(**chosen, with_dependents=with_dependents, verify_rows=verify == "rows")
    names = concerned(session.manifest, request)
    patience = Patience(locks=session.options.lock_timeout, projectors=wait_for_projectors, grace=projector_grace)
    if len(names) > 1:
        return reset_across(session, names, request, patience, dry_run=dry_run, given=confirm)
    session = next(part for part in session.parts if part.database in (*names, None))
    manifest, files = session.manifest, session.files
    planner = reset_planner(manifest, files, request, wait_for_projectors=wait_for_projectors > 0)
    return carry_out(session, planner, dry_run=dry_run, given=confirm, patience=patience)


def choice(session: Session, said: Mapping[str, bool], schema: str | None, projector: str | None) -> dict[str, Any]:
    """What was asked for; where two words exclude each other, neither wins in silence."""
    scope = _only(said, ("projections", "system", "events", "all"))
    if schema is not None and scope == "all":
        raise UsageError(
            problem="--all means every schema; it cannot be narrowed with --schema",
            hint=f"leave --all out: balados-db reset --schema {schema}",
        )
    way = _only(said, ("empty", "recreate"))
    return {"scope": _scope(session, scope, schema, projector), "schema": schema, "projector": projector, "way": way}


def _only(said: Mapping[str, bool], names: tuple[str, ...]) -> str | None:
    found = [name for name in names if said[name]]
    if len(found) > 1:
        both = " and ".join(f"--{name}" for name in found)
        raise UsageError(problem=f"{both} exclude each other", hint="give one of them")
    return found[0] if found else None


def _scope(session: Session, scope: str | None, schema: str | None, projector: str | None) -> Scope:
    from balados_db.planning.scope import scope_of

    chosen = scope_of(session.manifest, scope, schema, projector)
    if chosen is None:
        raise UsageError(
            problem="say what to reset: one of --projections, --system, --events, --all, --schema S, --projector P",
            hint="not sure? `balados-db guide` asks three questions",
        )
    return chosen
