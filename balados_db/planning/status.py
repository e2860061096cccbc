"""Judge a database by its manifest and migrations: what is pending, drifted, unclassified, lagging. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from balados_db.model import CheckpointState, DatabaseState, Files, Manifest, Migration, SchemaDeclaration, SchemaState
from balados_db.planning.migrate import edited, out_of_order, pending, without_file
from balados_db.planning.steps import listed


@dataclass(frozen=True, kw_only=True)
class SchemaStatus:
    """One schema; rows are an estimate unless `exact`, bytes on disk."""

    schema: str
    kind: str
    exists: bool
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


@dataclass(frozen=True, kw_only=True)
class Status:
    """The whole picture, and what a check has to say about it."""

    schemas: tuple[SchemaStatus, ...]
    projectors: tuple[ProjectorStatus, ...]
    findings: tuple[str, ...]


def assess(state: DatabaseState, manifest: Manifest, files: Files) -> Status:
    """Put state, manifest and files side by side."""
    schemas = tuple(_schema(state, declared, files) for declared in manifest.schemas)
    projectors = tuple(_projector(state, manifest, p.name) for p in manifest.projectors)
    return Status(schemas=schemas, projectors=projectors, findings=_findings(state, manifest, schemas, projectors))


def _schema(state: DatabaseState, declared: SchemaDeclaration, files: Files) -> SchemaStatus:
    found = state.schema(declared.name)
    here = files.get(declared.name, ())
    tables = [t for t in found.tables if not t.is_partition]
    known = [t.rows for t in tables if t.rows is not None]
    return SchemaStatus(
        schema=declared.name,
        kind=declared.kind.value,
        exists=found.exists,
        tables=len(tables),
        rows=sum(known) if len(known) == len(tables) else None,
        exact=all(t.exact for t in tables),
        bytes=sum(t.bytes for t in found.tables),
        applied=len(found.applied),
        pending=tuple(m.id for m in pending(found, here)) if declared.migrations else (),
        drift=tuple(_drift(found, here)) if declared.migrations else (),
    )


def _drift(found: SchemaState, files: tuple[Migration, ...]) -> list[str]:
    said = {
        "edited after it was applied": edited(found, files),
        "applied, but its file is gone": without_file(found, files),
        "pending, but before an applied one": out_of_order(found, files),
    }
    drift = [f"{name}: {what}" for what, names in said.items() for name in names]
    if found.record is not None and found.record.structure != found.structure:
        drift.append("its structure is not the one that its migrations made")
    if found.applied and found.record is None:
        drift.append("nothing is recorded of its structure (plain yoyo migrated it?)")
    if found.exists and not found.applied and found.tables:
        drift.append("it holds tables, but no history of migrations: see balados-db adopt")
    return drift


def _projector(state: DatabaseState, manifest: Manifest, name: str) -> ProjectorStatus:
    position = progress_of(state, manifest, name)
    lag = None
    if state.head is not None and (position is None or isinstance(position.position, int | None)):
        lag = state.head - int((position.position if position else 0) or 0)
    return ProjectorStatus(
        projector=name,
        position=position.position if position else None,
        head=state.head,
        lag=lag,
        live=any(p.name == name for p in state.live),
    )


def progress_of(state: DatabaseState, manifest: Manifest, name: str) -> CheckpointState | None:
    """The row that tells a projector's progress: the first checkpoint table with a position that knows it.

    In Commanded only the subscription moves with every event; projection_versions moves with handled ones alone.
    """
    order = [c.table for c in manifest.checkpoints if c.position]
    rows = [c for c in state.checkpoints if c.projector == name and c.table in order]
    return min(rows, key=lambda row: order.index(row.table), default=None)


def _findings(
    state: DatabaseState,
    manifest: Manifest,
    schemas: tuple[SchemaStatus, ...],
    projectors: tuple[ProjectorStatus, ...],
) -> tuple[str, ...]:
    findings = [f"{s.schema}: the schema does not exist" for s in schemas if not s.exists]
    findings += [f"{s.schema}: pending: {listed(s.pending)}" for s in schemas if s.pending]
    findings += [f"{s.schema}: {drift}" for s in schemas for drift in s.drift]
    findings += [f"{name}: not in the manifest" for name in state.undeclared]
    if manifest.event_store and not state.event_store:
        findings.append(f"{manifest.event_store.name}: no event store is installed")
    if state.event_store and state.missing_additions:
        findings.append(f"the event store lacks what its install SQL adds: {listed(state.missing_additions)}")
    for p in projectors:
        if p.lag is not None and p.lag < 0:
            findings.append(f"{p.projector}: is ahead of the head by {-p.lag}: it will skip new events")
        elif p.lag:
            findings.append(f"{p.projector}: lags by {p.lag}")
    return tuple(findings)
