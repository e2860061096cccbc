"""Look a manifest over without a database: what no command refuses at once, but nobody can have meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from balados_db.errors import InstallSqlMissing
from balados_db.model import Files, Manifest, Projector, SchemaDeclaration, SchemaKind, TableName

_ROLLBACK = ".rollback.sql"


def refuse_missing_install(manifest: Manifest) -> None:
    """Raise InstallSqlMissing where the manifest names a directory that holds no SQL: `init` would refuse it."""
    store = manifest.event_store
    if store is not None and store.install is not None and not any(store.install.glob("*.sql")):
        raise InstallSqlMissing(directory=str(store.install))


def findings(manifest: Manifest, files: Files) -> tuple[str, ...]:
    """Say what is suspicious, in the manifest's order."""
    found = [
        *_unfilled(manifest),
        *(text for projector in manifest.projectors for text in _projector(projector, manifest, files)),
        *(text for schema in manifest.migrated for text in _leftovers(schema, files)),
    ]
    return tuple(found)


def notes(manifest: Manifest) -> tuple[str, ...]:
    """Say what may well be meant, and is good to know."""
    bare = [s for s in manifest.schemas if s.migrations is None and s.kind is not SchemaKind.EVENT_STORE]
    found = [f"schemas.{s.name} names no migrations: something else makes its tables" for s in bare]
    if manifest.event_store is None:
        found.append('no schema has kind = "event_store": nothing here can be rebuilt from events')
    return tuple(found)


def _unfilled(manifest: Manifest) -> Iterator[str]:
    filled = {table.schema for projector in manifest.projectors for table in projector.tables}
    for schema in manifest.of_kind(SchemaKind.PROJECTION):
        if schema.name not in filled:
            yield f"schemas.{schema.name} is a projection, but no projector fills a table of it"


def _projector(projector: Projector, manifest: Manifest, files: Files) -> Iterator[str]:
    at = f"projectors.{projector.name}"
    if not projector.tables:
        yield f"{at} names no tables: a reset would forget its position and empty nothing"
    if manifest.subscriptions.get(projector.name) == "never":
        yield f'{at} is also a subscription with replay = "never": a reset would be refused'
    for table in projector.tables:
        if not _mentioned(table, files):
            yield f"{at}.tables: no migration of {table.schema} mentions {str(table)!r}{_nearest(table, files)}"


def _mentioned(table: TableName, files: Files) -> bool:
    """Whether the schema's migrations speak of the table; true where there are none to ask."""
    if table.schema not in files:
        return True
    written = re.escape(table.name.replace('"', '""'))
    word = re.compile(rf"(?<!\w){written}(?!\w)", re.IGNORECASE)
    return any(word.search(migration.source) for migration in files[table.schema])


def _nearest(table: TableName, files: Files) -> str:
    words = {word for migration in files[table.schema] for word in re.findall(r"\w+", migration.source)}
    near = get_close_matches(table.name, sorted(words), n=1, cutoff=0.7)
    return f"; did you mean '{table.schema}.{near[0]}'?" if near else ""


def _leftovers(schema: SchemaDeclaration, files: Files) -> Iterator[str]:
    assert schema.migrations is not None
    known = {migration.id for migration in files[schema.name]}
    for path in sorted(schema.migrations.glob(f"*{_ROLLBACK}")):
        if path.name.removesuffix(_ROLLBACK) not in known:
            yield f"{path}: takes back a migration that is not there"
