"""What the steps of a run share, and the registry of who carries out which step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import sql

from balados_db.answers.answer import Details as Details
from balados_db.answers.progress import ProgressLine
from balados_db.model import (
    Manifest,
    Migration,
    SchemaDeclaration,
    TableName,
)
from balados_db.planning.plan import Phase, Plan
from balados_db.planning.steps import Step
from balados_db.postgres import preservation
from balados_db.postgres.catalog import Look, read_state
from balados_db.postgres.queries import query
from balados_db.postgres.rights import Rights

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.model import DatabaseState, Identity

S = TypeVar("S", bound=Step)


Progress = Callable[[ProgressLine], None]


@dataclass(kw_only=True)
class Tracker:
    """Tells every step as it begins, over all phases of a plan."""

    tell: Progress
    total: int
    begun: float = field(default_factory=time.monotonic)
    done: int = 0
    step: str = ""

    def begin(self, step: Step) -> None:
        """Tell that this one begins."""
        self.step = step.id
        self.say(step.summary)

    def say(self, summary: str) -> None:
        """Tell what is being done of the step that has begun."""
        seconds = round(time.monotonic() - self.begun, 3)
        self.tell(ProgressLine(step=self.step, summary=summary, done=self.done, total=self.total, seconds=seconds))

    def end(self) -> None:
        """It is done."""
        self.done += 1


@dataclass(kw_only=True)
class Run:
    """What the steps of one phase share."""

    conn: Connection[Any]
    manifest: Manifest
    files: Mapping[str, tuple[Migration, ...]]
    plan: Plan
    phase: Phase
    client: str = ""
    progress: Tracker | None = None
    ours: tuple[int, ...] = ()  # processes of this run
    preserved: preservation.Preserved | None = None
    rights: dict[str, Rights] = field(default_factory=dict)

    @property
    def identity(self) -> Identity | None:
        """The database that the phase runs in."""
        return self.plan.identity_of(self.phase.database)

    @property
    def atomic(self) -> bool:
        """Whether the steps share one transaction."""
        return self.phase.atomic

    def steps(self, *kinds: type[S]) -> tuple[S, ...]:
        """The steps of these kinds in the phase that is being carried out."""
        return tuple(step for step in self.phase.steps if isinstance(step, kinds))

    def state(self) -> DatabaseState:
        """The database as it is now, seen from inside the transaction."""
        return read_state(Look(conn=self.conn, manifest=self.manifest))

    def store(self) -> SchemaDeclaration:
        """The declared event store."""
        store = self.manifest.event_store
        assert store is not None
        return store

    def migration(self, schema: str, id_: str) -> Migration:
        """A migration by its id."""
        return next(m for m in self.files[schema] if m.id == id_)


Handler = Callable[[Any, Run], Details | None]
HANDLERS: dict[type[Step], Handler] = {}


def handles(kind: type[S]) -> Callable[[Callable[[S, Run], Details | None]], Callable[[S, Run], Details | None]]:
    """Register the one function that carries out a kind of step."""

    def register(function: Callable[[S, Run], Details | None]) -> Callable[[S, Run], Details | None]:
        HANDLERS[kind] = function
        return function

    return register


def has_rows(conn: Connection[Any], table: TableName) -> bool:
    """Whether a table holds any row."""
    row = conn.execute(query("has_rows").format(table=sql.Identifier(*table))).fetchone()
    return bool(row and row[0])


def filled(conn: Connection[Any], tables: Sequence[TableName]) -> tuple[TableName, ...]:
    """Those of `tables` that hold rows. One without storage is not even opened: thousands of them take no lock."""
    wanted = {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]}
    stored = [TableName(r.schema, r.name) for r in conn.execute(query("select_stored"), wanted)]
    return tuple(table for table in stored if has_rows(conn, table))
