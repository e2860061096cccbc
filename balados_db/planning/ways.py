"""Decide which way each schema of a reset goes: emptied in place, or made anew by its migrations. Pure."""

from __future__ import annotations

from balados_db.model import DatabaseState, Files, Manifest, Migration, SchemaDeclaration, SchemaState
from balados_db.planning.plan import Way
from balados_db.planning.request import ResetRequest
from balados_db.planning.steps import listed
from balados_db.planning.unfit import (
    lacking,
    may_not_truncate,
    store_missing,
    undroppable,
    unemptied,
    unmade,
    untruncatable,
)


def way_of(state: DatabaseState, schema: SchemaDeclaration, files: Files, request: ResetRequest, leans: bool) -> Way:
    """The way that a schema goes: what was asked for, else in place where that leaves what its migrations make.

    Raises EmptyImpossible, RecreateImpossible or Undroppable.
    """
    found = state.schema(schema.name)
    if request.way == "empty" and found.exists:
        if _was_being_recreated(state, schema.name):
            raise unemptied(schema.name, _INTERRUPTED, "reset it with --recreate")
        if found.cannot_empty:
            raise untruncatable(found, state.identity.role if state.identity else "")
        return _empty(found, schema, "asked for with --empty")
    if request.way == "recreate":
        return _recreate(found, files.get(schema.name, ()), schema, "asked for with --recreate")
    reason = _reason_to_recreate(found, files.get(schema.name, ()))
    if _was_being_recreated(state, schema.name):
        reason = _INTERRUPTED
    if leans:
        reason = reason or "it depends on a schema that is recreated"
    if reason and request.projector is not None:
        whole = f"reset --schema {schema.name}, or say --empty"
        nowhere = "say --empty: the manifest names no migrations that could make it anew"
        raise unemptied(schema.name, reason, whole if schema.migrations else nowhere)
    if reason:
        return _recreate(found, files.get(schema.name, ()), schema, reason)
    return _empty(found, schema, "its migrations and its structure are as they were recorded")


_INTERRUPTED = "a reset that makes it anew was interrupted"


def _was_being_recreated(state: DatabaseState, schema: str) -> bool:
    return state.journal is not None and schema in state.journal.recreated


def _empty(found: SchemaState, schema: SchemaDeclaration, why: str) -> Way:
    return Way(schema=found.name, way="empty", why=why, holds=schema.holds)


def _recreate(found: SchemaState, files: tuple[Migration, ...], schema: SchemaDeclaration, why: str) -> Way:
    impossible = _reason_not_to_recreate(found, files, schema)
    if impossible:
        raise unmade(found, impossible, why)
    if found.undroppable:
        raise undroppable(found)
    return Way(schema=schema.name, way="recreate", why=why, holds=schema.holds)


def _reason_not_to_recreate(found: SchemaState, files: tuple[Migration, ...], schema: SchemaDeclaration) -> str | None:
    if schema.migrations is None:
        return "the manifest names no migrations for it"
    if not files and found.tables:
        return "its migrations directory is empty"
    outside = [m.id for m in files if not m.transactional]
    if outside:
        return f"{listed(tuple(outside))} cannot run in a transaction"
    return None


def _reason_to_recreate(found: SchemaState, files: tuple[Migration, ...]) -> str | None:
    """Say why emptying would not leave what a fresh migrate leaves; None when it would."""
    if not found.exists:
        return "it does not exist"
    if found.record is None:
        return "nothing is recorded of its structure"
    applied = {m.id: m.checksum for m in found.applied}
    if applied != {m.id: m.checksum for m in files}:
        return "its migrations are not the ones that were applied"
    if found.record.structure != found.structure:
        return "its structure is no longer the one that was recorded"
    if found.record.seeded:
        return f"its migrations insert rows ({listed(found.record.seeded)})"
    if found.cannot_empty and not found.cannot_drop:  # who may do neither sees the plan of whoever may
        return may_not_truncate(found.cannot_empty)
    return None


def way_of_store(state: DatabaseState, manifest: Manifest, store: str | None) -> tuple[Way, ...]:
    """The event store is emptied, never made anew. Raises UnknownEventStore where it is not there."""
    if store is None:
        return ()
    declared = manifest.event_store
    assert declared is not None
    assert declared.layout is not None
    if lacking(declared, state):
        raise store_missing(declared, state)
    why = "its tables' identity is what its library locks by; seeded anew"
    return (Way(schema=store, way="empty", why=why, holds=declared.holds),)
