"""Everything that can be said of a manifest and its migrations without a database, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from balados_db import manifest_check, migration_check
from balados_db.errors import InstallSqlMissing, MigrationInvalid, MigrationsMissing
from balados_db.finding import Finding, Severity, error
from balados_db.lock_file import Lock, compare, lock_beside, read_lock
from balados_db.manifest_lines import Lines
from balados_db.manifest_mistakes import look_over
from balados_db.migration_files import survey_migrations
from balados_db.model import Files, Manifest, Migration


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """What was read and found. `sound`: nothing that would stop every command."""

    file: Path
    manifest: Manifest
    files: Files
    lock: Lock | None
    findings: tuple[Finding, ...]
    named: frozenset[Path] = field(default_factory=frozenset)  # the files that were asked for; none for all

    @property
    def sound(self) -> bool:
        """Whether every file could be read as what it is."""
        return not any(f.code in _BROKEN for f in self.findings)

    @property
    def judged(self) -> tuple[tuple[str, Migration], ...]:
        """The migrations that are judged for what they say, with their schemas."""
        pairs = ((schema, m) for schema, migrations in self.files.items() for m in migrations)
        return tuple((schema, m) for schema, m in pairs if _is_judged(schema, m, self.lock, self.named))

    def concerns(self, finding: Finding) -> bool:
        """Whether it is about what was asked for; what is in no file, or breaks the manifest itself, always is."""
        if not self.named or finding.file is None or Path(finding.file) in self.named:
            return True
        of_lock = ("migration_file_missing", "number_twice") if lock_beside(self.file) in self.named else ()
        ours = Path(finding.file) == self.file or finding.code in ("migration_file_missing", *of_lock)
        return ours and finding.severity is Severity.ERROR


_BROKEN = (
    *("manifest_invalid", "migrations_missing", "migrations_unreadable"),
    *("id_twice", "depends_on_nothing", "depends_on_itself"),
    *("directive_wrong", "post_apply", "ending_ignored", "migration_unreadable"),
)


def look(file: Path, named: frozenset[Path] = frozenset()) -> Checkup:
    """Read everything that a manifest names. `named` are files to be judged in full, whatever the lock holds.

    Raises ManifestUnreadable, ManifestSyntax or LockFileInvalid: what cannot even be read.
    """
    read = look_over(file)
    lock = read_lock(lock_beside(file))
    manifest = read.manifest or Manifest(file=file)
    files: dict[str, tuple[Migration, ...]] = {}
    broken = tuple(_surveyed(manifest, files, read.lines))
    at = {(f.file, f.line) for f in broken if f.line}
    found = [
        *read.mistakes,
        *broken,
        *_install(manifest, read.lines),
        *manifest_check.findings(manifest, files, read.lines),
        *manifest_check.notes(manifest, read.lines),
        *(f for f in _of_migrations(manifest, files, lock, named) if (f.file, f.line) not in at),
        *(compare(lock, files, _doubtful(lock, manifest, read.mistakes, broken)) if lock else ()),
    ]
    return Checkup(file=file, manifest=manifest, files=files, lock=lock, findings=tuple(found), named=named)


def _doubtful(
    lock: Lock, manifest: Manifest, mistakes: tuple[Finding, ...], broken: tuple[Finding, ...]
) -> frozenset[tuple[str, str]]:
    """What only looks gone: its file, or the manifest's word about its schema, could not be read."""
    unread = {(f.subject, Path(f.file).stem) for f in broken if f.file}
    lost = {f.subject for f in broken if f.code in ("migrations_missing", "migrations_unreadable")}
    left = {s.name for s in manifest.schemas} - lost if mistakes or lost else {schema for schema, _ in lock.checksums}
    return frozenset({entry for entry in lock.checksums if entry[0] not in left} | unread)


def _is_judged(schema: str, migration: Migration, lock: Lock | None, named: frozenset[Path]) -> bool:
    """What the lock holds as it is was judged when it was written down; what is named is judged in any case."""
    if named:
        return bool({migration.path, migration.rollback} & named)
    return lock is None or not lock.holds(schema, migration)


def _of_migrations(manifest: Manifest, files: Files, lock: Lock | None, named: frozenset[Path]) -> Iterator[Finding]:
    for schema, migrations in files.items():
        new = [m for m in migrations if _is_judged(schema, m, lock, named)]
        twins = lock.twins_in(schema) if lock else {}
        yield from migration_check.findings(schema, migrations, new, manifest, twins)
    yield from migration_check.across(files)


def _surveyed(manifest: Manifest, files: dict[str, tuple[Migration, ...]], lines: Lines) -> Iterator[Finding]:
    for schema in manifest.migrated:
        assert schema.migrations is not None
        try:
            survey = survey_migrations(schema.name, schema.migrations)
        except MigrationsMissing as exc:
            yield _in_manifest(exc, schema.name, manifest, lines, "migrations")
            continue
        files[schema.name] = survey.migrations
        yield from (_of_mistake(schema.name, mistake) for mistake in survey.mistakes)


def _of_mistake(schema: str, mistake: MigrationInvalid) -> Finding:
    """A file that every command refuses."""
    facts = mistake.facts
    cure = _CURES.get(facts["kind"], "mend the file: every command refuses it as it is")
    return error(facts["kind"], schema, facts["problem"], cure, file=facts["path"], line=facts["line"])


_CURES = {
    "id_twice": "give one of them another name: yoyo knows a migration by its name without the ending",
    "depends_on_nothing": "name a migration of the same directory, as its file is called without the ending",
    "depends_on_itself": "take one of the dependencies out",
}


def _install(manifest: Manifest, lines: Lines) -> Iterator[Finding]:
    try:
        manifest_check.refuse_missing_install(manifest)
    except InstallSqlMissing as exc:
        assert manifest.event_store is not None
        yield _in_manifest(exc, manifest.event_store.name, manifest, lines, "install")


def _in_manifest(
    exc: MigrationsMissing | InstallSqlMissing, schema: str, manifest: Manifest, lines: Lines, key: str
) -> Finding:
    at = lines.of(("schemas", schema, key))
    return error(exc.code, schema, exc.message, exc.hint, file=str(manifest.file), line=at)


def relative(finding: Finding, base: Path) -> Finding:
    """The finding with its file as seen from `base`."""
    return replace(finding, file=finding.file and seen_from(Path(finding.file), base))


def seen_from(file: Path, base: Path) -> str:
    """A file's path below `base`, in full where it lies elsewhere."""
    return file.relative_to(base).as_posix() if file.is_relative_to(base) else str(file)
