"""The words of balados-db: frozen facts about manifests and databases. No I/O, no third party."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

MAIN = "main"  # what `[database]` is called beside `[databases.NAME]`
OWN_SCHEMA = "balados_db"  # our bookkeeping: recorded structures, the environment's stamp, receipts


class SchemaKind(str, Enum):
    """What a PostgreSQL schema is for."""

    PERMANENT = "permanent"
    PROJECTION = "projection"
    EVENT_STORE = "event_store"


class Scope(str, Enum):
    """What a reset is about; the name of a scope is also the name of its phrase in the manifest."""

    PROJECTIONS = "projections"
    SYSTEM = "system"
    EVENTS = "events"
    ALL = "all"

    @property
    def kinds(self) -> frozenset[SchemaKind]:
        """The kinds of schema that this scope destroys."""
        return _KINDS[self]

    @classmethod
    def of(cls, kind: SchemaKind) -> Scope:
        """The scope that a schema of this kind belongs to."""
        return next(scope for scope in cls if scope.kinds == {kind})


_KINDS = {
    Scope.PROJECTIONS: frozenset({SchemaKind.PROJECTION}),
    Scope.SYSTEM: frozenset({SchemaKind.PERMANENT}),
    Scope.EVENTS: frozenset({SchemaKind.EVENT_STORE}),
    Scope.ALL: frozenset(SchemaKind),
}


class TableName(NamedTuple):
    """A table by its schema and its name, both exactly as PostgreSQL holds them."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


# ── the manifest ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Liveness:
    """How a running projector shows itself: the advisory lock (oid of `table`, its row's `id`)."""

    table: TableName
    id: str
    name: str


class Sql(NamedTuple):
    """An SQL expression on a row, where otherwise a column's name stands."""

    text: str


