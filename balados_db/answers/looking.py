"""The answers of commands that look at a database: sizes in bytes, times ISO 8601 in UTC, durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from balados_db.answers.answer import Answer, Target
from balados_db.finding import Finding
from balados_db.model import Journal, Session
from balados_db.planning.powers import EventTrigger, Guard, Login, Power, PreparedTransaction, Room
from balados_db.planning.rebuild import Standing
from balados_db.planning.status import ProjectorStatus, SchemaStatus
from balados_db.planning.verify import Checked
from balados_db.reference import SchemaReference


@dataclass(frozen=True, kw_only=True)
class StatusAnswer(Answer):
    """`head` is the newest event's number; `unfinished` a reset that is to be finished before anything else.

    `databases` says which is which, where there are several. `observed` are findings for which only --check exits 4.
    """

    schemas: tuple[SchemaStatus, ...]
    projectors: tuple[ProjectorStatus, ...]
    connected: tuple[Session, ...]
    head: int | None
    unfinished: Journal | None
    databases: Mapping[str, Target] = field(default_factory=dict)
    observed: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VerifyAnswer(Answer):
    """How much was looked at, and which tables this role may not read."""

    checked: Checked
    unseen: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RebuildAnswer(Answer):
    """`goal` is the event that is to be reached, `seconds` how long it was looked at.

    `observed`: what `status` says beside it, and `wait` would call findings.
    """

    head: int | None
    goal: int | None
    caught_up: bool
    seconds: float
    projectors: tuple[Standing, ...]
    observed: tuple[Finding, ...] = ()


# ── doctor ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class SeenConnection:
    """How the connection came about. Behind a pooler another process answers than the one that works."""

    url_from: str
    pooled: bool
    backend_pid: int
    handshake_pid: int
    options_dropped: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SeenServer:
    """What the server is, and what of it changes what a reset does."""

    version: str
    standby: bool
    read_only: bool
    prepared_transactions: tuple[PreparedTransaction, ...]
    event_triggers: tuple[EventTrigger, ...]


@dataclass(frozen=True, kw_only=True)
class DoctorAnswer(Answer):
    """A server that is too old to be asked leaves everything but the findings empty."""

    connection: SeenConnection | None = None
    server: SeenServer | None = None
    login: Login | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    set_for_this_login: tuple[str, ...] = ()
    room: Room | None = None
    could_destroy: tuple[Power, ...] = ()
    guards: tuple[Guard, ...] = ()
    unseen: tuple[str, ...] = ()


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class SeenStamp:
    """The stamp; `made_here` is false in a copy of the database that it was written for."""

    name: str
    database: str
    at: str
    by: str
    made_here: bool


@dataclass(frozen=True, kw_only=True)
class EnvironmentAnswer(Answer):
    """Which environment the database says it is; null where it was never stamped."""

    environment: str | None
    protected: bool
    stamp: SeenStamp | None


@dataclass(frozen=True, kw_only=True)
class SeenReceipt:
    """One destructive run. Rows are an estimate unless `exact`, and null where nobody knew."""

    id: int
    when: str
    command: str
    scope: str | None
    role: str
    client: str | None
    digest: str
    tables: int
    rows: int | None
    exact: bool


@dataclass(frozen=True, kw_only=True)
class HistoryAnswer(Answer):
    """Every destructive run, the newest first."""

    runs: tuple[SeenReceipt, ...]


@dataclass(frozen=True, kw_only=True)
class DocsAnswer(Answer):
    """The schema reference as facts and as a document; `file` is where it was written, or is to be."""

    schemas: tuple[SchemaReference, ...]
    markdown: str
    file: str | None = None
