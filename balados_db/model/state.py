"""The whole picture: which database this is, who is there, and everything a planner may know."""

from __future__ import annotations

from dataclasses import dataclass, field

from balados_db.model.kinds import TableName
from balados_db.model.outsiders import Outsider
from balados_db.model.projectors import CheckpointState, LiveProjector, Measured
from balados_db.model.schemas import Relation, SchemaState, Ties

OLDEST, NEWEST = 15, 18  # major versions of PostgreSQL that are tested


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which database this is, as the server itself reports it."""

    server: str
    database: str
    role: str
    server_version: str
    server_version_num: int
    system_identifier: str
    database_oid: int
    superuser: bool = False
    counts_writes: bool = True  # track_counts: whether the server counts the rows that a transaction writes
    in_recovery: bool = False
    read_only: bool = False
    pooled: bool = False  # a pooler is in between: each transaction may be another session's
    source: str = ""  # where the URL came from: the one thing here that the client knows
    environment: str | None = None
    lock_room: int = 6400  # max_locks_per_transaction × (max_connections + max_prepared_transactions)


@dataclass(frozen=True, kw_only=True)
class Session:
    """Somebody else who is connected to the database."""

    pid: int
    user: str
    application: str
    client: str


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A reset in several transactions that was begun and is not finished: `done` of `phases` are committed."""

    id: int
    scope: str
    schemas: tuple[str, ...]
    recreated: tuple[str, ...]
    projectors: tuple[str, ...]
    arguments: tuple[str, ...]  # of the command that finishes it
    phases: int
    done: int
    begun_at: str

    @property
    def resume(self) -> str:
        """The command that finishes it, as it is typed."""
        return " ".join(("balados-db", *self.arguments))


@dataclass(frozen=True, kw_only=True)
class DatabaseState:
    """Everything a planner may know, read in one read-only transaction."""

    identity: Identity | None
    exists: bool = True
    schemas: tuple[SchemaState, ...] = ()
    own_schema: bool = False
    journal: Journal | None = None  # a reset that is to be finished first
    event_store: bool = False  # every table that proves the declared event store is there
    event_store_tables: tuple[str, ...] = ()  # those of them that are there
    event_store_like: str | None = None  # the layout that its schema proves instead of the declared one
    event_tables: tuple[TableName, ...] = ()  # the store's own, with their partitions
    unclaimed: tuple[TableName, ...] = ()  # tables of positions that no projector claims
    missing_additions: tuple[str, ...] = ()
    store_in: tuple[str, ...] = ()  # schemas not declared as event store that hold one
    checkpoint_tables: tuple[TableName, ...] = ()  # those that exist
    no_tables: tuple[TableName, ...] = ()  # declared checkpoint tables that are views or the like
    checkpoints: tuple[CheckpointState, ...] = ()
    placed_elsewhere: tuple[str, ...] = ()  # projectors of which another database knows a position
    subscriptions: tuple[tuple[int, str], ...] = ()  # id (the projector's lock key) and name
    live: tuple[LiveProjector, ...] = ()
    head: int | None = None
    sessions: tuple[Session, ...] = ()
    ties: Ties = field(default_factory=Ties)
    measured: tuple[Measured, ...] = ()  # rebuilds, the newest first
    undeclared: tuple[str, ...] = ()  # schemas the manifest does not know
    dependents: tuple[Outsider, ...] = ()  # of the scope that was asked for

    def schema(self, name: str) -> SchemaState:
        """The state of this schema; one that does not exist when it was not read."""
        found = next((schema for schema in self.schemas if schema.name == name), None)
        return found or SchemaState(name=name, exists=False)

    def subscription_ids_of(self, names: tuple[str, ...] | None) -> tuple[int, ...]:
        """The ids of these projectors' subscriptions; of all for None."""
        return tuple(sorted(id_ for id_, name in self.subscriptions if names is None or name in names))

    def relation(self, table: TableName) -> Relation | None:
        """The relation of this name, if there is one."""
        return next((r for r in self.schema(table.schema).relations if r.name == table.name), None)
