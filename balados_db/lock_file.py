"""The lock file: what every migration said when it was written down. One line each, so that branches merge or conflict.

Two branches that add to one schema write at the same place and conflict, as they should; two schemas never do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from balados_db.errors import LockFileInvalid, UsageError
from balados_db.finding import Finding, error, warning
from balados_db.migration_check import clashing, of_one_number
from balados_db.model import Files, Migration
from balados_db.toml_text import key, parsed, quoted

Entry = tuple[str, str]  # schema and id
_HEAD = """\
# What each migration said when it was written down, by schema: `balados-db check --write-lock` adds new ones.
# A merge conflict here means that two branches added to the same schema: renumber one of them, keep both lines.
version = 1
"""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The checksums that were written down, by schema and id."""

    file: Path
    checksums: Mapping[Entry, str]
    twins: Mapping[Entry, tuple[str, ...]] = field(default_factory=dict)  # ids of the same number, accepted beside it

    def holds(self, schema: str, migration: Migration) -> bool:
        """Whether exactly this content was written down."""
        return self.checksums.get((schema, migration.id)) == migration.checksum

    def twins_in(self, schema: str) -> dict[str, tuple[str, ...]]:
        """The accepted twins of one schema's migrations, by id."""
        return {id_: twins for (of, id_), twins in self.twins.items() if of == schema}


def lock_beside(manifest: Path) -> Path:
    """Where a manifest's lock file lies, if one is kept."""
    return manifest.with_suffix(".lock")


