"""Look a manifest over without a database: what no command refuses at once, but nobody can have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TypedDict

from balados_db.errors import InstallSqlMissing
from balados_db.finding import Finding, note, warning
from balados_db.manifest_lines import Lines
from balados_db.migration_files import read_install
from balados_db.model import Files, Manifest, Projector, SchemaDeclaration, SchemaKind, TableName, untried

_ROLLBACK = ".rollback.sql"


def refuse_missing_install(manifest: Manifest) -> None:
    """Raise InstallSqlMissing where the directory that is named holds no SQL, or none to be read: `init` refuses it."""
    store = manifest.event_store
    if store is None or store.install is None:
        return
    files = sorted(store.install.glob("*.sql"))
    if not files:
        raise InstallSqlMissing(directory=str(store.install))
    for file in files:
        read_install(file)


def findings(manifest: Manifest, files: Files, lines: Lines | None = None) -> tuple[Finding, ...]:
    """Say what is suspicious, in the manifest's order; `lines` tells where each key stands."""
    place = _Place(manifest, lines)
    return (
        *_unfilled(manifest, place),
        *(finding for projector in manifest.projectors for finding in _projector(projector, manifest, files, place)),
        *(finding for schema in manifest.migrated for finding in _leftovers(schema, files)),
    )


def notes(manifest: Manifest, lines: Lines | None = None) -> tuple[Finding, ...]:
    """Say what may well be meant, and is good to know."""
    place = _Place(manifest, lines)
    bare = [s for s in manifest.schemas if s.migrations is None and s.kind is not SchemaKind.EVENT_STORE]
    said = "names no migrations: something else makes its tables"
    found = [
        note("schema_without_migrations", s.name, f"schemas.{s.name} {said}", **place.of("schemas", s.name))
        for s in bare
    ]
    if manifest.event_store is None:
        said = 'no schema has kind = "event_store": nothing here can be rebuilt from events'
        found.append(note("no_event_store", manifest.file.name, said, **place.of()))
    elif manifest.event_store.layout and manifest.event_store.layout.untried:
        name = manifest.event_store.name
        said = f"schemas.{name}: {untried(manifest.event_store.layout)}"
        found.append(note("layout_untried", name, said, **place.of("schemas", name)))
    return tuple(found)


class _Place:
    """Where a key of the manifest stands, as a finding has it."""

    def __init__(self, manifest: Manifest, lines: Lines | None) -> None:
        self._file, self._lines = str(manifest.file), lines

    def of(self, *keys: str) -> _Where:
        """File and line."""
        return _Where(file=self._file, line=self._lines.of(keys) if self._lines else None)


class _Where(TypedDict):
    file: str
    line: int | None


def _unfilled(manifest: Manifest, place: _Place) -> Iterator[Finding]:
    filled = {table.schema for projector in manifest.projectors for table in projector.tables}
    for schema in manifest.of_kind(SchemaKind.PROJECTION):
        if schema.name not in filled:
            said = f"schemas.{schema.name} is a projection, but no projector fills a table of it"
            cure = "name its tables in a projector, or say what else the schema is"
            yield warning("projection_unfilled", schema.name, said, cure, **place.of("schemas", schema.name))


def _projector(projector: Projector, manifest: Manifest, files: Files, place: _Place) -> Iterator[Finding]:
    name, at = projector.name, f"projectors.{projector.name}"
    where = place.of("projectors", name)
    if not projector.says_what_it_fills:
        said = f"{at} names no tables: a reset would forget its position and empty nothing"
        cure = "name them as SCHEMA.TABLE, or say tables = [] where it fills nothing in this database"
        yield warning("projector_without_tables", name, said, cure, **where)
    if manifest.subscriptions.get(name) == "never":
        said = f'{at} is also a subscription with replay = "never": a reset would be refused'
        yield warning("projector_never_replayed", name, said, "take one of the two out", **where)
    named = [("tables", table) for table in projector.tables] + [("reads", read) for read in projector.reads]
    for key, table in named:
        if not _mentioned(table, files):
            said = f"{at}.{key}: no migration of {table.schema} mentions {str(table)!r}{_nearest(table, files)}"
            cure = "mend the name, or write the migration that makes it"
            code = "projector_table_unknown" if key == "tables" else "projector_read_unknown"
            yield warning(code, name, said, cure, **place.of("projectors", name, key))


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
    if schema.migrations is None or schema.name not in files:
        return
    known = {migration.id for migration in files[schema.name]}
    for path in sorted(schema.migrations.glob(f"*{_ROLLBACK}")):
        if path.name.removesuffix(_ROLLBACK) not in known:
            said = f"{path.name}: takes back a migration that is not there"
            cure = "call it as its migration is called, or delete it"
            yield warning("rollback_left_over", schema.name, said, cure, file=str(path))
