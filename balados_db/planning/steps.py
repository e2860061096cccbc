"""The closed set of steps: one deed each, as data. What a step says here is what its handler does."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from balados_db.model import TableName


def listed(names: tuple[Any, ...], most: int = 6) -> str:
    """Join names for a sentence; a long list ends in a count."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One deed. `sentence` is filled in with the step's own fields."""

    sentence: ClassVar[str] = ""
    destroys: ClassVar[bool] = False
    fires: ClassVar[bool] = False  # whether somebody's triggers, rules and functions run in it

    @property
    def id(self) -> str:
        """A stable name for this step within its plan."""
        subject = getattr(self, "schema", None) or getattr(self, "table", None)
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(self).__name__)[1:]
        return f"{name}:{subject}" if subject else name

    @property
    def summary(self) -> str:
        """What this step does, for people."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        shown = {
            k: listed(v) if isinstance(v, tuple) and not isinstance(v, TableName) else v for k, v in values.items()
        }
        return self.sentence.format_map(shown)


@dataclass(frozen=True, kw_only=True)
class CreateDatabase(Step):
    """Create the database itself; cannot be part of a transaction."""

    sentence = "create database {database}"
    database: str


@dataclass(frozen=True, kw_only=True)
class CreateSchema(Step):
    """Create a declared schema."""

    sentence = "create schema {schema}"
    schema: str


@dataclass(frozen=True, kw_only=True)
class CreateRecords(Step):
    """Create our own schema, where structures, the environment's stamp and receipts are kept."""

    sentence = "create schema balados_db, where this tool keeps its own records"


@dataclass(frozen=True, kw_only=True)
class InstallEventStore(Step):
    """Run the event store's install SQL."""

    sentence = "install the event store into {schema} ({files})"
    schema: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AddToEventStore(Step):
    """Run the install files that only add to a store which its own library made."""

    sentence = "add to the event store in {schema} what its own library does not make ({files})"
    schema: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ApplyMigrations(Step):
    """Apply migrations to a schema and note them in its history."""

    sentence = "apply to {schema}: {migrations}"
    schema: str
    migrations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RollBackMigrations(Step):
    """Take migrations back with their rollback files."""

    sentence = "roll back in {schema}: {migrations}"
    destroys = True
    schema: str
    migrations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MarkApplied(Step):
    """Note migrations as applied without running them."""

    sentence = "note as applied to {schema}, without running them: {migrations}"
    schema: str
    migrations: tuple[str, ...]
    accepted: tuple[str, ...] = ()
    structure: str = ""  # digest of what the migrations make
    seeded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordStructure(Step):
    """Remember what the schema looks like, so that drift is seen and a reset knows what to do."""

    sentence = "remember the structure of {schema}"
    schema: str


@dataclass(frozen=True, kw_only=True)
class CapturePreserved(Step):
    """Take the fingerprint of everything that is to be kept."""

    sentence = "take the fingerprint of everything that is kept"
    recreated: tuple[str, ...] = ()  # schemas whose contents do not count
    emptied: tuple[TableName, ...] = ()  # tables whose rows do not count
    kept: tuple[TableName, ...] = ()  # relations in those schemas that count all the same
    rows: bool = False  # count and hash every kept row as well


@dataclass(frozen=True, kw_only=True)
class EmptyTables(Step):
    """Remove every row, keep the tables."""

    sentence = "empty {tables}"
    fires = True
    destroys = True
    tables: tuple[TableName, ...]
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RestartSequences(Step):
    """Restart the sequences of partitioned tables, whose partitions were emptied one by one."""

    sentence = "restart the sequences of {tables}"
    tables: tuple[TableName, ...]


@dataclass(frozen=True, kw_only=True)
class RestartFreeSequences(Step):
    """Restart the event store's sequences that belong to no table."""

    sentence = "restart the event store's own {sequences}"
    sequences: tuple[TableName, ...]


@dataclass(frozen=True, kw_only=True)
class RefreshViews(Step):
    """Fill materialized views anew."""

    sentence = "refresh {views}"
    fires = True
    views: tuple[TableName, ...]


@dataclass(frozen=True, kw_only=True)
class DropContents(Step):
    """Drop what schemas contain, together; the schemas themselves, their extensions and grants on them stay."""

    sentence = "drop what {schemas} contains (the schema itself stays)"
    fires = True
    destroys = True
    schemas: tuple[str, ...]
    keep: tuple[TableName, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DropRelations(Step):
    """Drop some of what a schema contains: as much as fits into one transaction."""

    sentence = "drop {relations}"
    fires = True
    destroys = True
    relations: tuple[TableName, ...]
    schemas: tuple[str, ...] = ()  # whose contents are all dropped, sooner or later


@dataclass(frozen=True, kw_only=True)
class GiveBack(Step):
    """Restore owners, grants and publication membership of what was recreated."""

    sentence = "give back owners, grants and publications in {schema}"
    schema: str
    keep: tuple[str, ...] = ()  # relations that were not dropped


@dataclass(frozen=True, kw_only=True)
class SeedEventStore(Step):
    """Insert what a new event store holds."""

    sentence = "seed the event store in {schema}"
    fires = True
    schema: str


@dataclass(frozen=True, kw_only=True)
class ForgetCheckpoints(Step):
    """Forget how far projectors got; without names, how far anybody got."""

    sentence = "forget in {table} the positions of {projectors}"
    fires = True
    destroys = True
    table: TableName
    projectors: tuple[str, ...]
    everybody: bool = False

    @property
    def summary(self) -> str:
        """Say `everybody` instead of a list of names."""
        return f"forget every position in {self.table}" if self.everybody else super().summary


@dataclass(frozen=True, kw_only=True)
class RewindCheckpoints(Step):
    """Set positions back to the origin; the rows stay, for their ids are what projectors are kept out by."""

    sentence = "set the positions of {projectors} in {table} to the origin"
    fires = True
    destroys = True
    table: TableName
    projectors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ProveRewound(Step):
    """Check that no projector moved since its position was set to the origin."""

    sentence = "prove that no projector ran meanwhile"
    tables: tuple[TableName, ...]
    projectors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OpenJournal(Step):
    """Note in the database what is begun, so that an interruption is seen and the next run finishes it."""

    sentence = "note in the database that this is begun, in {phases} transactions"
    scope: str
    schemas: tuple[str, ...]
    recreated: tuple[str, ...]
    projectors: tuple[str, ...]
    arguments: tuple[str, ...]
    phases: int


@dataclass(frozen=True, kw_only=True)
class NoteProgress(Step):
    """Note how many of the transactions are done, in the same transaction as the work."""

    sentence = "note that {done} of {phases} transactions are done"
    done: int
    phases: int


@dataclass(frozen=True, kw_only=True)
class CloseJournal(Step):
    """Note that nothing is left to be finished."""

    sentence = "note that nothing is left to be finished"


@dataclass(frozen=True, kw_only=True)
class ProvePreserved(Step):
    """Compare with the fingerprint; check that the scope is as promised. A difference takes everything back."""

    sentence = "prove that everything else is what it was"
    emptied: tuple[TableName, ...] = ()
    forgotten: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WriteReceipt(Step):
    """Leave a receipt in the database."""

    sentence = "write a receipt"


@dataclass(frozen=True, kw_only=True)
class StampEnvironment(Step):
    """Write into the database which environment it is."""

    sentence = "stamp the database as {environment}"
    environment: str


ALL_STEPS: tuple[type[Step], ...] = tuple(Step.__subclasses__())