Expression = str | Sql  # a column's name, or an expression
Value = str | int | None | Sql  # what a column is set to


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What an event store of a known kind looks like; read from a preset or from `[event_store]`.

    `proof`, `tables` and `sequences` are names, in which `*` stands for anything; a table's columns may follow in
    parentheses. `probe` is SQL that returns `projector` (NULL: nobody knows which), `pid` and `owner` of whoever runs.
    """

    name: str
    proof: tuple[str, ...]
    tables: tuple[str, ...]
    tried: str | None = None  # against what it was tried
    sequences: tuple[str, ...] = ()  # free-standing ones: TRUNCATE … RESTART IDENTITY does not know them
    tracking: str | None = None  # tables of positions that some projector must claim, as in `proof`
    probe: str | None = None
    unfenced: str | None = None  # who can be neither seen nor kept out, in words for a plan
    head: str | None = None
    events: str | None = None  # the table that holds a row for each event
    seed: str | None = None
    additions: str | None = None
    reset_settings: Mapping[str, str] = field(default_factory=dict)
    guards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by table: what its triggers refuse
    triggers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by table: those that the store works with
    liveness: Liveness | None = None
    append: str | None = (
        None  # adds one event, for tests: %(stream)s, %(type)s, %(data)s and %(metadata)s, JSON as text
    )

    @property
    def shows_life(self) -> bool:
        """Whether a running projector can be seen, by its lock or by the probe."""
        return self.liveness is not None or self.probe is not None

    @property
    def untried(self) -> bool:
        """Whether a preset was never tried against the library that it describes."""
        return self.tried is None and self.name != "custom"


@dataclass(frozen=True, kw_only=True)
class SchemaDeclaration:
    """One `[schemas.NAME]` of the manifest."""

    name: str
    kind: SchemaKind
    migrations: Path | None = None
    holds: str = ""
    install: Path | None = None
    layout: Layout | None = None
    database: str = MAIN


@dataclass(frozen=True, kw_only=True)
class Projector:
    """One rebuildable unit: the tables that a running projector fills, and from which events."""

    name: str
    tables: tuple[TableName, ...] = ()
    events: tuple[str, ...] = ()
    reads: tuple[TableName, ...] = ()  # tables and views that it looks things up in
    fills_nothing: bool = False  # `tables = []` was said: what it fills lies elsewhere
    elsewhere: bool = False  # whether it also fills tables of another database: those are not among `tables`

    @property
    def says_what_it_fills(self) -> bool:
        """Whether tables are named, or said to be none, or to lie in another database."""
        return bool(self.tables) or self.fills_nothing or self.elsewhere


@dataclass(frozen=True, kw_only=True)
class CheckpointTable:
    """A table that remembers how far projectors got. Exactly one of delete, `set` and `sql` forgets.

    `projector` and `position` say of a row whose it is and how far that is; a projector may have several rows.
    """

    table: TableName
    projector: Expression
    position: Expression | None = None
    head: str | None = None  # an expression on a row: the newest event that this projector will ever see
    origin: str | int = 0  # the position from which everything is replayed
    set: Mapping[str, Value] | None = None
    sql: str | None = None
    rewind: Mapping[str, Value] | None = None  # to the origin with the row kept, where that is not the position alone
    where: str | None = None  # which rows are positions
    keep: str | None = None  # which rows belong to the library itself: never touched, by no command
    appends: bool = False  # the positions are rows among the events: forgetting adds one
    refuses_undeclared: bool = False
    optional: bool = False
    record: str | None = None  # makes a row, for tests: %(projector)s, %(position)s


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What is set off after a reset: a channel to notify, a command to run and how many seconds it may take."""

    notify: str | None = None
    command: tuple[str, ...] = ()
    timeout: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the manifest says, resolved: presets merged, paths absolute, table names split."""

    file: Path
    url: str | None = None
    environment: str | None = None
    schemas: tuple[SchemaDeclaration, ...] = ()
    projectors: tuple[Projector, ...] = ()
    checkpoints: tuple[CheckpointTable, ...] = ()
    subscriptions: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[Scope, str] = field(default_factory=dict)
    protected: tuple[str, ...] = ("production",)
    trigger: Trigger | None = None
    databases: Mapping[str, str | None] = field(default_factory=dict)  # URLs of those beside the main one
    database: str | None = None  # the one that this is a part for; None for the whole manifest

    @property
    def parts(self) -> tuple[str, ...]:
        """The databases in which anything is declared, the main one first; the main one where nothing is."""
        used = {schema.database for schema in self.schemas} | {
            self.database_of(c.table.schema) for c in self.checkpoints
        }
        return tuple(name for name in (MAIN, *self.databases) if name in used) or (MAIN,)

    def database_of(self, schema: str) -> str:
        """The database in which a schema lies; one that is not declared lies in the main one."""
        declared = self.schema(schema)
        return declared.database if declared else MAIN

    def part(self, database: str) -> Manifest:
        """What this manifest says of one database.

        Every projector is in every part, with those of its tables that lie there: its positions may lie anywhere.
        """

        def here(schema: str) -> bool:
            return self.database_of(schema) == database

        return replace(
            self,
            database=database,
            url=self.url if database == MAIN else self.databases[database],
            schemas=tuple(s for s in self.schemas if s.database == database),
            projectors=tuple(_within(p, tuple(t for t in p.tables if here(t.schema))) for p in self.projectors),
            checkpoints=tuple(c for c in self.checkpoints if here(c.table.schema)),
        )

    def schema(self, name: str) -> SchemaDeclaration | None:
        """The declaration of this schema, if there is one."""
        return next((schema for schema in self.schemas if schema.name == name), None)

    def of_kind(self, *kinds: SchemaKind) -> tuple[SchemaDeclaration, ...]:
        """The declared schemas of these kinds, in the manifest's order."""
        return tuple(schema for schema in self.schemas if schema.kind in kinds)

    @property
    def event_store(self) -> SchemaDeclaration | None:
        """The schema that holds the events."""
        return next(iter(self.of_kind(SchemaKind.EVENT_STORE)), None)

    @property
    def migrated(self) -> tuple[SchemaDeclaration, ...]:
        """The schemas that have migrations."""
        return tuple(schema for schema in self.schemas if schema.migrations)


def _within(projector: Projector, tables: tuple[TableName, ...]) -> Projector:
    return replace(projector, tables=tables, elsewhere=len(tables) < len(projector.tables))


def untried(layout: Layout) -> str:
    """That nobody tried a preset, in a sentence."""
    return f"layout {layout.name!r} was never tried against the library itself"


# ── migrations ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A migration file: yoyo's names and directives, our checksum of its content."""

    id: str
    path: Path
    source: str
    checksum: str
    hash: str
    depends: tuple[str, ...] = ()
    transactional: bool = True
    rollback: Path | None = None
    rollback_source: str | None = None

    @property
    def is_sql(self) -> bool:
        """Whether the file is plain SQL; else it is a Python migration."""
        return self.path.suffix == ".sql"


Files = Mapping[str, tuple[Migration, ...]]  # the migrations of each schema, in the order in which they apply


@dataclass(frozen=True, kw_only=True)
class AppliedMigration:
    """A row of yoyo's history; `checksum` is absent where plain yoyo applied it."""

    id: str
    hash: str
    checksum: str | None = None


# ── the database ─────────────────────────────────────────────────────────────────────────────────────────


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


class RelationKind(str, Enum):
    """pg_class.relkind, in words."""

    TABLE = "r"
    PARTITIONED = "p"
    VIEW = "v"
    MATVIEW = "m"
    SEQUENCE = "S"
    FOREIGN = "f"


