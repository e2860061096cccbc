"""Decide which migrations to take back. Of a projection that is a reset: the same phrase, fence and forgetting."""

from __future__ import annotations

from dataclasses import dataclass, replace

from balados_db.errors import MigrationInvalid, RollbackMissing, UsageError
from balados_db.migration_files import checksum
from balados_db.model import DatabaseState, Files, Manifest, Migration, SchemaKind, Scope
from balados_db.planning.plan import Phase, Plan, Way, one_phase
from balados_db.planning.refusals import Obstacles, refuse_unfinished
from balados_db.planning.request import ResetRequest
from balados_db.planning.reset import plan_reset
from balados_db.planning.shape import Shape, shape_reset
from balados_db.planning.size import needed, too_large
from balados_db.planning.steps import (
    ApplyMigrations,
    CapturePreserved,
    DropContents,
    GiveBack,
    ProvePreserved,
    RecordStructure,
    RollBackMigrations,
    Step,
    WriteReceipt,
)


@dataclass(frozen=True, kw_only=True)
class RollbackRequest:
    """Take back what was applied to `schema` after `to`; without `to`, the newest migration alone."""

    schema: str
    to: str | None = None
    with_dependents: bool = False


def taken_back(state: DatabaseState, files: Files, request: RollbackRequest) -> tuple[Migration, ...]:
    """The migrations to take back, newest first.

    Raises UsageError for an id that is not applied, RollbackMissing where a rollback file is missing.
    """
    applied = [m.id for m in state.schema(request.schema).applied]
    if request.to is not None and request.to not in applied:
        raise UsageError(problem=f"{request.to!r} is not applied to {request.schema!r}", hint="see balados-db status")
    cut = applied.index(request.to) + 1 if request.to else len(applied) - 1
    by_id = {m.id: m for m in files.get(request.schema, ())}
    chosen = [by_id.get(id_) for id_ in reversed(applied[max(cut, 0) :])]
    for id_, migration in zip(reversed(applied[max(cut, 0) :]), chosen, strict=True):
        if migration is None:
            raise MigrationInvalid(file=id_, problem="its file is gone, so it cannot be taken back")
        if migration.is_sql and migration.rollback is None:
            raise RollbackMissing(migration=id_, expected=f"{id_}.rollback.sql")
    return tuple(m for m in chosen if m is not None)


def shape_rollback(state: DatabaseState, manifest: Manifest, files: Files, request: RollbackRequest) -> Shape:
    """The same shape as a reset of the schema that drops its contents: its rollback files may drop any of them."""
    declared = manifest.schema(request.schema)
    assert declared is not None
    scope = Scope.of(declared.kind)
    reset = ResetRequest(scope=scope, schema=request.schema, way="empty", with_dependents=request.with_dependents)
    shape = shape_reset(state, manifest, files, reset)
    if declared.kind is SchemaKind.PROJECTION:
        return replace(shape, ways=(_way(request.schema),))
    return replace(shape, emptied=(), refreshed=(), ways=(_way(request.schema),))


def _way(schema: str) -> Way:
    return Way(schema=schema, way="rollback", why="asked for")


def plan_rollback(
    state: DatabaseState,
    manifest: Manifest,
    files: Files,
    request: RollbackRequest,
    shape: Shape,
    obstacles: Obstacles,
    *,
    ignore_live: bool = False,
) -> Plan:
    """Plan the rollback as a reset of the schema whose files are its rollback files."""
    declared = manifest.schema(request.schema)
    assert declared is not None
    refuse_unfinished(state)
    migrations = tuple(m.id for m in taken_back(state, files, request))
    if not migrations:
        return Plan(command="rollback", identity=state.identity)
    reset = ResetRequest(scope=Scope.of(declared.kind), schema=request.schema)
    plan = plan_reset(state, manifest, files, reset, shape, obstacles, ignore_live=ignore_live)
    if len(plan.phases) > 1:
        raise too_large(state, needed(state, shape))
    backs = {
        m.id: m.rollback_source and checksum(m.rollback_source)
        for m in files.get(request.schema, ())
        if m.id in migrations
    }
    facts = {**plan.preconditions, "rollback files": backs}
    return replace(plan, command="rollback", preconditions=facts, phases=_phases(plan, request.schema, migrations))


_NOT_OURS = (DropContents, ApplyMigrations, GiveBack)


def _phases(plan: Plan, schema: str, migrations: tuple[str, ...]) -> tuple[Phase, ...]:
    """Keep the reset's frame. Rows go first, then the rollback files run, then the proof."""
    steps: list[Step] = []
    for step in plan.steps:
        if isinstance(step, ProvePreserved):
            steps.append(RollBackMigrations(schema=schema, migrations=migrations))
            steps.append(RecordStructure(schema=schema))
            steps.append(replace(step, emptied=tuple(t for t in step.emptied if t.schema != schema)))
        elif isinstance(step, CapturePreserved):
            steps.append(replace(step, recreated=(schema,)))
        elif not isinstance(step, (*_NOT_OURS, WriteReceipt)):
            steps.append(step)
    return one_phase("rollback", [*steps, WriteReceipt()], plan.phases[0].locks)
