"""Write what the application would: events, and how far its projectors are. Only into databases of tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import namedtuple_row

from balados_db.errors import NoAppend, UnknownSubscriber
from balados_db.postgres.eventstore import condition, existing_tables, in_store
from balados_db.postgres.queries import named, query
from balados_db.testing.database import Database

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.model import CheckpointTable, Manifest


class Events:
    """The event store of one test, and the positions, wherever they lie, by the manifest's layout."""

    def __init__(self, database: Database, manifest: Manifest) -> None:
        self._database, self._manifest = database, manifest

    def append(
        self,
        stream: str,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """Append one event to a stream, which need not exist; `data` and `metadata` are stored as JSON.

        Returns the event's number, the new head position. Raises NoAppend where the layout does not say how.
        """
        store = self._manifest.event_store
        layout = store.layout if store else None
        if store is None or layout is None or layout.append is None:
            raise NoAppend(layout=repr(layout.name) if layout else "of a manifest without an event store")
        event = {"stream": stream, "type": type, "data": json.dumps(data or {}), "metadata": json.dumps(metadata or {})}
        with self._database[store.database].connect() as conn:
            row = conn.execute(in_store(layout.append, store.name), event).fetchone()
            assert row is not None
            return int(row[0])

    def checkpoint(self, name: str, position: int) -> None:
        """Say that a projector, or a subscription, has seen every event up to `position`, wherever that is remembered.

        Raises UnknownSubscriber for a name that the manifest does not declare.
        """
        projectors = [projector.name for projector in self._manifest.projectors]
        known = [*projectors, *self._manifest.subscriptions]
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UnknownSubscriber(
                file=str(self._manifest.file), name=name, hint=f"did you mean {near[0]!r}?" if near else "declare it"
            )
        for database in self._manifest.parts:
            places = self._manifest.part(database).checkpoints
            with self._database[database].connect(row_factory=namedtuple_row) as conn, conn.transaction():
                existing = existing_tables(conn, [place.table for place in places])
                for place in places:
                    if place.table in existing and (name in projectors or not place.refuses_undeclared):
                        self._record(conn, place, {"projector": name, "position": position})

    def _record(self, conn: Connection[Any], place: CheckpointTable, row: Mapping[str, Any]) -> None:
        if not isinstance(place.position, str) or not isinstance(place.projector, str):
            return  # how such a row is written, only the library itself knows
        names = {
            "table": named(*place.table),
            "projector": named(place.projector),
            "position": named(place.position),
            "condition": condition(place),
        }
        if conn.execute(query("move_position").format(**names), row).rowcount:
            return
        store = self._manifest.event_store
        made = place.record and (in_store(place.record, store.name) if store else sql.SQL(place.record))
        conn.execute(made or query("record_position").format(**names), row)
