"""`environment show` and `environment set`: the stamp that says inside the database which environment it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from balados_db.answers.looking import EnvironmentAnswer, SeenStamp
from balados_db.cli.databases import carry_out_in_each, look_at_each
from balados_db.cli.options import Group, command, common_options, confirm_option, dry_run_option
from balados_db.cli.session import Session
from balados_db.cli.standalone import manifest_or_none, open_anyway
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.model import Manifest
    from balados_db.postgres.reference import Stamp


@click.group("environment", cls=Group, params=common_options(), help="The stamp inside the database.")
def environment(**_: object) -> None:
    """Holds the two commands."""


# ── show ─────────────────────────────────────────────────────────────────────────────────────────────────


@command("show", "Say which environment the database says it is.")
def show(session: Session) -> Report:
    """Read the stamp; a database without one is no error."""
    if manifest_or_none(session) is None:
        return _show(session)
    return look_at_each(session, _show)


def _show(session: Session) -> Report:
    from balados_db.postgres.catalog import read_identity
    from balados_db.postgres.connection import translated
    from balados_db.postgres.reference import read_stamp

    manifest = manifest_or_none(session)
    with open_anyway(session, manifest) as conn, translated("read the stamp"):
        identity, stamp = read_identity(conn), read_stamp(conn)
    answer = _answer(stamp, manifest)
    return Report(command=session.command, identity=identity, result=answer, text=_words(answer))


def _answer(stamp: Stamp | None, manifest: Manifest | None) -> EnvironmentAnswer:
    if stamp is None:
        return EnvironmentAnswer(environment=None, protected=False, stamp=None)
    seen = SeenStamp(
        name=stamp.name,
        database=stamp.database,
        at=f"{stamp.at:%Y-%m-%dT%H:%M:%SZ}",
        by=stamp.by,
        made_here=stamp.made_here,
    )
    return EnvironmentAnswer(environment=stamp.name, protected=stamp.name in _protected(manifest), stamp=seen)


def _protected(manifest: Manifest | None) -> tuple[str, ...]:
    from balados_db.model import Manifest

    return manifest.protected if manifest else Manifest.protected


def _words(answer: EnvironmentAnswer) -> str:
    """The first line is the name alone, for scripts that read no more."""
    stamp = answer.stamp
    if stamp is None:
        return "not stamped\n  name it with `balados-db environment set NAME`"
    lines = [stamp.name, f"  stamped {stamp.at} by {stamp.by}"]
    if answer.protected:
        lines.append("  protected: permanent data and events cannot be reset here")
    if not stamp.made_here:
        lines.append(f"  stamped for database {stamp.database}: this is a copy of it, or it was renamed or moved")
    return "\n".join(lines)


# ── set ──────────────────────────────────────────────────────────────────────────────────────────────────


@command(
    "set",
    """Stamp the database with an environment's name.

    Taking a protected name away unlocks the destruction of permanent data and events, so it needs a phrase: that
    name.""",
)
@click.argument("name")
@dry_run_option()
@confirm_option()
def set_(session: Session, name: str, dry_run: bool, confirm: str | None) -> Report:
    """Write the stamp, unless it is there already and was made for this very database."""
    from balados_db.cli.pipeline import carry_out
    from balados_db.execution.planners import environment_planner

    def one(part: Session, *, dry_run: bool) -> Report:
        return carry_out(part, environment_planner(part.manifest, name), dry_run=dry_run, given=confirm)

    return carry_out_in_each(session, one, dry_run=dry_run)


environment.add_command(show)
environment.add_command(set_)
