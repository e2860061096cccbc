"""Databases of one manifest beside each other: which of them a request concerns, what they hold together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from balados_db.errors import SameDatabase
from balados_db.model import DatabaseState, Identity, Manifest, Ties
from balados_db.planning.request import ResetRequest
from balados_db.planning.shape import chosen


def concerned(manifest: Manifest, request: ResetRequest) -> tuple[str, ...]:
    """The databases that a reset reaches into: those of the tables, and of every place that knows a position.

    Where the event store lies is one of them even if no position is kept there: its locks tell who is alive.
    """
    schemas, projectors = chosen(manifest, request)
    if request.with_dependents:  # how far that goes is known when the databases are looked at
        projectors = manifest.projectors
    touched = {schema.database for schema in schemas}
    touched |= {manifest.database_of(table.schema) for projector in projectors for table in projector.tables}
    store = manifest.event_store
    if projectors or store in schemas:
        touched |= {manifest.database_of(checkpoint.table.schema) for checkpoint in manifest.checkpoints}
        touched |= {store.database} if store and store.layout and store.layout.shows_life else set()
    return tuple(name for name in manifest.parts if name in touched)


def refuse_same(identities: Mapping[str, Identity | None]) -> None:
    """Refuse two names for one database: one run would stand in its own way. Raises SameDatabase."""
    seen: dict[tuple[str, int, str], str] = {}
    for name, identity in identities.items():
        if identity is None:
            continue
        # By its name as well: all that are not there yet have the oid 0.
        place = (identity.system_identifier, identity.database_oid, identity.database)
        if place in seen:
            names = f"{seen[place]!r} and {name!r}"
            raise SameDatabase(names=names, database=identity.database, server=identity.server)
        seen[place] = name


def together(states: Sequence[DatabaseState]) -> DatabaseState:
    """Several databases as one picture. What there can be but one of is taken from the one that has it."""
    first = states[0]
    store = next((state for state in states if state.event_store_tables), first)
    return replace(
        first,
        schemas=tuple(schema for state in states for schema in state.schemas),
        # Each database notes its own part of the work: the one that was written to last knows how far it got.
        journal=max((state.journal for state in states if state.journal), key=lambda j: j.done, default=None),
        event_store=store.event_store,
        event_store_tables=store.event_store_tables,
        event_store_like=next((state.event_store_like for state in states if state.event_store_like), None),
        event_tables=store.event_tables,
        unclaimed=tuple(table for state in states for table in state.unclaimed),
        missing_additions=tuple(name for state in states for name in state.missing_additions),
        store_in=tuple(name for state in states for name in state.store_in),
        checkpoint_tables=tuple(table for state in states for table in state.checkpoint_tables),
        no_tables=tuple(table for state in states for table in state.no_tables),
        checkpoints=tuple(row for state in states for row in state.checkpoints),
        subscriptions=store.subscriptions,
        live=store.live,
        head=store.head,
        sessions=tuple(session for state in states for session in state.sessions),
        undeclared=tuple(dict.fromkeys(name for state in states for name in state.undeclared)),
        measured=tuple(found for state in states for found in state.measured),
        ties=Ties(
            views=tuple(pair for state in states for pair in state.ties.views),
            partitions=tuple(pair for state in states for pair in state.ties.partitions),
            references=tuple(pair for state in states for pair in state.ties.references),
        ),
        dependents=tuple(outsider for state in states for outsider in state.dependents),
    )