def read_lock(file: Path) -> Lock | None:
    """Read a lock file; None where none is kept. Raises LockFileInvalid."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        raw = parsed(text)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise LockFileInvalid(file=str(file), problem=f"cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        conflict = "\n<<<<<<< " in f"\n{text}" if not isinstance(exc, UnicodeDecodeError) else False
        problem = "a merge conflict is not settled: two branches added to one schema" if conflict else str(exc)
        raise LockFileInvalid(file=str(file), problem=problem) from exc
    entries = tuple(_entries(raw, file))
    return Lock(
        file=file,
        checksums={entry: said[0] for entry, said in entries},
        twins={entry: said[1:] for entry, said in entries if said[1:]},
    )


def _entries(raw: dict[str, Any], file: Path) -> Iterator[tuple[Entry, tuple[str, ...]]]:
    """Of each its checksum, and the twins that were accepted beside it."""
    if raw.pop("version", None) != 1:
        raise LockFileInvalid(file=str(file), problem="this balados-db understands `version = 1`")
    schemas = raw.pop("schemas", {})
    if raw or not isinstance(schemas, dict):
        raise LockFileInvalid(file=str(file), problem="it holds `version` and tables [schemas.NAME], nothing else")
    for schema, ids in schemas.items():
        if not isinstance(ids, dict):
            raise LockFileInvalid(file=str(file), problem=f"[schemas.{schema}] is not a table of checksums")
        for id_, value in ids.items():
            said = tuple(value) if isinstance(value, list) and value else (value,)
            if not all(isinstance(word, str) for word in said):
                raise LockFileInvalid(file=str(file), problem=f"[schemas.{schema}] is not a table of checksums")
            yield (schema, id_), said


def compare(lock: Lock, files: Files, doubtful: frozenset[Entry] = frozenset()) -> Iterator[Finding]:
    """What was edited, added in front, not written down yet, or is gone; of `doubtful` ones nobody can tell."""
    for schema, migrations in files.items():
        yield from _of_schema(lock, schema, migrations)
    there = {(schema, m.id) for schema, migrations in files.items() for m in migrations}
    for entry in sorted(set(lock.checksums) - there - doubtful):
        yield _gone(lock, entry, files)


def _of_schema(lock: Lock, schema: str, migrations: tuple[Migration, ...]) -> Iterator[Finding]:
    written = [(schema, m.id) in lock.checksums for m in migrations]
    for number, migration in enumerate(migrations):
        name, path = f"{schema}/{migration.id}", str(migration.path)
        if not written[number]:
            yield _not_written(name, path, lock)
            if any(written[number:]):
                later = next(m for m, there in zip(migrations[number:], written[number:], strict=True) if there)
                said = f"{name} would be applied before {later.id}, which was written down earlier"
                cure = "number it after the last one: a database that has the later one gets them in another order"
                yield warning("migration_out_of_order", name, said, cure, file=path)
        elif not lock.holds(schema, migration):
            said = f"{name} was edited after it was written down in {lock.file.name}"
            cure = f"put it back and write a new one; if it was applied nowhere: check --write-lock --accept {name}"
            yield error("migration_edited", name, said, cure, file=path)


def _not_written(name: str, path: str, lock: Lock) -> Finding:
    said = f"{name} is not in {lock.file.name} yet"
    return warning("migration_not_locked", name, said, "run: balados-db check --write-lock", file=path)


def _gone(lock: Lock, entry: Entry, files: Files) -> Finding:
    schema, id_ = entry
    name = f"{schema}/{id_}"
    twin = next((m.id for m in files.get(schema, ()) if m.checksum == lock.checksums[entry]), None)
    what = f"was renamed to {twin}: its history calls that one new" if twin else "is gone"
    cure = f"put it back; if it was applied nowhere: check --write-lock --accept {name}"
    said = f"{name} is in {lock.file.name}, but the file {what}"
    return error("migration_file_missing", name, said, cure, file=str(lock.file))


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────


def renewed(lock: Lock | None, files: Files, accepted: tuple[str, ...], file: Path) -> Lock:
    """What is to be written down: everything new; what was edited, is gone or has another's number only where it is
    accepted by name. The first time everything is taken as it is.

    Raises UsageError for a name that nothing has happened to.
    """
    now = {(schema, m.id): m.checksum for schema, migrations in files.items() for m in migrations}
    clashes = dict(_clashes(lock, files))
    if lock is None:
        lock = Lock(file=file, checksums={}, twins=clashes)
    differing = {f"{s}/{i}": (s, i) for (s, i), old in lock.checksums.items() if now.get((s, i)) != old}
    twins = {f"{s}/{i}": (s, i) for s, i in clashes}
    unknown = [name for name in accepted if name not in differing and name not in twins]
    if unknown:
        problem = f"--accept {unknown[0]}: nothing has happened to it since it was written down"
        raise UsageError(
            problem=problem, hint=f"edited, gone, or of one number: {', '.join((*differing, *twins)) or 'nothing'}"
        )
    checksums = {**now, **lock.checksums}
    for entry in (differing[name] for name in accepted if name in differing):
        checksums.pop(entry)
        if entry in now:
            checksums[entry] = now[entry]
    taken = {
        entry: (*lock.twins.get(entry, ()), *clashes[entry]) for entry in (twins.get(n) for n in accepted) if entry
    }
    kept = {entry: ids for entry, ids in {**lock.twins, **taken}.items() if entry in checksums}
    return Lock(file=file, checksums=checksums, twins={e: tuple(dict.fromkeys(ids)) for e, ids in kept.items()})


def _clashes(lock: Lock | None, files: Files) -> Iterator[tuple[Entry, tuple[str, ...]]]:
    """Migrations of one number that nobody has accepted beside each other."""
    for schema, migrations in files.items():
        accepted = lock.twins_in(schema) if lock else {}
        for same in of_one_number(migrations):
            for migration in same:
                if ids := clashing(migration, same, accepted):
                    yield (schema, migration.id), ids


def text_of(lock: Lock, schemas: tuple[str, ...]) -> str:
    """The file: a section a schema in the manifest's order, its migrations by name, one line each."""
    lines = [_HEAD]
    for schema in dict.fromkeys((*schemas, *sorted(schema for schema, _ in lock.checksums))):
        lines.append(f"[schemas.{key(schema)}]")
        for entry in sorted(entry for entry in lock.checksums if entry[0] == schema):
            said = [quoted(word) for word in (lock.checksums[entry], *lock.twins.get(entry, ()))]
            value = said[0] if len(said) == 1 else "[" + ", ".join(said) + "]"
            lines.append(f"{quoted(entry[1])} = {value}")
        lines.append("")
    return "\n".join(lines)
