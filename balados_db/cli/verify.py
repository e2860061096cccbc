"""`verify`: the database against the manifest and the migrations."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from balados_db.answers.looking import VerifyAnswer
from balados_db.cli.databases import look_at_each
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.finding import Finding
    from balados_db.planning.verify import Checked


@command(
    "verify",
    """The database against the manifest and the migrations.

    Whatever is pending, drifted, unclassified, unguarded, ahead of the head, or leaning on a projection: exit 4.
    Nothing is written, and what this role may not read is said.""",
)
def verify(session: Session) -> Report:
    """Look, judge, say."""
    return look_at_each(session, _verify)


def _verify(session: Session) -> Report:
    files = session.files
    from balados_db.planning.verify import checked, judge
    from balados_db.postgres.catalog import Look
    from balados_db.postgres.connection import translated
    from balados_db.postgres.inspection import inspect

    with session.open() as conn, translated("look"):
        seen = inspect(Look(conn=conn, manifest=session.manifest), files)
    findings = judge(seen.state, seen.manifest, files, seen.inspection)
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


def _in_words(counted: Checked, findings: tuple[Finding, ...]) -> str:
    """One line that says what was looked at."""
    what = ", ".join(f"{count} {name}" for name, count in asdict(counted).items())
    found = {0: "nothing was found", 1: "one finding"}.get(len(findings), f"{len(findings)} findings")
    return f"Checked {what}: {found}."
