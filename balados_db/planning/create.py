"""Decide what is missing of database, schemas and event store."""

from __future__ import annotations

from balados_db.errors import InstallSqlMissing, UnknownEventStore
from balados_db.model import DatabaseState, Files, Manifest
from balados_db.planning.facts import migration_facts
from balados_db.planning.migrate import (
    joined,
    migration_phases,
    migration_warnings,
    refuse_disagreement,
    store_additions,
)
from balados_db.planning.plan import Phase, Plan
from balados_db.planning.refusals import refuse_unfinished
from balados_db.planning.steps import (
    CreateDatabase,
    CreateRecords,
    CreateSchema,
    InstallEventStore,
    Step,
    listed,
)
from balados_db.planning.unfit import lacking, store_missing


def plan_create(
    state: DatabaseState, manifest: Manifest, database: str, schemas: tuple[str, ...] | None = None
) -> Plan:
    """Plan the database, when it is missing, and every declared schema that is missing (or just `schemas`)."""
    names = schemas or tuple(schema.name for schema in manifest.schemas)
    steps: list[Step] = [CreateSchema(schema=name) for name in names if not state.schema(name).exists]
    phases = [] if state.exists else [Phase(name="database", steps=(CreateDatabase(database=database),), atomic=False)]
    if steps:
        phases.append(Phase(name="schemas", steps=tuple(steps)))
    return Plan(command="create", identity=state.identity, phases=tuple(phases))


def plan_init(
    state: DatabaseState, manifest: Manifest, files: Files, install: tuple[str, ...], command: str = "init"
) -> Plan:
    """Plan the event store, where it is missing, and every pending migration.

    `install` holds the names of the event store's SQL files. A store that is there stays as it is, but for the
    files that only add to it. Raises UnknownEventStore where only a part of a store is there.
    """
    refuse_unfinished(state)
    store = _store_steps(state, manifest, install)
    names = tuple(schema.name for schema in manifest.migrated)
    for name in names:
        refuse_disagreement(state.schema(name), files.get(name, ()), manifest)
    bare = [
        CreateSchema(schema=schema.name)
        for schema in manifest.schemas
        if schema.name not in names and not state.schema(schema.name).exists
    ]
    migrations = migration_phases(state, files, names)
    records = [CreateRecords()] if not state.own_schema and (store or migrations) else []
    first: list[Step] = [*records, *bare, *store]
    return Plan(
        command=command,
        identity=state.identity,
        phases=joined(first, migrations),
        warnings=(*_warnings(state, manifest, install), *migration_warnings(state, files, names)),
        preconditions=migration_facts(state, files, names),
    )


def _store_steps(state: DatabaseState, manifest: Manifest, install: tuple[str, ...]) -> list[Step]:
    store = manifest.event_store
    if store is None or store.install is None:
        return []
    if not install:
        raise InstallSqlMissing(directory=str(store.install))
    assert store.layout is not None
    if state.event_store_like:
        raise store_missing(store, state)
    if not state.event_store_tables:
        return [InstallEventStore(schema=store.name, files=install)]
    if not state.event_store:
        raise UnknownEventStore(
            schema=store.name,
            missing=listed(lacking(store, state)),
            hint="it holds a part of one: finish or remove that part first",
        )
    return store_additions(state, manifest)


def _warnings(state: DatabaseState, manifest: Manifest, install: tuple[str, ...]) -> tuple[str, ...]:
    store = manifest.event_store
    if store is None or store.install is not None or state.event_store:
        return ()
    return (f"{store.name} holds no event store yet, and the manifest names no `install`: its library installs it",)
