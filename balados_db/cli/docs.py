"""`docs`: the schema reference, from the manifest and the database together."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balados_db.answers.answer import StepResult
from balados_db.answers.looking import DocsAnswer
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.errors import FileExists, UsageError
from balados_db.finding import Finding
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.model import Identity
    from balados_db.reference import Reference

DEFAULT = Path("docs") / "schema.md"


@command(
    "docs",
    """Write the schema reference: which table is safe to truncate, rebuilt from what.

    On standard output, or into FILE. With --check nothing is written: exit 4 where FILE (default: docs/schema.md
    beside the manifest) is not what would be written.""",
)
@click.option("--out", metavar="FILE", help="Write it into FILE.")
@click.option("--check", is_flag=True, help="Compare with FILE instead: exit 4 and the differing lines.")
def docs(session: Session, out: str | None, check: bool) -> Report:
    """Read, classify, write."""
    from balados_db.rendering.reference import render_reference

    identity, reference = _read(session)
    text = render_reference(reference)
    told = Report(
        command=session.command, identity=identity, result=DocsAnswer(schemas=reference.schemas, markdown=text)
    )
    if check:
        return _compared(told, Path(out) if out else session.manifest.file.parent / DEFAULT, text)
    told = replace(told, warnings=reference.warnings)
    if out is None or out == "-":
        return replace(told, text=text)
    if not _written(Path(out), text):
        return replace(_about(told, out), text=f"{out} is up to date.")
    return replace(_about(told, out), done=(StepResult(id="write_reference", summary=f"write {out}"),))


def _about(told: Report, file: str) -> Report:
    assert isinstance(told.result, DocsAnswer)
    return replace(told, result=replace(told.result, file=file))


def _read(session: Session) -> tuple[Identity, Reference]:
    from balados_db.planning.together import together
    from balados_db.postgres.catalog import Look, looking, read_state
    from balados_db.postgres.locking import looked_at
    from balados_db.postgres.reference import read_columns, read_undeclared
    from balados_db.reference import classify

    states, columns, undeclared = [], {}, {}
    for part in session.parts:
        with looked_at(part.open) as conn, looking(conn):
            states.append(read_state(Look(conn=conn, manifest=part.manifest)))
            columns.update(read_columns(conn, [schema.name for schema in part.manifest.schemas]))
            undeclared.update(read_undeclared(conn, part.manifest))
    state = together(states)
    assert state.identity is not None
    return state.identity, classify(session.manifest, state, columns, undeclared)


def _written(file: Path, text: str) -> bool:
    """Write the file, unless it says that already. Raises FileExists for one that something else wrote."""
    from balados_db.rendering.reference import MARK

    before = _content(file)
    if before == text:
        return False
    if before is not None and MARK not in before:
        raise FileExists(file=str(file), hint="`balados-db docs` overwrites only what it wrote: choose another name")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as exc:
        raise UsageError(problem=f"{file} cannot be written: {exc.strerror}") from exc
    return True


def _content(file: Path) -> str | None:
    """What the file says, with any kind of line ends; None where there is none."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(problem=f"{file} cannot be read: {exc}") from exc


# ── check ────────────────────────────────────────────────────────────────────────────────────────────────


def _compared(told: Report, file: Path, text: str) -> Report:
    told, before = _about(told, str(file)), _content(file)
    if before == text:
        return replace(told, text=f"{file} is up to date.")
    again = ("balados-db", "docs", "--out", str(file))
    return replace(told, findings=_differences(file, before, text), next=(again,))


def _differences(file: Path, before: str | None, text: str) -> tuple[Finding, ...]:
    if before is None:
        return (Finding(code="reference_missing", subject=str(file), message=f"{file} does not exist"),)
    lines = list(difflib.unified_diff(before.splitlines(), text.splitlines(), n=0, lineterm=""))[2:]
    changed = [line for line in lines if not line.startswith("@@")]
    said = f"{file} is out of date in {len(changed)} lines (- is what it says, + what is so)"
    return tuple(Finding(code="reference_outdated", subject=str(file), message=line) for line in (said, *changed))
