"""Look a manifest over without a database: what no command refuses at once, but nobody can have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from balados_db.errors import InstallSqlMissing
from balados_db.finding import Finding, Severity
from balados_db.model import Files, Manifest, Projector, SchemaDeclaration, SchemaKind, TableName

_ROLLBACK = ".rollback.sql"


def refuse_missing_install(manifest: Manifest) -> None:
    """Raise InstallSqlMissing where the manifest names a directory that holds no SQL: `init` would refuse it."""
    store = manifest.event_store
    if store is not None and store.install is not None and not any(store.install.glob("*.sql")):
        raise InstallSqlMissing(directory=str(store.install))


def findings(manifest: Manifest, files: Files) -> tuple[Finding, ...]:
    """Say what is suspicious, in the manifest's order."""
    found = [
        *_unfilled(manifest),
        *(finding for projector in manifest.projectors for finding in _projector(projector, manifest, files)),
        *(finding for schema in manifest.migrated for finding in _leftovers(schema, files)),
    ]
    return tuple(found)


def notes(manifest: Manifest) -> tuple[str, ...]:
    """Say what may well be meant, and is good to know."""
    bare = [s for s in manifest.schemas if s.migrations is None and s.kind is not SchemaKind.EVENT_STORE]
    found = [f"schemas.{s.name} names no migrations: something else makes its tables" for s in bare]
    if manifest.event_store is None:
        found.append('no schema has kind = "event_store": nothing here can be rebuilt from events')
    return tuple(found)


def _doubt(code: str, subject: str, message: str) -> Finding:
    return Finding(code=code, subject=subject, message=message, severity=Severity.WARNING)


def _unfilled(manifest: Manifest) -> Iterator[Finding]:
    filled = {table.schema for projector in manifest.projectors for table in projector.tables}
    for schema in manifest.of_kind(SchemaKind.PROJECTION):
        if schema.name not in filled:
            said = f"schemas.{schema.name} is a projection, but no projector fills a table of it"
            yield _doubt("projection_unfilled", schema.name, said)


def _projector(projector: Projector, manifest: Manifest, files: Files) -> Iterator[Finding]:
    name, at = projector.name, f"projectors.{projector.name}"
    if not projector.tables:
        said = f"{at} names no tables: a reset would forget its position and empty nothing"
        yield _doubt("projector_without_tables", name, said)
    if manifest.subscriptions.get(name) == "never":
        said = f'{at} is also a subscription with replay = "never": a reset would be refused'
        yield _doubt("projector_never_replayed", name, said)
    for table in projector.tables:
        if not _mentioned(table, files):
            said = f"{at}.tables: no migration of {table.schema} mentions {str(table)!r}{_nearest(table, files)}"
            yield _doubt("projector_table_unknown", name, said)


def _mentioned(table: TableName, files: Files) -> bool:
    """Whether the schema's migrations speak of the table; true where there are none to ask."""
    if table.schema not in files:
        return True
    return mentioned(table.name, (migration.source for migration in files[table.schema]))


def mentioned(name: str, texts: Iterable[str]) -> bool:
    """Whether one of the texts speaks of this name, as a word of its own."""
    written = re.escape(name.replace('"', '""'))
    word = re.compile(rf"(?<!\w){written}(?!\w)", re.IGNORECASE)
    return any(word.search(text) for text in texts)


def _nearest(table: TableName, files: Files) -> str:
    words = {word for migration in files[table.schema] for word in re.findall(r"\w+", migration.source)}
    near = get_close_matches(table.name, sorted(words), n=1, cutoff=0.7)
    return f"; did you mean '{table.schema}.{near[0]}'?" if near else ""


def _leftovers(schema: SchemaDeclaration, files: Files) -> Iterator[Finding]:
    assert schema.migrations is not None
    known = {migration.id for migration in files[schema.name]}
    for path in sorted(schema.migrations.glob(f"*{_ROLLBACK}")):
        if path.name.removesuffix(_ROLLBACK) not in known:
            said = f"{path}: takes back a migration that is not there"
            yield _doubt("rollback_left_over", schema.name, said)
