"""`check`: everything that can be known without a database, fit for a hook that runs before every commit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balados_db.answers.answer import StepResult
from balados_db.answers.files import CheckAnswer, CheckedFiles
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.errors import UsageError
from balados_db.manifest.place import FILE_NAME, working_directory
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.checkup import Checkup
    from balados_db.finding import Finding

WRITE_LOCK = (
    "balados-db",
    "check",
    "--write-lock",
)  # which takes migrations as they are: only new ones are judged then
MANY = 10  # findings of squawk's, from which on somebody has to be told how to begin

# Where a format's reader counts paths from; the working directory where that is not set.
ROOTS = {"github": "GITHUB_WORKSPACE", "gitlab": "CI_PROJECT_DIR"}


@command(
    "check",
    """Manifest and migrations, without a database.

    Everything that is wrong with the manifest, with names, order, dependencies, directives and rollbacks, what was
    edited since it was written down in the lock file, and what squawk says where it is installed: exit 4.

    With FILEs only what concerns these, judged in full; without, what the lock file holds as it is was judged then.""",
)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option("--write-lock", is_flag=True, help="Write new migrations down in balados-db.lock, beside the manifest.")
@click.option("--accept", multiple=True, metavar="SCHEMA/ID", help="With --write-lock: one that was edited or is gone.")
@click.option("--squawk/--no-squawk", default=True, help="Ask squawk, where it is installed [default: yes].")
@click.option("--format", "form", type=click.Choice(["text", "json", "github", "gitlab"]), help="How to say it.")
def check(
    session: Session, files: tuple[str, ...], write_lock: bool, accept: tuple[str, ...], squawk: bool, form: str | None
) -> Report:
    """Read every file that the manifest names, and say all of it."""
    form = _form(session, form)
    if accept and not write_lock:
        raise UsageError(problem="--accept goes with --write-lock")
    from balados_db.checkup import look, relative, seen_from
    from balados_db.manifest.place import find_manifest
    from balados_db.squawk import Verdict, ask

    base = Path(os.path.realpath(os.environ.get(ROOTS.get(form, "")) or working_directory()))
    named = _named(files)
    with _annotated(form, base):
        file = find_manifest(session.options.manifest).resolve()
        seen = look(file, named)
    verdict = ask(seen.judged, file.parent) if squawk else Verdict(version=None, findings=())
    done = _written(seen, accept) if write_lock else ()
    findings = (*(look(file, named) if done else seen).findings, *verdict.findings)
    shown = tuple(relative(f, base) for f in findings if seen.concerns(f))
    counted = _counted(seen)
    next = (WRITE_LOCK,) if _could_be_locked(seen, named, shown) else ()
    return Report(
        command=session.command,
        done=done,
        warnings=("the lock file was not written: mend what cannot be read first",)
        if write_lock and not seen.sound
        else (),
        findings=shown,
        findings_answer=True,
        findings_in_text=True,
        result=CheckAnswer(
            manifest=str(file),
            lock=str(seen.lock.file) if seen.lock else None,
            squawk=verdict.version,
            checked=counted,
        ),
        text=None if form == "json" else _text(form, shown, counted, seen_from(file, base), done, next),
        next=next,
    )


def _form(session: Session, form: str | None) -> str:
    if session.options.json and form not in (None, "json"):
        raise UsageError(problem=f"--json and --format {form} are two answers", hint="choose one")
    return "json" if session.options.json else form or "text"


@contextmanager
def _annotated(form: str, base: Path) -> Iterator[None]:
    """What cannot even be read is an error (exit 2), and stands beside its line all the same."""
    try:
        yield
    except UsageError as exc:
        if form in ROOTS:
            click.echo(_unread(exc, form, base))
        raise


def _unread(exc: UsageError, form: str, base: Path) -> str:
    from balados_db.checkup import relative
    from balados_db.finding import error
    from balados_db.rendering import annotations

    at = re.search(r"\bline (\d+)", exc.message)
    file = exc.facts.get("file")
    found = error(exc.code, str(file), exc.message, exc.hint, file=file, line=int(at[1]) if at else None)
    placed = (relative(found, base),)
    return annotations.gitlab(placed, FILE_NAME) if form == "gitlab" else "\n".join(annotations.github(placed))


def _named(files: tuple[str, ...]) -> frozenset[Path]:
    for file in files:
        if not Path(file).exists():
            raise UsageError(problem=f"there is no file {file}")
        if not file or Path(file).is_dir():
            hint = "name files, or none to check all of them"
            raise UsageError(problem=f"{file or 'an empty word'} is no file", hint=hint)
    return frozenset(Path(os.path.realpath(file)) for file in files)


def _counted(seen: Checkup) -> CheckedFiles:
    return CheckedFiles(
        schemas=len(seen.manifest.schemas),
        projectors=len(seen.manifest.projectors),
        migrations=sum(len(migrations) for migrations in seen.files.values()),
        judged=len(seen.judged),
    )


def _text(
    form: str,
    findings: tuple[Finding, ...],
    counted: CheckedFiles,
    manifest: str,
    done: tuple[StepResult, ...],
    next: tuple[tuple[str, ...], ...],
) -> str:
    from balados_db.rendering import annotations

    if form == "gitlab":
        return annotations.gitlab(findings, manifest)
    lines = annotations.github(findings) if form == "github" else annotations.lines(findings)
    hints = (
        f"`{' '.join(words)}` takes migrations as they are: from then on only new ones are judged" for words in next
    )
    return "\n".join((*lines, *(step.summary for step in done), _in_words(counted, len(findings)), *hints))


def _could_be_locked(seen: Checkup, named: frozenset[Path], findings: tuple[Finding, ...]) -> bool:
    """Whether a lock file would take the noise away: nothing is written down, and somebody's opinions are many."""
    from balados_db.finding_codes import SQUAWK

    opinions = sum(found.code.startswith(SQUAWK) and found.file is not None for found in findings)
    return seen.lock is None and seen.sound and not named and opinions >= MANY


def _in_words(seen: CheckedFiles, found: int) -> str:
    """One line that says what was looked at."""
    from balados_db.finding import counted

    what = counted({"schemas": seen.schemas, "projectors": seen.projectors, "migrations": seen.migrations})
    new = "" if seen.judged == seen.migrations else f" ({seen.judged} of them for what they say)"
    said = {0: "nothing was found", 1: "one finding"}.get(found, f"{found} findings")
    return f"Checked {what}{new}: {said}."


# ── the lock file ────────────────────────────────────────────────────────────────────────────────────────


def _written(seen: Checkup, accepted: tuple[str, ...]) -> tuple[StepResult, ...]:
    """Write new migrations down; nothing while a file cannot be read as what it is."""
    from balados_db.lock_file import lock_beside, renewed, text_of

    if not seen.sound:
        return ()
    file = lock_beside(seen.file)
    text = text_of(renewed(seen.lock, seen.files, accepted, file), tuple(seen.files))
    try:
        if file.exists() and file.read_text(encoding="utf-8") == text:
            return ()
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as exc:
        raise UsageError(problem=f"{file} cannot be written: {exc.strerror}") from exc
    return (StepResult(id="write_lock", summary=f"wrote {file}"),)
