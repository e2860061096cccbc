"""A plan: what will be done, how bad that is, what it destroys and keeps, and the phrase it needs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from balados_db.canonical import digest, plain
from balados_db.errors import StalePlan, in_database
from balados_db.model import Identity, Session, TableName, Trigger
from balados_db.planning.facts import changed_database, changes, facts_of
from balados_db.planning.steps import OpenJournal, Step


class Danger(str, Enum):
    """How bad a plan is."""

    NONE = "none"  # destroys nothing
    SAFE = "safe"  # destroys only what is rebuilt from events
    CAUTION = "caution"  # also empties tables that no declared projector rebuilds
    DANGER = "danger"  # destroys what exists nowhere else
    EXTREME = "extreme"  # destroys the events themselves

    def is_worse_than(self, other: Danger) -> bool:
        """In the order in which they are written down here."""
        grades = list(Danger)
        return grades.index(self) > grades.index(other)


@dataclass(frozen=True, kw_only=True)
class Destroyed:
    """Something that the plan destroys. Rows are an estimate unless `exact`; bytes on disk."""

    schema: str
    table: str
    rows: int | None = None
    exact: bool = False
    bytes: int = 0
    rebuilt_by: tuple[str, ...] = ()
    database: str | None = None  # by its name in the manifest, where the plan concerns several


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A schema that the plan keeps, with what it holds; `partly`: but for the tables that the plan empties."""

    schema: str
    kind: str
    holds: str = ""
    tables: int = 0
    rows: int | None = None
    exact: bool = False
    partly: bool = False
    database: str | None = None


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a schema is reset, and why that way."""

    schema: str
    way: str  # "empty" or "recreate"
    why: str
    holds: str = ""
    database: str | None = None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """How many events are to be replayed, and in about how many seconds, going by so many measured rebuilds.

    No seconds where none was measured. `unmeasured` names the projectors of which nothing is known.
    """

    events: int
    exact: bool = False
    seconds: float | None = None
    rebuilds: int = 0
    measured_on: str | None = None
    unmeasured: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StartsOver:
    """A projector whose positions are forgotten; `because` says why it goes along where nobody asked for it."""

    projector: str
    tables: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    because: str | None = None
    forecast: Forecast | None = None


@dataclass(frozen=True, kw_only=True)
class Fence:
    """Whom to keep out while the plan runs; `ids` are the subscriptions' ids, `called` says whose each is.

    Where a store has no locks of its own, `probe` tells who of `projectors` runs, or who runs at all for `every_id`.
    """

    class_table: TableName | None = None
    ids: tuple[int, ...] = ()
    called: tuple[tuple[int, str], ...] = ()
    every_id: bool = False
    probe: str | None = None
    projectors: tuple[str, ...] = ()

    def name_of(self, id_: int) -> str:
        """Whose subscription has this id."""
        return dict(self.called).get(id_, f"subscription {id_}")


@dataclass(frozen=True, kw_only=True)
class Locks:
    """Tables to lock before a transaction's snapshot is taken."""

    checkpoints: tuple[TableName, ...] = ()
    exclusive: tuple[TableName, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A run of steps. An atomic one is one transaction; the others cannot be."""

    name: str
    steps: tuple[Step, ...]
    atomic: bool = True
    locks: Locks = field(default_factory=Locks)
    database: str | None = None  # by its name in the manifest, where the plan concerns several


@dataclass(frozen=True, kw_only=True)
class Site:
    """One database of a plan that concerns several: by its name in the manifest, as its server reports it."""

    name: str
    identity: Identity
    fence: Fence
    preconditions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What of this database the plan depends on, in the form of a plan's own facts."""
        facts: dict[str, Any] = plain(facts_of(self.identity, self.preconditions))
        return facts


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one command will do. Everything that shows or runs it reads this one object."""

    command: str
    identity: Identity | None
    phases: tuple[Phase, ...] = ()
    danger: Danger = Danger.NONE
    phrase: str | None = None
    scope: str | None = None
    destroys: tuple[Destroyed, ...] = ()
    keeps: tuple[Kept, ...] = ()
    ways: tuple[Way, ...] = ()
    starts_over: tuple[StartsOver, ...] = ()
    forecast: Forecast | None = None  # of all who start over, beside each other
    stale: tuple[str, ...] = ()
    not_restored: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    connected: tuple[Session, ...] = ()
    trigger: Trigger | None = None  # what is set off after the commit
    fence: Fence | None = None
    preconditions: Mapping[str, Any] = field(default_factory=dict)
    sites: tuple[Site, ...] = ()  # the databases that it concerns, where they are several

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, in order."""
        return tuple(step for phase in self.phases for step in phase.steps)

    def identity_of(self, database: str | None) -> Identity | None:
        """The identity of one of its databases, by name; of the only one for None."""
        return next((site.identity for site in self.sites if site.name == database), self.identity)

    @property
    def journalled(self) -> bool:
        """Whether it takes several transactions and notes in the database how far it got."""
        return any(isinstance(step, OpenJournal) for step in self.steps)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def destructive(self) -> bool:
        """Whether it destroys anything, and so needs its phrase."""
        return self.phrase is not None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the plan is and depends on: command, target, steps, phrase, what it sets off, its `preconditions`.

        Rows, bytes, positions and connections move by themselves and are left out; so is the danger, which can follow
        from rows. What a plan file keeps, and what can be compared: nothing but lists, dicts, texts and numbers.
        """
        steps = [{"step": step.id, **asdict(step)} for step in self.steps]
        trigger = asdict(self.trigger) if self.trigger else None
        said = {"command": self.command, "scope": self.scope, "phrase": self.phrase, "trigger": trigger}
        facts: dict[str, Any] = plain({**said, "steps": steps, **facts_of(self.identity, self.preconditions)})
        return facts

    @cached_property
    def digest(self) -> str:
        """`sha256:` over the facts in their canonical spelling."""
        return digest(self.facts)

    def refuse_other(self, facts: Mapping[str, Any], danger: Danger) -> None:
        """Refuse to pass for another plan, whose facts these are and which was said to be as dangerous as `danger`.

        Raises StalePlan, which names what changed, and the database where that is one of several.
        """
        changed = changes(facts, self.facts)
        if self.danger.is_worse_than(danger):
            changed += (f"its danger: it was {danger.value}, and is {self.danger.value}",)
        if changed:
            with in_database(changed_database(facts, self.facts)):
                raise StalePlan(changes="; ".join(changed), changed=changed, planned=digest(facts), now=self.digest)


def in_shell(words: tuple[str, ...]) -> str:
    """A command as it is typed."""
    return shlex.join(words)


def one_phase(name: str, steps: list[Step] | tuple[Step, ...], locks: Locks | None = None) -> tuple[Phase, ...]:
    """Put these steps into one atomic phase; no steps make no phase."""
    return (Phase(name=name, steps=tuple(steps), locks=locks or Locks()),) if steps else ()
