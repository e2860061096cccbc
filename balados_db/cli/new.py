"""`new`: the next migration file, with its rollback beside it."""

from __future__ import annotations

import re

import click

from balados_db.answers.answer import StepResult
from balados_db.answers.files import NewAnswer
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.errors import FileExists, UsageError
from balados_db.report import Report


@command("new", "Write the next migration file.")
@click.argument("name")
@click.option("--schema", required=True, metavar="S", help="The schema that it is for.")
def new(session: Session, name: str, schema: str) -> Report:
    """Number it after the last one, and make it depend on that one."""
    declared = session.declared(schema)
    if declared.migrations is None:
        raise UsageError(problem=f"schema {schema!r} has no `migrations` in the manifest")
    declared.migrations.mkdir(parents=True, exist_ok=True)
    from balados_db.migration_files import read_migrations

    existing = read_migrations(schema, declared.migrations)
    stem = f"{_next_number([m.id for m in existing])}_{_slug(name)}"
    file, back = declared.migrations / f"{stem}.sql", declared.migrations / f"{stem}.rollback.sql"
    if file.exists() or back.exists():
        raise FileExists(file=str(file))
    depends = f"-- depends: {existing[-1].id}\n" if existing else ""
    file.write_text(f"-- {name}\n{depends}\n", encoding="utf-8")
    back.write_text(f"-- Takes back: {name}\n\n", encoding="utf-8")
    files = (str(file), str(back))
    done = tuple(StepResult(id="write_migration", summary=f"write {name}") for name in files)
    return Report(command=session.command, done=done, result=NewAnswer(files=files), text="\n".join(files))


def _next_number(ids: list[str]) -> str:
    """One more than the highest number, as wide as the last one: order is by text."""
    numbers = [match[0] for id_ in ids if (match := re.match(r"\d+", id_))]
    if not numbers:
        return "0001"
    return str(max(int(n) for n in numbers) + 1).zfill(len(numbers[-1]))


def _slug(name: str) -> str:
    slug = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
    if not slug:
        raise UsageError(problem=f"{name!r} holds no letter or digit to name a file by")
    return slug
