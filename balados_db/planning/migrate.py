"""Decide which migrations to apply, and refuse where files and history disagree."""

from __future__ import annotations

from collections.abc import Iterable

from balados_db.errors import MigrationEdited, MigrationFileMissing, NeedsOwnSession
from balados_db.model import DatabaseState, Files, Manifest, Migration, SchemaKind, SchemaState
from balados_db.planning.facts import migration_facts
from balados_db.planning.plan import Phase, Plan
from balados_db.planning.refusals import refuse_unfinished
from balados_db.planning.steps import (
    AddToEventStore,
    ApplyMigrations,
    CreateRecords,
    CreateSchema,
    RecordStructure,
    Step,
    listed,
)
from balados_db.sql_text import is_empty


def pending(found: SchemaState, files: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """The migrations that are not applied yet, in order."""
    applied = {m.hash for m in found.applied}
    return tuple(m for m in files if m.hash not in applied)


def edited(found: SchemaState, files: tuple[Migration, ...]) -> tuple[str, ...]:
    """Applied migrations whose file has another content now. Plain yoyo keeps no checksum: those are not judged."""
    on_disk = {m.hash: m for m in files}
    return tuple(
        m.id
        for m in found.applied
        if m.hash in on_disk and m.checksum is not None and m.checksum != on_disk[m.hash].checksum
    )


def without_file(found: SchemaState, files: tuple[Migration, ...]) -> tuple[str, ...]:
    """Applied migrations whose file is gone."""
    on_disk = {m.hash for m in files}
    return tuple(m.id for m in found.applied if m.hash not in on_disk)


def out_of_order(found: SchemaState, files: tuple[Migration, ...]) -> tuple[str, ...]:
    """Pending migrations that stand before one that is applied already."""
    applied = {m.hash for m in found.applied}
    last = max((n for n, m in enumerate(files) if m.hash in applied), default=-1)
    return tuple(m.id for m in files[: last + 1] if m.hash not in applied)


def plan_migrate(
    state: DatabaseState, manifest: Manifest, files: Files, schemas: Iterable[str], *, store: bool = False
) -> Plan:
    """Plan every pending migration of these schemas, and with `store` what is new in the event store's install SQL.

    Raises MigrationEdited or MigrationFileMissing where history and files disagree.
    """
    refuse_unfinished(state)
    names = tuple(schemas)
    for name in names:
        refuse_disagreement(state.schema(name), files.get(name, ()), manifest)
    phases = migration_phases(state, files, names)
    added = store_additions(state, manifest) if store else []
    first: list[Step] = [] if state.own_schema or not (phases or added) else [CreateRecords()]
    return Plan(
        command="migrate",
        identity=state.identity,
        phases=joined([*first, *added], phases),
        warnings=migration_warnings(state, files, names),
        preconditions=migration_facts(state, files, names),
    )


def store_additions(state: DatabaseState, manifest: Manifest) -> list[Step]:
    """What the install SQL adds to a store that is there."""
    declared = manifest.event_store
    if declared is None or not state.event_store or not state.missing_additions:
        return []
    return [AddToEventStore(schema=declared.name, files=state.missing_additions)]


def refuse_disagreement(found: SchemaState, files: tuple[Migration, ...], manifest: Manifest) -> None:
    """Refuse where an applied migration was edited or its file is gone."""
    declared = manifest.schema(found.name)
    for kind, ids in ((MigrationEdited, edited(found, files)), (MigrationFileMissing, without_file(found, files))):
        if ids:
            error = kind(schema=found.name, migrations=listed(ids), ids=list(ids))
            raise error.of_projection() if declared and declared.kind is SchemaKind.PROJECTION else error


def migration_phases(state: DatabaseState, files: Files, names: tuple[str, ...]) -> tuple[Phase, ...]:
    """Everything in one transaction, but for the files that say they cannot be in one."""
    phases: list[Phase] = []
    steps: list[Step] = []
    for name in names:
        found = state.schema(name)
        if not found.exists:
            steps.append(CreateSchema(schema=name))
        todo = pending(found, files.get(name, ()))
        refuse_pooler(state, todo)
        for run in _runs(todo):
            step = ApplyMigrations(schema=name, migrations=tuple(m.id for m in run))
            if run[0].transactional:
                steps.append(step)
                continue
            phases += _flushed(steps)
            phases.append(Phase(name=f"{run[0].id} (not transactional)", steps=(step,), atomic=False))
            steps = []
        if todo or (found.applied and found.record is None):
            steps.append(RecordStructure(schema=name))
    return (*phases, *_flushed(steps))


def refuse_pooler(state: DatabaseState, todo: tuple[Migration, ...]) -> None:
    """Refuse behind a pooler what must run statement by statement in one session."""
    alone = tuple(m.id for m in todo if not m.transactional)
    if alone and state.identity is not None and state.identity.pooled:
        raise NeedsOwnSession(migrations=listed(alone))


def _runs(todo: tuple[Migration, ...]) -> list[tuple[Migration, ...]]:
    """Split into runs that share a transaction; a file that cannot be in one stands alone."""
    runs: list[tuple[Migration, ...]] = []
    for migration in todo:
        if runs and migration.transactional and runs[-1][0].transactional:
            runs[-1] += (migration,)
        else:
            runs.append((migration,))
    return runs


def _flushed(steps: list[Step]) -> list[Phase]:
    return [Phase(name="migrate", steps=tuple(steps))] if steps else []


def joined(first: list[Step], phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Put steps in front of the first atomic phase."""
    if not first:
        return phases
    if phases and phases[0].atomic:
        head = Phase(name=phases[0].name, steps=(*first, *phases[0].steps))
        return (head, *phases[1:])
    return (Phase(name="prepare", steps=tuple(first)), *phases)


def migration_warnings(state: DatabaseState, files: Files, names: tuple[str, ...]) -> tuple[str, ...]:
    """What of the pending migrations is most likely not meant."""
    said = []
    for name in names:
        found, here = state.schema(name), files.get(name, ())
        if late := out_of_order(found, here):
            said.append(f"{name}: {listed(late)} stands before migrations that are applied already")
        if empty := tuple(m.id for m in pending(found, here) if m.is_sql and is_empty(m.source)):
            said.append(
                f"{name}: {listed(empty)} holds no statement: once it is applied, what is written later never is"
            )
    return tuple(said)
