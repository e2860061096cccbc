"""The plan file: what was planned, for whom, and everything that is needed to say later what changed since."""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from balados_db import __version__
from balados_db.canonical import digest
from balados_db.errors import FileExists, PlanFileInvalid, UsageError

FORMAT = "balados-db plan"
VERSION = 1
MOST_BYTES = 64 * 1024 * 1024

Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
Id = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="of this file; it is applied once")]
Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="ISO 8601, UTC")]


class _Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file; keys that it does not know are mistakes."""


class PlannedStep(_Part, frozen=True):
    """One deed. `phase` names the run of steps that it belongs to; an atomic one is one transaction."""

    id: str
    summary: str
    destroys: bool
    phase: str
    atomic: bool
    database: str | None = None


class PlannedLoss(_Part, frozen=True):
    """A table whose rows are destroyed. Rows are an estimate unless `exact`; bytes on disk."""

    schema: str
    table: str
    rows: int | None
    exact: bool
    bytes: int
    rebuilt_by: tuple[str, ...]
    database: str | None = None


class PlannedKeep(_Part, frozen=True):
    """A schema that stays what it is."""

    schema: str
    kind: str
    holds: str
    tables: int
    rows: int | None
    exact: bool
    partly: bool = False
    database: str | None = None


class Target(_Part, frozen=True):
    """The database that it was planned for, as its server reported it; oid 0 is one that is not there yet."""

    server: str
    database: str
    role: str
    environment: str | None
    server_version: str
    system_identifier: str
    database_oid: int


class PlanFile(_Part, frozen=True):
    """What `balados-db plan` writes and `balados-db apply` reads."""

    format: Literal["balados-db plan"]
    version: Literal[1]
    id: Id
    created_at: Time
    made_by: Annotated[str, Meta(description="the version of balados-db")]
    command: str
    arguments: Annotated[tuple[str, ...], Meta(min_length=1, description="of the command; no phrase, no URL")]
    manifest: Annotated[str, Meta(description="the absolute path of the manifest that it was planned with")]
    target: Annotated[Target, Meta(description="where it concerns several databases: the first of them")]
    targets: Annotated[dict[str, Target], Meta(description="by name in the manifest, where it concerns several")]
    digest: Annotated[Digest, Meta(description="of `facts`")]
    danger: Literal["none", "safe", "caution", "danger", "extreme"]
    phrase: str | None
    scope: str | None
    steps: tuple[PlannedStep, ...]
    destroys: tuple[PlannedLoss, ...]
    keeps: tuple[PlannedKeep, ...]
    warnings: tuple[str, ...]
    facts: Annotated[dict[str, Any], Meta(description="what the plan is and depends on")]
    checksum: Annotated[Digest, Meta(description="of everything else in the file")]


def new_plan_file(**facts: Any) -> PlanFile:
    """A file with an id of its own, made now, sealed by the checksum of its content."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "id": secrets.token_hex(16),
        "created_at": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "made_by": __version__,
        **facts,
    }
    return msgspec.convert({**content, "checksum": digest(content)}, PlanFile)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a plan file, of this version."""
    return msgspec.json.schema(PlanFile)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────


def text_of(file: PlanFile) -> str:
    """The file's text: JSON, indented, to be read by people as well."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2).decode() + "\n"


def refuse_existing(path: Path) -> None:
    """Before anything is planned. Raises FileExists, or UsageError for what no file can be made of."""
    if path.exists() and not path.is_file():
        what = "it is a directory" if path.is_dir() else "it is no ordinary file"
        raise UsageError(problem=f"{path} cannot be written: {what}", hint="name a new file, or - for standard output")
    if os.path.lexists(path):
        raise FileExists(file=str(path))
    if not path.parent.is_dir():
        raise UsageError(problem=f"{path} cannot be written: there is no directory {path.parent}")


def write_plan_file(file: PlanFile, path: Path) -> None:
    """Write a new file that only its owner may read, whole or not at all. Raises FileExists, UsageError."""
    refuse_existing(path)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise FileExists(file=str(path)) from exc
    except OSError as exc:
        raise UsageError(problem=f"{path} cannot be written: {exc.strerror}") from exc
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.write(text_of(file))
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as exc:
        path.unlink(missing_ok=True)
        if isinstance(exc, OSError):
            raise UsageError(problem=f"{path} cannot be written: {exc.strerror}") from exc
        raise


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────


def read_plan_file(path: Path) -> PlanFile:
    """Read a file and check that it is whole. Raises PlanFileInvalid."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as exc:
        raise PlanFileInvalid(file=str(path), problem=f"cannot be read: {exc.strerror}") from exc
    return parse_plan_file(content, str(path))


def parse_plan_file(content: bytes, name: str) -> PlanFile:
    """Understand the text of a file; `name` is for messages. Raises PlanFileInvalid."""
    if len(content) > MOST_BYTES:
        raise PlanFileInvalid(file=name, problem=f"is larger than {MOST_BYTES:,} bytes, so it is no plan")
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise PlanFileInvalid(file=name, problem=f"is not whole, or no JSON: {exc}") from exc
    _refuse_others(found, name)
    try:
        file = msgspec.convert(found, PlanFile)
    except msgspec.ValidationError as exc:
        raise PlanFileInvalid(file=name, problem=f"does not have the form of a plan: {exc}") from exc
    content_of = {key: value for key, value in found.items() if key != "checksum"}
    if file.checksum != _digest(content_of) or file.digest != _digest(file.facts):
        raise PlanFileInvalid(
            file=name, problem="was changed after it had been made: its digest is not that of its content"
        )
    return file


def _digest(value: Any) -> str:
    """An empty one for what cannot have been written by us."""
    try:
        return digest(value)
    except (TypeError, ValueError, RecursionError):
        return ""


def _refuse_others(found: Any, name: str) -> None:
    """Another kind of file, or one of a version that is not known here."""
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise PlanFileInvalid(file=name, problem="is no plan of balados-db")
    version = found.get("version")
    if version != VERSION or isinstance(version, bool):
        made = f"a plan of version {version!r}, made by balados-db {found.get('made_by')}"
        raise PlanFileInvalid(file=name, problem=f"is {made}; this is {__version__}, which reads version {VERSION}")
