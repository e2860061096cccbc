"""The answers of commands that explain or show what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balados_db.answers.answer import Answer
from balados_db.decision_tree import Advice


@dataclass(frozen=True, kw_only=True)
class HelpAnswer(Answer):
    """What `--help` prints, of the program or of the command in `about`."""

    about: str
    help: str


@dataclass(frozen=True, kw_only=True)
class VersionAnswer(Answer):
    """The version of balados-db."""

    version: str


@dataclass(frozen=True, kw_only=True)
class CompletionAnswer(Answer):
    """The script that a shell is to read."""

    shell: str
    script: str


# ── guide ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One answer to a question: it leads to another question or to advice, never to both."""

    label: str
    question: Fork | None
    advice: Advice | None


@dataclass(frozen=True, kw_only=True)
class Fork:
    """A question with its answers."""

    asks: str
    choices: tuple[Branch, ...]


@dataclass(frozen=True, kw_only=True)
class GuideAnswer(Answer):
    """The decision tree, with the manifest's names where there is one."""

    tree: Fork


# ── explain ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class ExplainedStatus:
    """An exit status. `retryable`: the same command may succeed later, unchanged. `codes`: the errors that end so."""

    exit_status: int
    name: str
    means: str
    retryable: bool
    do: str
    codes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ExplainedCode:
    """An error's code; what differs from run to run stands in <angle brackets>."""

    code: str
    message: str
    exit_status: int
    name: str
    means: str
    retryable: bool
    do: str


@dataclass(frozen=True, kw_only=True)
class ExplainedFinding:
    """A finding's code. Each finding of it says itself how grave it is and what to do about its subject."""

    code: str
    means: str


@dataclass(frozen=True, kw_only=True)
class ExplainAnswer(Answer):
    """What was asked for; everything where nothing was named. `schemas`: JSON Schemas by command."""

    statuses: tuple[ExplainedStatus, ...] = ()
    codes: tuple[ExplainedCode, ...] = ()
    finding_codes: tuple[ExplainedFinding, ...] = ()
    schemas: Mapping[str, Any] | None = None


# ── demo ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class DemoTable:
    """A table at the end of the story."""

    table: str
    kind: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class DemoAnswer(Answer):
    """What the story came to: wall time in seconds; `kept` is the server's folder, null where it is gone again."""

    events: int
    projection_seconds: float
    rebuild_seconds: float
    projectors: tuple[str, ...]
    rebuilt_rows: int
    tables: tuple[DemoTable, ...]
    kept: str | None = None
