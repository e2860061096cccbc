"""The answers of commands that are about files and the embedded server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balados_db.answers.answer import Answer
from balados_db.guess import Guess


@dataclass(frozen=True, kw_only=True)
class NewAnswer(Answer):
    """The files that were written: the migration, and the one that takes it back."""

    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlanAnswer(Answer):
    """A plan that was written down: its id, the command that it is of, and the file; with `--out -` the document."""

    id: str
    file: str | None
    arguments: tuple[str, ...]
    document: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class AppliedFile:
    """The plan file that was carried out."""

    id: str
    created_at: str


@dataclass(frozen=True, kw_only=True)
class ApplyAnswer(Answer):
    """Which plan it was; what was done is in the steps."""

    plan_file: AppliedFile


@dataclass(frozen=True, kw_only=True)
class CheckedFiles:
    """How much was looked at; `judged` are the migrations whose content was looked at as well."""

    schemas: int
    projectors: int
    migrations: int
    judged: int


@dataclass(frozen=True, kw_only=True)
class CheckAnswer(Answer):
    """The lock file, null where none is kept, and squawk's version, null where it was not asked."""

    manifest: str
    lock: str | None
    squawk: str | None
    checked: CheckedFiles


# ── manifest ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class WrittenSchema:
    """A schema as the manifest declares it; `migrations` counts its files, null where it has no directory of them."""

    schema: str
    kind: str
    migrations: int | None
    holds: str


@dataclass(frozen=True, kw_only=True)
class WrittenProjector:
    """A projector as the manifest declares it."""

    projector: str
    tables: tuple[str, ...]
    events: tuple[str, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ManifestCheckAnswer(Answer):
    """What the manifest says. `subscriptions`: the replay policy by name; `checkpoints`: tables of positions."""

    manifest: str
    schemas: tuple[WrittenSchema, ...]
    projectors: tuple[WrittenProjector, ...]
    subscriptions: Mapping[str, str]
    checkpoints: tuple[str, ...]
    protected: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ManifestSchemaAnswer(Answer):
    """The JSON Schema that a manifest follows."""

    json_schema: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ManifestInitAnswer(Answer):
    """The proposed manifest as TOML; `file` is where it was written, null for standard output.

    `guesses`: every word that was inferred, with how sure it is and why. While a schema is `undecided`, no command
    accepts the manifest: decide with --kind SCHEMA=KIND, or in the file.
    """

    manifest: str
    file: str | None
    guesses: tuple[Guess, ...]
    undecided: tuple[str, ...]


# ── server ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class ServerStartAnswer(Answer):
    """The URL, its password included, the server's folder, and whether it was started just now."""

    url: str
    home: str
    started: bool


@dataclass(frozen=True, kw_only=True)
class ServerStopAnswer(Answer):
    """Whether there was anything to stop."""

    stopped: bool
    home: str


@dataclass(frozen=True, kw_only=True)
class ServerUrlAnswer(Answer):
    """The URL of the running server, its password included."""

    url: str
    home: str
