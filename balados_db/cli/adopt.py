"""`adopt`: take over a schema that Ecto, Alembic or psql made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from balados_db.cli.databases import carry_out_in_each
from balados_db.cli.options import command, dry_run_option
from balados_db.cli.session import Session
from balados_db.errors import UsageError
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.execution.orders import Planner
    from balados_db.model import Migration
    from balados_db.planning.adopt import Comparison


@command(
    "adopt",
    """Take over a schema that something else made.

    Compares what is there with what the migrations would make, then notes them as applied without running them.
    Differences are listed and refused unless accepted by name; an accepted one goes on being called drift.""",
)
@click.option("--schema", "schemas", multiple=True, metavar="S", help="Only this schema; may be repeated.")
@click.option("--to", metavar="ID", help="Note only the migrations up to this one.")
@click.option("--accept", multiple=True, metavar="NAME", help="A difference to accept; may be repeated.")
@dry_run_option()
def adopt(session: Session, schemas: tuple[str, ...], to: str | None, accept: tuple[str, ...], dry_run: bool) -> Report:
    """Compare, plan, note."""
    if schemas:
        for name in schemas:
            session.declared(name)
        parts = [part for part in session.parts if any(part.manifest.schema(name) for name in schemas)]
    else:
        parts = [part for part in session.parts if _without_history(part)] or _nothing()

    def one(part: Session, *, dry_run: bool) -> Report:
        here = tuple(name for name in schemas if part.manifest.schema(name))
        return _adopt(part, here, to, accept, dry_run)

    return carry_out_in_each(session, one, dry_run=dry_run, parts=parts)


def _adopt(
    session: Session, schemas: tuple[str, ...], to: str | None, accept: tuple[str, ...], dry_run: bool
) -> Report:
    read = session.files
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.scratch import compare
    from balados_db.planning.adopt import adopted
    from balados_db.postgres.connection import translated

    chosen = _chosen(session, schemas)
    files = {**read, **{name: adopted(read[name], to) for name in chosen}}
    with translated("compare"):
        comparisons = compare(session.open, session.manifest, files, chosen, reading=dry_run)
    return carry_out(session, _planner(session, files, comparisons, to, accept), dry_run=dry_run)


def _chosen(session: Session, schemas: tuple[str, ...]) -> list[str]:
    """The schemas named; else every one that has tables and no history yet."""
    for name in schemas:
        if session.declared(name).migrations is None:
            raise UsageError(problem=f"schema {name!r} has no `migrations` in the manifest")
    return list(schemas) or _without_history(session) or _nothing()


def _nothing() -> list[Any]:
    raise UsageError(problem="no schema holds tables without a history of migrations: there is nothing to adopt")


def _without_history(session: Session) -> list[str]:
    from balados_db.postgres.catalog import Look, read_state
    from balados_db.postgres.connection import translated

    with session.open() as conn, translated("look"):
        state = read_state(Look(conn=conn, manifest=session.manifest))
    return [
        s.name for s in session.manifest.migrated if not state.schema(s.name).applied and state.schema(s.name).tables
    ]


def _planner(
    session: Session,
    files: dict[str, tuple[Migration, ...]],
    comparisons: tuple[Comparison, ...],
    to: str | None,
    accept: tuple[str, ...],
) -> Planner:
    from balados_db.planning.adopt import plan_adopt
    from balados_db.postgres.catalog import Look, read_state

    def plan(conn: Any, ours: tuple[int, ...]) -> Any:
        state = read_state(Look(conn=conn, manifest=session.manifest, ours=ours))
        return plan_adopt(state, files, comparisons, to=to, accept=accept)

    return plan
