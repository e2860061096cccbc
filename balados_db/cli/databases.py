"""One command over all databases of the manifest: every plan before the first deed, one report of them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from balados_db.answers.answer import Target
from balados_db.cli.session import Session
from balados_db.errors import BaladosDbError, PartlyDone, SameDatabase, in_database
from balados_db.model import MAIN, DatabaseState
from balados_db.report import Report

T = TypeVar("T")
One = Callable[[Session], Report]


class Writing(Protocol):
    """A command in one database."""

    def __call__(self, session: Session, /, *, dry_run: bool) -> Report:
        """Carry it out, or say what it would do."""


def look_at_each(session: Session, look: One) -> Report:
    """Look at each database; where there is one alone, its report is the answer."""
    if len(session.parts) == 1:
        return look(session.parts[0])
    return _together(session, _each(session.parts, look))


def read_all(session: Session) -> dict[str, DatabaseState]:
    """The state of every database, by name. Raises SameDatabase."""
    from balados_db.planning.together import refuse_same

    states = {part.database or MAIN: state for part, state in ((p, _about(p, _state)) for p in session.parts)}
    refuse_same({name: state.identity for name, state in states.items()})
    return states


def _state(session: Session) -> DatabaseState:
    from balados_db.postgres.catalog import Look, read_state
    from balados_db.postgres.locking import looked_at

    with looked_at(session.open) as conn:
        return read_state(Look(conn=conn, manifest=session.manifest))


def targets(states: Mapping[str, DatabaseState]) -> dict[str, Target]:
    """Which database is which, by name: nothing where there is but the main one."""
    found = {name: Target.of(state.identity) for name, state in states.items() if state.identity}
    return found if len(found) > 1 else {}


def carry_out_in_each(
    session: Session, one: Writing, *, dry_run: bool, parts: Sequence[Session] | None = None
) -> Report:
    """Plan everywhere, so that no mistake comes too late, then carry out in one database after the other.

    Each is a transaction of its own, so the second can fail when the first is committed: raises PartlyDone then. What
    goes through here does nothing twice, so the same command does what is left.
    """
    parts = session.parts if parts is None else parts
    if len(parts) == 1:
        return one(parts[0], dry_run=dry_run)
    from balados_db.planning.together import refuse_same

    _refuse_same_urls(parts)
    planned = _each(parts, partial(one, dry_run=True))
    refuse_same({name: report.plan.identity if report.plan else None for name, report in planned.items()})
    if dry_run:
        return _together(session, planned)
    # Whoever needs a phrase comes first: nothing is done when it is declined.
    order = sorted(parts, key=lambda part: _phrase(planned[_name(part)]) is None)
    done = _done(order, partial(one, dry_run=False))
    return _together(session, {name: done[name] for name in planned})


def _phrase(report: Report) -> str | None:
    return report.plan.phrase if report.plan else None


def _each(parts: Sequence[Session], one: One) -> dict[str, Report]:
    return {_name(part): _about(part, one) for part in parts}


def _name(part: Session) -> str:
    assert part.database is not None
    return part.database


def _about(part: Session, one: Callable[[Session], T]) -> T:
    with in_database(part.database):
        return one(part)


def _done(parts: Sequence[Session], carry_out: One) -> dict[str, Report]:
    done: dict[str, Report] = {}
    for part in parts:
        try:
            done[_name(part)] = _about(part, carry_out)
        except (BaladosDbError, KeyboardInterrupt) as exc:
            finished = tuple(name for name, report in done.items() if report.changed)
            if not finished:
                raise
            raise _partly(exc, _name(part), finished) from exc
    return done


def _partly(exc: BaseException, database: str, finished: tuple[str, ...]) -> PartlyDone:
    said = exc.message if isinstance(exc, BaladosDbError) else f"In database {database}: interrupted."
    return PartlyDone(
        problem=said.removesuffix("Nothing was changed.").rstrip(),
        cause=exc.code if isinstance(exc, BaladosDbError) else "interrupted",
        failed=database,
        finished=", ".join(finished),
    )


def _refuse_same_urls(parts: Sequence[Session]) -> None:
    """Also where the database does not exist yet, and cannot be asked who it is."""
    seen: dict[str, str] = {}
    for part in parts:
        server, _, database = (target := part.source.target).rpartition("/")
        if target in seen:
            names = f"{seen[target]!r} and {part.database!r}"
            raise SameDatabase(names=names, database=database, server=server)
        seen[target] = _name(part)


def _together(session: Session, reports: dict[str, Report]) -> Report:
    first = next(iter(reports.values()))
    return Report(
        command=session.command,
        dry_run=first.dry_run,
        databases=reports,
        warnings=tuple(f"{name}: {text}" for name, report in reports.items() for text in report.warnings),
        next=tuple(dict.fromkeys(words for report in reports.values() for words in report.next)),
    )
