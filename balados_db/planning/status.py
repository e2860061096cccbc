"""Judge a database by its manifest and migrations: what is pending, drifted, unclassified, lagging. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from balados_db.finding import Finding, Severity, error, note
from balados_db.model import (
    MAIN,
    CheckpointState,
    DatabaseState,
    Files,
    Journal,
    Manifest,
    Migration,
    RelationKind,
    SchemaDeclaration,
    SchemaState,
    untried,
)
from balados_db.planning.cures import of_missing_store
from balados_db.planning.migrate import edited, out_of_order, pending, without_file
from balados_db.planning.plan import in_shell
from balados_db.planning.steps import listed


@dataclass(frozen=True, kw_only=True)
class SchemaStatus:
    """One schema; rows are an estimate unless `exact`, bytes on disk."""

    schema: str
    kind: str
    exists: bool
    database: str = MAIN
    tables: int = 0
    rows: int | None = None
    exact: bool = False
    bytes: int = 0
    applied: int = 0
    pending: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProjectorStatus:
    """One projector; lag in events. A position that is no number is shown as it is, with an unknown lag."""

    projector: str
    position: int | str | None = None
    head: int | None = None
    lag: int | None = None
    live: bool = False
    reads: tuple[str, ...] = ()  # what it looks things up in: a reset of that concerns it


@dataclass(frozen=True, kw_only=True)
class Status:
    """The whole picture, and what a check has to say about it."""

    schemas: tuple[SchemaStatus, ...]
    projectors: tuple[ProjectorStatus, ...]
    findings: tuple[Finding, ...]


def assess(state: DatabaseState, manifest: Manifest, files: Files) -> Status:
    """Put state, manifest and files side by side."""
    schemas = tuple(_schema(state, declared, files) for declared in manifest.schemas)
    projectors = tuple(projector_status(state, manifest, p.name) for p in manifest.projectors)
    return Status(
        schemas=schemas, projectors=projectors, findings=_findings(state, manifest, files, schemas, projectors)
    )


def _schema(state: DatabaseState, declared: SchemaDeclaration, files: Files) -> SchemaStatus:
    found = state.schema(declared.name)
    here = files.get(declared.name, ())
    tables = [t for t in found.tables if not t.is_partition]
    known = [t.rows for t in tables if t.rows is not None]
    return SchemaStatus(
        schema=declared.name,
        kind=declared.kind.value,
        exists=found.exists,
        database=declared.database,
        tables=len(tables),
        rows=sum(known) if len(known) == len(tables) else None,
        exact=all(t.exact for t in tables),
        bytes=sum(t.bytes for t in found.tables if t.kind is not RelationKind.PARTITIONED),
        applied=len(found.applied),
        pending=tuple(m.id for m in pending(found, here)) if declared.migrations else (),
        drift=tuple(said for _, said in _drift(found, here)) if declared.migrations else (),
    )


def _drift(found: SchemaState, files: tuple[Migration, ...]) -> list[tuple[str, str]]:
    """What is not as the migrations left it: a finding's code, and words."""
    said = {
        ("migration_edited", "edited after it was applied"): edited(found, files),
        ("migration_file_missing", "applied, but its file is gone"): without_file(found, files),
        ("migration_out_of_order", "pending, but before an applied one"): out_of_order(found, files),
    }
    drift = [(code, f"{name}: {what}") for (code, what), names in said.items() for name in names]
    if found.record is not None and found.record.structure != found.structure:
        drift.append(("structure_drifted", "its structure is not the one that its migrations made"))
    if found.applied and found.record is None:
        drift.append(("structure_unrecorded", "nothing is recorded of its structure (plain yoyo migrated it?)"))
    if found.exists and not found.applied and found.tables:
        drift.append(("not_adopted", "it holds tables, but no history of migrations: see balados-db adopt"))
    return drift


def projector_status(state: DatabaseState, manifest: Manifest, name: str) -> ProjectorStatus:
    """How far one projector is, and whether it runs."""
    return status_at(state, manifest, name, progress_of(state, manifest, name))


def status_at(state: DatabaseState, manifest: Manifest, name: str, row: CheckpointState | None) -> ProjectorStatus:
    """The same, told by one row of its progress."""
    place, head = place_at(row, manifest), head_at(row, state)
    return ProjectorStatus(
        projector=name,
        position=row.position if row else None,
        head=head,
        lag=head - place if head is not None and place is not None else None,
        live=any(p.runs(name) for p in state.live),
        reads=tuple(str(read) for p in manifest.projectors if p.name == name for read in p.reads),
    )


def head_of(state: DatabaseState, manifest: Manifest, name: str) -> int | None:
    """The newest event that this projector will ever see: where the store numbers them apart, its row knows."""
    return head_at(progress_of(state, manifest, name), state)


def head_at(row: CheckpointState | None, state: DatabaseState) -> int | None:
    """The newest event of those that a row counts."""
    return row.head if row is not None and row.head is not None else state.head


def place_at(row: CheckpointState | None, manifest: Manifest) -> int | None:
    """The event up to which everything has been seen: the origin without a position, None if it is no number."""
    if row is None or row.position is None:
        return origin_of(manifest)
    return row.position if isinstance(row.position, int) else None


def origin_of(manifest: Manifest) -> int | None:
    """The number from which everything is replayed; None where positions are no numbers."""
    origin = next((c.origin for c in manifest.checkpoints if c.position), None)
    return origin if isinstance(origin, int) else None


