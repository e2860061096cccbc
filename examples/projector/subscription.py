"""One subscriber of a commanded/eventstore database, with the manners of Commanded itself.

The order of deeds is the library's (commanded/eventstore 1.4, commanded_ecto_projections 1.4):

1. read the subscription's row, or insert it with `last_seen` 0;
2. then try the advisory lock (oid of the subscriptions table, the row's id); if somebody has it, begin again later;
3. from then on the position is kept in memory: nobody reads the row again;
4. an event and its rows are one transaction, which first moves the projector's row in `projection_versions` forward;
   if that row is there already, the event was seen: it is skipped without a word;
5. afterwards the event is acknowledged by a plain UPDATE, whether or not that finds a row.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from projections import Rules, values
from psycopg import sql

BATCH = 500

READ_ROW = """
select subscription_id, coalesce(last_seen, 0)
  from {store}.subscriptions
 where stream_uuid = '$all'
   and subscription_name = %(name)s
"""
INSERT_ROW = """
insert into {store}.subscriptions (stream_uuid, subscription_name, last_seen)
values ('$all', %(name)s, 0)
    on conflict do nothing
"""
# Of the session, not of the transaction: it ends with the connection.
TRY_LOCK = "select pg_try_advisory_lock(%(table)s::regclass::oid::bigint::bit(32)::int, (%(id)s %% 2147483647)::int)"
READ_EVENTS = """
select s.stream_version, e.event_id, e.event_type, e.data
  from {store}.stream_events s
  join {store}.events e using (event_id)
 where s.stream_id = 0
   and s.stream_version > %(position)s
 order by s.stream_version
 limit %(batch)s
"""
MARK_SEEN = """
insert into {versions}.projection_versions as p (projection_name, last_seen_event_number, inserted_at, updated_at)
values (%(name)s, %(number)s, timezone('UTC', now()), timezone('UTC', now()))
    on conflict (projection_name) do update
   set last_seen_event_number = %(number)s
 where p.projection_name = %(name)s
   and p.last_seen_event_number < %(number)s
"""
ACKNOWLEDGE = """
update {store}.subscriptions
   set last_seen = %(number)s
 where stream_uuid = '$all'
   and subscription_name = %(name)s
"""


@dataclass(frozen=True)
class Event:
    """An event as it is stored, by its number in `$all`."""

    number: int
    id: uuid.UUID
    type: str
    data: dict[str, Any]


@dataclass
class Subscription:
    """One projector's place in `$all`. The connections are in autocommit and belong to this subscription alone.

    Its tables, and the row in `projection_versions` beside them, may lie in another database than the events.
    """

    conn: psycopg.Connection[Any]
    name: str
    rules: Rules
    schema: str = "events"
    tables: psycopg.Connection[Any] | None = None  # None: in the same database, `projection_versions` in the store
    versions: str = "public"  # the schema of `projection_versions` in a database of its own
    position: int = field(default=0, init=False)  # in memory; read from the row only when subscribing

    def __post_init__(self) -> None:
        texts = {"row": READ_ROW, "new": INSERT_ROW, "events": READ_EVENTS, "seen": MARK_SEEN, "ack": ACKNOWLEDGE}
        store = sql.Identifier(self.schema)
        names = {"store": store, "versions": store if self.tables is None else sql.Identifier(self.versions)}
        self._sql = {key: sql.SQL(text).format(**names).as_bytes(self.conn) for key, text in texts.items()}

    def subscribe(self) -> bool:
        """Read the place, then take the lock; False if another process has it."""
        id_, self.position = self._row()
        table = sql.Identifier(self.schema, "subscriptions").as_string(self.conn)
        locked = self.conn.execute(TRY_LOCK, {"table": table, "id": id_}).fetchone()
        if not locked or not locked[0]:
            return False
        self.conn.execute(sql.SQL("listen {}").format(sql.Identifier(f"{self.schema}.events")))
        return True

    def _row(self) -> tuple[int, int]:
        mine = {"name": self.name}
        while (row := self.conn.execute(self._sql["row"], mine).fetchone()) is None:
            self.conn.execute(self._sql["new"], mine)
        return row[0], row[1]

    def read(self) -> Sequence[Event]:
        """The next events after the position in memory; none when there are no more for now."""
        rows = self.conn.execute(self._sql["events"], {"position": self.position, "batch": BATCH})
        # Commanded stores an Elixir module as the type: its last part is the event's name.
        return [Event(number, id_, type_.rpartition(".")[2], json.loads(data)) for number, id_, type_, data in rows]

    def handle(self, event: Event) -> bool:
        """Project one event and acknowledge it; False if there was nothing to do, or it was seen before."""
        projected = event.type in self.rules and self._project(event)
        self.conn.execute(self._sql["ack"], {"name": self.name, "number": event.number})
        self.position = event.number
        return projected

    def _project(self, event: Event) -> bool:
        conn = self.tables or self.conn
        with conn.transaction():
            if conn.execute(self._sql["seen"], {"name": self.name, "number": event.number}).rowcount == 0:
                return False
            facts = values(event.id, event.type, event.data)
            for statement in self.rules[event.type]:
                conn.execute(statement, facts)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for the store to tell of new events; False if it did not."""
        return bool(list(self.conn.notifies(timeout=seconds, stop_after=1)))
