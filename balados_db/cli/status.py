"""`status`: what is there, applied, pending, lagging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from balados_db.answers.looking import StatusAnswer
from balados_db.cli.databases import read_all, targets
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.model import DatabaseState
    from balados_db.planning.status import Status


@command("status", "What is there, applied, pending, lagging.")
@click.option("--check", is_flag=True, help="Exit 4 when anything is pending, drifted, unclassified or lagging.")
def status(session: Session, check: bool) -> Report:
    """Read, judge, show; writes nothing."""
    files = session.files
    from balados_db.planning.status import UNFINISHED, assess
    from balados_db.planning.together import together

    states = read_all(session)
    state = together(tuple(states.values()))
    found = assess(state, session.manifest, files)
    findings = tuple(f for f in found.findings if check or f.code == UNFINISHED)
    observed = tuple(f for f in found.findings if f not in findings)
    return Report(
        command=session.command,
        findings=findings,
        warnings=tuple(str(finding) for finding in observed),
        identity=state.identity,
        result=StatusAnswer(
            schemas=found.schemas,
            projectors=found.projectors,
            connected=state.sessions,
            head=state.head,
            unfinished=state.journal,
            databases=targets(states),
            observed=observed,
        ),
        tables=_tables(states, state, found),
        next=_next(state, found),
    )


def _next(state: DatabaseState, found: Status) -> tuple[tuple[str, ...], ...]:
    if state.journal is not None:
        return (("balados-db", *state.journal.arguments),)
    return (("balados-db", "migrate"),) if any(s.pending for s in found.schemas) else ()


def _tables(
    states: Mapping[str, DatabaseState], state: DatabaseState, found: Status
) -> dict[str, tuple[dict[str, Any], ...]]:
    """The same for people: what is pending or drifted in detail is said below, as notes."""
    from balados_db.rendering.amounts import count, size_of

    several = len(states) > 1
    title = "\n".join(_title(name if several else None, found) for name, found in states.items())
    schemas = tuple(
        {
            "schema": s.schema,
            **({"database": s.database} if several else {}),
            "kind": s.kind if s.exists else f"{s.kind} (missing)",
            "tables": s.tables,
            "rows": count(s.rows, s.exact),
            "size": size_of(s.bytes),
            "applied": s.applied,
            "pending": len(s.pending),
            "drift": "yes" if s.drift else "no",
        }
        for s in found.schemas
    )
    projectors = tuple(
        {
            "projector": p.projector,
            "position": p.position,
            "head": p.head,
            "lag": p.lag,
            "running": p.live,
            **({"reads": p.reads} if any(other.reads for other in found.projectors) else {}),
        }
        for p in found.projectors
    )
    return {title: schemas, "": projectors, "connected": tuple(asdict(s) for s in state.sessions)}


def _title(name: str | None, state: DatabaseState) -> str:
    identity = state.identity
    assert identity is not None
    which = f"{name}: " if name else ""
    return f"{which}{identity.database} on {identity.server}, PostgreSQL {identity.server_version}"