class Role(str, Enum):
    """Why a relation of a declared schema is not simply its content."""

    CONTENT = "content"
    MIGRATION_HISTORY = "migration_history"  # yoyo's own tables
    OTHER_HISTORY = "other_history"  # the history of another migration tool
    CHECKPOINTS = "checkpoints"
    EXTENSION = "extension"
    EVENTS = "events"


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table, view or sequence of a declared schema. `rows` is an estimate unless `exact`; bytes on disk."""

    schema: str
    name: str
    oid: int
    kind: RelationKind
    role: Role = Role.CONTENT
    rows: int | None = None
    exact: bool = False
    bytes: int = 0
    indexes: int = 0
    toast: bool = False  # whether it has a table of its own for wide values
    sequences: int = 0  # those that go with it
    is_partition: bool = False
    lockable: bool = True  # whether this role may LOCK it
    may_empty: bool = True  # whether this role may TRUNCATE it
    owned: bool = False  # a sequence that goes with its table
    populated: bool = True  # a materialized view without data cannot be read

    @property
    def table(self) -> TableName:
        """Its name."""
        return TableName(self.schema, self.name)

    @property
    def stays(self) -> bool:
        """Whether it stays where it is when its schema is recreated: positions, and other tools' histories."""
        return self.role in (Role.CHECKPOINTS, Role.OTHER_HISTORY)

    @property
    def holds_rows(self) -> bool:
        """Whether rows are stored in it (an ordinary or partitioned table)."""
        return self.kind in (RelationKind.TABLE, RelationKind.PARTITIONED)


@dataclass(frozen=True, kw_only=True)
class Ties:
    """How relations hang together, as pairs: a view and what it reads, a table and its partition, a foreign key."""

    views: tuple[tuple[TableName, TableName], ...] = ()
    partitions: tuple[tuple[TableName, TableName], ...] = ()
    references: tuple[tuple[TableName, TableName], ...] = ()  # who references, who is referenced


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was recorded about a schema after the last migration: its structure and the tables that held rows."""

    structure: str
    migrations: str
    seeded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """One declared schema as it is."""

    name: str
    exists: bool
    owner: str | None = None
    relations: tuple[Relation, ...] = ()
    other_objects: int = 0  # types, functions, … that are neither relations nor extension members
    extensions: tuple[str, ...] = ()
    undroppable: tuple[str, ...] = ()
    not_restorable: tuple[str, ...] = ()  # owners and grants that this role could not give back
    cannot_empty: tuple[str, ...] = ()  # tables that this role may not truncate
    structure: str = ""  # digest of the schema's structure, by names
    history: bool = False
    applied: tuple[AppliedMigration, ...] = ()
    record: Record | None = None

    @property
    def tables(self) -> tuple[Relation, ...]:
        """The relations that hold the schema's own rows."""
        return tuple(r for r in self.relations if r.holds_rows and r.role in (Role.CONTENT, Role.EVENTS))


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
class CheckpointState:
    """One row of a checkpoint table; `head` where the store has one for each row."""

    table: TableName
    projector: str
    position: int | str | None = None
    head: int | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A rebuild that was looked at: from one number to another in so many seconds. `at`: ISO 8601 in UTC."""

    projector: str
    from_position: int
    to_position: int
    seconds: float
    at: str = ""


@dataclass(frozen=True, kw_only=True)
class LiveProjector:
    """Who holds the event store's lock of a subscription, or was found by the layout's probe.

    `anybody`: nobody can tell which projector it runs. `pid` is 0 where the store knows only who owns a claim.
    """

    name: str
    subscription_id: int = 0
    pid: int
    user: str = ""
    application: str = ""
    anybody: bool = False

    def runs(self, name: str) -> bool:
        """Whether it may be this projector."""
        return self.anybody or self.name == name


class Need(NamedTuple):
    """What an object outside the scope needs: its type and identity in the server's words, and its schema."""

    type: str
    identity: str
    schema: str | None = None

    def __str__(self) -> str:
        return f"{self.type} {self.identity}"


@dataclass(frozen=True, kw_only=True)
class Outsider:
    """An object outside the scope that stands in its way, with the objects that it depends on.

    `table` and `part` are SQL: the relation that it is a part of (a column, constraint, policy …) and its name there.
    """

    type: str
    identity: str
    reason: str
    schema: str | None = None
    table: str | None = None
    part: str | None = None
    needs: tuple[Need, ...] = ()
    inside: bool = True  # whether it needs something inside, and not only others outside that fall themselves
    foreign_key: bool = False
    pids: tuple[int, ...] = ()  # whose temporary object it is: one of these processes

    def __str__(self) -> str:
        return f"{self.type} {self.identity} ({self.reason})"


@dataclass(frozen=True, kw_only=True)
class Session:
    """Somebody else who is connected to the database."""

    pid: int
    user: str
    application: str
    client: str


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
    ties: Ties = Ties()
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
