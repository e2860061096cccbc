"""What is in a declared schema, as the catalog has it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from balados_db.model.kinds import TableName
from balados_db.model.migrations import AppliedMigration, Record


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
    may_drop: bool = True  # whether this role has the rights of its owner
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
    cannot_drop: tuple[str, ...] = ()  # tables, views and sequences that belong to a role whose rights this one has not
    structure: str = ""  # digest of the schema's structure, by names
    history: bool = False
    applied: tuple[AppliedMigration, ...] = ()
    record: Record | None = None

    @property
    def tables(self) -> tuple[Relation, ...]:
        """The relations that hold the schema's own rows."""
        return tuple(r for r in self.relations if r.holds_rows and r.role in (Role.CONTENT, Role.EVENTS))
