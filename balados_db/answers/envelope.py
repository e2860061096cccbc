"""The one JSON object that a program reads, as types: in success and in failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balados_db.answers.answer import Answer, Target
from balados_db.model import Session, Trigger
from balados_db.planning.plan import Danger, Destroyed, Forecast, Kept, StartsOver, Way


@dataclass(frozen=True, kw_only=True)
class ShownStep:
    """One deed of a plan. An atomic phase is one transaction."""

    id: str
    summary: str
    destroys: bool
    phase: str
    atomic: bool
    database: str | None  # by its name in the manifest, where the plan concerns several


@dataclass(frozen=True, kw_only=True)
class ShownPlan:
    """What will be done, or was. `phrase` is what --confirm needs, null where nothing is destroyed.

    The digest covers what the plan depends on (identity, structure, migrations, names of checkpoints, steps), not what
    moves by itself. `stale`, `not_restored`: what the plan leaves behind, in words.
    """

    digest: str
    danger: Danger
    phrase: str | None
    scope: str | None
    targets: Mapping[str, Target]  # the databases that it concerns, by name, where they are several
    steps: tuple[ShownStep, ...]
    destroys: tuple[Destroyed, ...]
    keeps: tuple[Kept, ...]
    ways: tuple[Way, ...]
    starts_over: tuple[StartsOver, ...]
    forecast: Forecast | None
    connected: tuple[Session, ...]
    stale: tuple[str, ...]
    not_restored: tuple[str, ...]
    trigger: Trigger | None


@dataclass(frozen=True, kw_only=True)
class NamedObject:
    """One object of a refusal: why it is in the way, and what to do about exactly this one. Some say more."""

    type: str
    identity: str
    schema: str | None
    reason: str
    cure: str


@dataclass(frozen=True, kw_only=True)
class ErrorObject:
    """What went wrong. `code` is the contract, the message is not; `details` are the facts behind the message.

    Where it is about objects in the database, files or processes, `details.objects` lists them.
    `database` is the name of the one that it is about, where the manifest declares several.
    """

    code: str
    message: str
    hint: str
    retryable: bool
    database: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Before:
    """What was committed before it went wrong, in a run that cannot be one transaction. It stays."""

    done: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class InDatabase:
    """What one of several databases has to say."""

    target: Target | None
    changed: bool
    plan: ShownPlan | None
    result: Answer
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Object:
    """What a command that came to its end and one that did not have in common: which properties, in which order."""

    schema: str
    command: str
    ok: bool
    exit_status: int
    changed: bool
    dry_run: bool
    target: Target | None
    plan: ShownPlan | None
    databases: Mapping[str, InDatabase]
    result: Answer | Before
    warnings: tuple[str, ...]
    errors: tuple[ErrorObject, ...]
    next_actions: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Success(_Object):
    """A command that came to its end. With findings that ask for something it is not `ok`, and exits 4.

    Where the manifest declares several databases and the command works on each of them, `databases` has the plan and
    the answer of each by its name, and `result` is nothing but a frame. Else `databases` is empty.
    """

    result: Answer
    errors: tuple[()]


@dataclass(frozen=True, kw_only=True)
class Failure(_Object):
    """A command that ended badly, with exactly one error. `command` is empty where none was understood."""

    result: Before
    errors: tuple[ErrorObject]