def progress_of(state: DatabaseState, manifest: Manifest, name: str) -> CheckpointState | None:
    """The row that tells a projector's progress: the first checkpoint table with a position that knows it.

    In Commanded only the subscription moves with every event; projection_versions moves with handled ones alone.
    """
    return last_of(progress_rows(state, manifest, name), lambda row: head_at(row, state))


def progress_rows(state: DatabaseState, manifest: Manifest, name: str) -> tuple[CheckpointState, ...]:
    """All rows of that table: one for each segment, shard or source of events."""
    order = [c.table for c in manifest.checkpoints if c.position]
    rows = [c for c in state.checkpoints if c.projector == name and c.table in order]
    first = min((order.index(row.table) for row in rows), default=None)
    return tuple(row for row in rows if order.index(row.table) == first)


def last_of(rows: Iterable[CheckpointState], goal: Callable[[CheckpointState], int | None]) -> CheckpointState | None:
    """Of several rows of one projector the one with most to do counts; an unknown one before all others."""
    return min(rows, key=lambda row: _behind(row.position, goal(row)), default=None)


def _behind(position: int | str | None, goal: int | None) -> tuple[bool, int]:
    return isinstance(position, int), position - (goal or 0) if isinstance(position, int) else 0


UNFINISHED = "reset_unfinished"  # a finding that nobody needs to ask for


# ── findings ─────────────────────────────────────────────────────────────────────────────────────────────

CURES = {
    "schema_missing": "balados-db create",
    "migrations_pending": "balados-db migrate",
    "migration_edited": "put the file back as it was applied; write the change as a migration of its own",
    "migration_file_missing": "put the file back, from where the migrations are kept",
    "migration_out_of_order": "number it after those that are applied, or let `balados-db migrate` apply it late",
    "structure_drifted": "write what was changed by hand as a migration; a projection: balados-db reset --schema NAME",
    "structure_unrecorded": "balados-db migrate records it",
    "not_adopted": "balados-db adopt",
    "schema_undeclared": "declare it in the manifest, with its kind",
    "event_store_missing": "balados-db init",
    "store_additions_missing": "balados-db init",
    "lagging": "start it, or wait for it: balados-db rebuild wait",
}


def starting_over(projector: str) -> str:
    """The command that lets one projector start over."""
    return f"balados-db {in_shell(('reset', '--projector', projector))}"


_WARNINGS = ("lagging", "migrations_pending", "migration_out_of_order", "schema_undeclared", "structure_unrecorded")


def _finding(code: str, subject: str, message: str) -> Finding:
    severity = Severity.WARNING if code in _WARNINGS else Severity.ERROR
    return Finding(code=code, subject=subject, message=message, cure=CURES.get(code, ""), severity=severity)


def _findings(
    state: DatabaseState,
    manifest: Manifest,
    files: Files,
    schemas: tuple[SchemaStatus, ...],
    projectors: tuple[ProjectorStatus, ...],
) -> tuple[Finding, ...]:
    return (
        *unfinished(state.journal),
        *_of_schemas(state, manifest, files, schemas),
        *_of_store(state, manifest),
        *(found for p in projectors for found in _of_projector(p)),
    )


def unfinished(journal: Journal | None) -> Iterator[Finding]:
    """A reset in several transactions that is to be finished before anything else."""
    if journal is not None:
        said = f"a reset that was begun at {journal.begun_at} is not finished: {journal.done} of {journal.phases} done"
        cure = f"stop the projectors, then finish it: {journal.resume}"
        yield Finding(code=UNFINISHED, subject=", ".join(journal.schemas), message=said, cure=cure)


def _of_schemas(
    state: DatabaseState, manifest: Manifest, files: Files, schemas: tuple[SchemaStatus, ...]
) -> Iterator[Finding]:
    for s in schemas:
        if not s.exists:
            yield _finding("schema_missing", s.schema, f"{s.schema}: the schema does not exist")
    for s in schemas:
        if s.pending:
            yield _finding("migrations_pending", s.schema, f"{s.schema}: pending: {listed(s.pending)}")
    for declared in manifest.migrated:
        name = declared.name
        for code, drift in _drift(state.schema(name), files.get(name, ())):
            yield _finding(code, name, f"{name}: {drift}")
    for name in state.undeclared:
        yield _finding("schema_undeclared", name, f"{name}: not in the manifest")


def _of_store(state: DatabaseState, manifest: Manifest) -> Iterator[Finding]:
    store = manifest.event_store
    if store and not state.event_store:
        yield _missing_store(store.name, state.event_store_like)
    if store and state.event_store and state.missing_additions:
        said = f"the event store lacks what its install SQL adds: {listed(state.missing_additions)}"
        yield _finding("store_additions_missing", store.name, said)
    if store and store.layout and store.layout.untried:
        yield note("layout_untried", store.name, f"{store.name}: {untried(store.layout)}")


def _missing_store(name: str, like: str | None) -> Finding:
    if like is None:
        return _finding("event_store_missing", name, f"{name}: no event store is installed")
    said = f"{name}: holds an event store of the layout {like}, not the one that is declared"
    return error("event_store_missing", name, said, of_missing_store(name, like))


def _of_projector(p: ProjectorStatus) -> Iterator[Finding]:
    if p.lag is not None and p.lag < 0:
        said = f"{p.projector}: is ahead of the head by {-p.lag}: it will skip new events"
        yield error("ahead_of_head", p.projector, said, f"forget its position: {starting_over(p.projector)}")
    elif p.lag:
        yield _finding("lagging", p.projector, f"{p.projector}: lags by {p.lag}")
