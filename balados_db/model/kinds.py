"""What schemas are for, what a reset is about, what a table is called."""

from __future__ import annotations

from enum import Enum
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
