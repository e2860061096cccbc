"""`verify`: the database against the manifest and the migrations."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from balados_db.answers.looking import VerifyAnswer
from balados_db.cli.databases import look_at_each
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.errors import in_database
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.finding import Finding
    from balados_db.model import DatabaseState, Manifest
    from balados_db.planning.verify import Checked
    from balados_db.postgres.inspection import Seen


@command(
    "verify",
    """The database against the manifest and the migrations.

    Whatever is pending, drifted, unclassified, unguarded, ahead of the head, or leaning on a projection: exit 4.
    Nothing is written, and what this role may not read is said.""",
)
def verify(session: Session) -> Report:
    """Look everywhere, judge each, say."""
    session.files  # noqa: B018  # every mistake in files before any connection
    from balados_db.planning.together import together

    seen = {part.database: _seen(part) for part in session.parts}
    whole = together([each.state for each in seen.values()])
    return look_at_each(session, lambda part: _verified(part, seen[part.database], whole, session.manifest))


def _seen(session: Session) -> Seen:
    from balados_db.postgres.catalog import Look
    from balados_db.postgres.inspection import inspect
    from balados_db.postgres.locking import looked_at

    with in_database(session.database), looked_at(session.open) as conn:
        return inspect(Look(conn=conn, manifest=session.manifest), session.files)


def _verified(session: Session, seen: Seen, whole: DatabaseState, manifest: Manifest) -> Report:
    """Of one database; a position may lie in another one than the head that it is compared with."""
    from balados_db.planning.rebuilding import of_positions
    from balados_db.planning.verify import checked, judge

    placed = tuple(dict.fromkeys(row.projector for row in whole.checkpoints))
    findings = judge(replace(seen.state, placed_elsewhere=placed), seen.manifest, session.files, seen.inspection)
    if session.manifest.event_store is not None:
        ahead = (f for f in of_positions(whole, manifest) if f.code == "ahead_of_head")
        findings = (*findings, *(f for f in ahead if f not in findings))
    counted = checked(seen.state, seen.manifest)
    return Report(
        command=session.command,
        findings=findings,
        findings_answer=True,
        identity=seen.state.identity,
        result=VerifyAnswer(checked=counted, unseen=tuple(str(table) for table in seen.inspection.unseen)),
        text=_in_words(counted, findings),
        next=(("balados-db", "migrate"),) if any(f.code == "migrations_pending" for f in findings) else (),
    )


def _in_words(seen: Checked, findings: tuple[Finding, ...]) -> str:
    """One line that says what was looked at."""
    from balados_db.finding import counted

    found = {0: "nothing was found", 1: "one finding"}.get(len(findings), f"{len(findings)} findings")
    return f"Checked {counted(asdict(seen))}: {found}."
