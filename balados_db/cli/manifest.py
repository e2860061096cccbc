"""`manifest check`, `manifest schema`, `manifest init`: the file that says what each schema is."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balados_db.answers.answer import StepResult
from balados_db.answers.files import (
    ManifestCheckAnswer,
    ManifestInitAnswer,
    ManifestSchemaAnswer,
    WrittenProjector,
    WrittenSchema,
)
from balados_db.cli.options import Group, command, common_options
from balados_db.cli.session import Session
from balados_db.errors import FileExists, UsageError
from balados_db.manifest.place import working_directory
from balados_db.manifest_proposal import unread_in_words
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.discovery import Inferred
    from balados_db.model import Manifest, SchemaDeclaration


@click.group("manifest", cls=Group, params=common_options(), help="Check a manifest, write one, print its schema.")
def manifest(**_: object) -> None:
    """Holds the three commands."""


# ── check ────────────────────────────────────────────────────────────────────────────────────────────────


@command(
    "check",
    """Check the manifest, its migrations and its install SQL, without a database.

    What would stop every command is an error (exit 2); what nobody can have meant is a finding (exit 4).""",
)
def check(session: Session) -> Report:
    """Read every file that the manifest names."""
    from balados_db.manifest_check import findings, notes, refuse_missing_install

    written, files = session.manifest, session.files
    refuse_missing_install(written)
    counts = {schema: len(migrations) for schema, migrations in files.items()}
    schemas = tuple(_schema(s, counts.get(s.name)) for s in written.schemas)
    projectors = tuple(
        WrittenProjector(
            projector=p.name,
            tables=tuple(str(t) for t in p.tables),
            events=p.events,
            reads=tuple(str(t) for t in p.reads),
        )
        for p in written.projectors
    )
    rows = tuple({**asdict(p), "events": len(p.events)} for p in projectors)
    return Report(
        command=session.command,
        findings=(*findings(written, files), *notes(written)),
        result=ManifestCheckAnswer(
            manifest=str(written.file),
            schemas=schemas,
            projectors=projectors,
            subscriptions=written.subscriptions,
            checkpoints=tuple(str(c.table) for c in written.checkpoints),
            protected=written.protected,
        ),
        tables={_title(written): tuple(asdict(s) for s in schemas), "": rows},
    )


def _schema(schema: SchemaDeclaration, migrations: int | None) -> WrittenSchema:
    return WrittenSchema(schema=schema.name, kind=schema.kind.value, migrations=migrations, holds=schema.holds)


def _title(written: Manifest) -> str:
    kinds = Counter(schema.kind.value.replace("_", " ") for schema in written.schemas)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no schemas"
    return f"{written.file}: {counted}, {len(written.projectors)} projectors"


# ── schema ───────────────────────────────────────────────────────────────────────────────────────────────


@command("schema", "Print the manifest's JSON Schema, for editors.")
def schema(session: Session) -> Report:
    """Needs neither a manifest nor a database."""
    import json

    from balados_db.manifest.sections import json_schema

    found = json_schema()
    text = json.dumps(found, indent=2, ensure_ascii=False)
    return Report(command=session.command, result=ManifestSchemaAnswer(json_schema=found), text=text)


# ── init ─────────────────────────────────────────────────────────────────────────────────────────────────


@command(
    "init",
    """Write a manifest for an existing database.

    Event store, tables of positions, projectors and their tables are inferred, and a comment says from what. Whether a
    schema is permanent or a projection is never guessed: --kind says it, a person is asked, or the word stays
    undecided and no command accepts the file until it is decided. A file that exists is never overwritten.""",
)
@click.option("--out", metavar="FILE", help="Where to write it; - for standard output [default: balados-db.toml].")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="SCHEMA=KIND",
    help="Decide: permanent, projection, or leave-out; may be repeated.",
)
def init(session: Session, out: str | None, kinds: tuple[str, ...]) -> Report:
    """Look at the database, infer, ask, propose."""
    from balados_db.manifest.place import FILE_NAME

    file = None if out == "-" else Path(out or session.options.manifest or FILE_NAME)
    if file is not None and file.exists():
        raise FileExists(file=str(file))
    beside = (working_directory() / (file or FILE_NAME)).parent
    inferred, text = _proposal(session, _decided(kinds), beside)
    answer = ManifestInitAnswer(
        manifest=text, file=str(file) if file else None, guesses=inferred.guesses, undecided=inferred.undecided
    )
    warnings = _warnings(inferred)
    if file is None:
        return Report(command=session.command, result=answer, warnings=warnings, text=text)
    _write_new(file, text)
    return Report(
        command=session.command,
        done=(StepResult(id="write_manifest", summary=f"write {file}"),),
        result=answer,
        warnings=warnings,
        next=(("balados-db", "check"),),
    )


def _decided(kinds: tuple[str, ...]) -> dict[str, str]:
    """What --kind says, by schema. Raises UsageError."""
    decided: dict[str, str] = {}
    for written in kinds:
        schema, _, kind = written.rpartition("=")
        if kind not in ("permanent", "projection", "leave-out") or not schema or schema in decided:
            problem = (
                f"--kind {written}: write SCHEMA=permanent, SCHEMA=projection or SCHEMA=leave-out, each schema once"
            )
            raise UsageError(problem=problem)
        decided[schema] = kind
    return decided


def _warnings(inferred: Inferred) -> tuple[str, ...]:
    return (*(unread_in_words(table) for table in inferred.existing.unread), *_undecided(inferred))


def _undecided(inferred: Inferred) -> tuple[str, ...]:
    return tuple(
        f"schemas.{name}.kind is undecided, so no command accepts the manifest: say permanent or projection in it,"
        f" or --kind {name}=KIND"
        for name in inferred.undecided
    )


def _proposal(session: Session, decided: dict[str, str], root: Path) -> tuple[Inferred, str]:
    from balados_db.cli.standalone import open_anyway
    from balados_db.discovery import infer
    from balados_db.manifest_proposal import known_stores
    from balados_db.manifest_writing import written
    from balados_db.migration_folders import migration_folders
    from balados_db.postgres.catalog import read_identity
    from balados_db.postgres.connection import translated
    from balados_db.postgres.reference import read_existing

    stores = known_stores()
    with open_anyway(session, None) as conn, translated("look at the database", read_identity(conn, records=False)):
        existing = read_existing(conn, stores)
    names = [schema.name for schema in existing.schemas]
    for name in decided:
        if name not in names:
            raise UsageError(
                problem=f"--kind {name}: the database has no such schema", hint=f"it has {', '.join(names)}"
            )
    inferred = infer(existing, stores, decided)
    if session.interactive and not session.options.json and inferred.undecided:
        inferred = infer(existing, stores, {**decided, **_asked(session, inferred)})
    return inferred, written(inferred, migration_folders(root))


def _asked(session: Session, inferred: Inferred) -> dict[str, str]:
    """Ask a person of each schema; what they leave open stays undecided."""
    from balados_db.cli.guide import choose
    from balados_db.discovery import LEAVE_OUT
    from balados_db.manifest_writing import MEANINGS

    decided = {}
    for name in inferred.undecided:
        leaning = inferred.leaning[name].value
        words = sorted(MEANINGS, key=lambda word: word != leaning)
        labels = [
            *(MEANINGS[word] for word in words),
            "leave the schema out of the manifest",
            "decide later, in the file",
        ]
        reason = next(g.reason for g in inferred.guesses if g.key == f"schemas.{name}.kind")
        chosen = choose(f"What is {name}? It looks {leaning}: {reason}.", labels, session.options.no_color)
        if chosen is None:
            break
        if chosen < 3:
            decided[name] = [*words, LEAVE_OUT][chosen]
    return decided


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError as exc:
        raise FileExists(file=str(file)) from exc
    except OSError as exc:
        raise UsageError(problem=f"{file} cannot be written: {exc.strerror}") from exc


manifest.add_command(check)
manifest.add_command(schema)
manifest.add_command(init)
