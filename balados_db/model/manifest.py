"""What a manifest declares, resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from balados_db.model.kinds import MAIN, SchemaKind, Scope, TableName


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


def untried(layout: Layout) -> str:
    """That nobody tried a preset, in a sentence."""
    return f"layout {layout.name!r} was never tried against the library itself"


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
    source: Expression | None = None  # whose events a row counts, where a projector has rows with heads of their own
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
