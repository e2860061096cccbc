"""`environment show` and `environment set`: the stamp that says inside the database which environment it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from balados_db.answers.looking import EnvironmentAnswer, SeenStamp
from balados_db.cli.databases import carry_out_in_each, look_at_each
from balados_db.cli.options import Group, command, common_options, confirm_option, dry_run_option
from balados_db.cli.session import Session
from balados_db.cli.standalone import manifest_or_none, open_anyway
from balados_db.errors import StalePlan, UsageError
from balados_db.report import Report

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.execution.executor import Planner
    from balados_db.model import Manifest
    from balados_db.planning.plan import Plan
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

    if not name or name != name.strip() or not name.isprintable():
        raise UsageError(problem=f"{name!r} is no name: write one without blanks at its ends or control characters")

    def one(part: Session, *, dry_run: bool) -> Report:
        return carry_out(part, _planner(part.manifest, name), dry_run=dry_run, given=confirm)

    return carry_out_in_each(session, one, dry_run=dry_run)


def _planner(manifest: Manifest, name: str) -> Planner:
    """The plan for a stamp, with the phrase that it needs where it would take a protected name away.

    Under the lock (`ours` is given) it raises StalePlan where the stamp became one that nobody was asked about.
    """
    from balados_db.execution.planners import environment_planner
    from balados_db.postgres.catalog import steadily
    from balados_db.postgres.reference import read_stamp

    stamping = environment_planner(manifest, name)
    shown: set[str | None] = set()

    def plan(conn: Connection[Any], ours: tuple[int, ...]) -> Plan:
        planned = _judged(stamping(conn, ours), steadily(conn, lambda: read_stamp(conn)), manifest, name)
        if ours and planned.phrase not in {None, *shown}:
            raise StalePlan(changes=f"it was stamped {planned.phrase} meanwhile")
        shown.add(planned.phrase)
        return planned

    return plan


def _judged(planned: Plan, stamp: Stamp | None, manifest: Manifest, name: str) -> Plan:
    if stamp is None:
        return planned
    if stamp.name == name:
        return planned if stamp.made_here else _stamped_again(planned, name)
    return _guarded(planned, stamp.name) if stamp.name in manifest.protected else planned


def _stamped_again(plan: Plan, name: str) -> Plan:
    """A copy that is given the name on purpose: from now on it is its own."""
    from balados_db.planning.plan import one_phase
    from balados_db.planning.steps import StampEnvironment

    return replace(plan, phases=one_phase("stamp", [StampEnvironment(environment=name)]))


def _guarded(plan: Plan, protected: str) -> Plan:
    from balados_db.planning.plan import Danger

    unlocked = f"{protected} is protected: without that name permanent data and events can be reset here"
    return replace(plan, phrase=protected, danger=Danger.DANGER, warnings=(*plan.warnings, unlocked))


environment.add_command(show)
environment.add_command(set_)
