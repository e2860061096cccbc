"""Decode a TOML file into sections. A mistake names the file, the key and, where there is one, the nearest word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from balados_db.errors import ManifestInvalid, ManifestSyntax, ManifestUnreadable
from balados_db.manifest.sections import (
    CheckpointSection,
    ConfirmationSection,
    DatabaseSection,
    DatabasesSection,
    EnvironmentsSection,
    EventStoreSection,
    ManifestFile,
    ProjectorSection,
    RebuildSection,
    SchemaSection,
    Section,
    SubscriptionSection,
)
from balados_db.toml_text import parsed


def read_toml(file: Path) -> tuple[str, dict[str, Any]]:
    """Read a TOML file: its text, and what it says. Raises ManifestUnreadable or ManifestSyntax."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return text, parsed(text)
    except OSError as exc:
        raise ManifestUnreadable(file=str(file), problem=exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        at = f"line {exc.object[: exc.start].count(10) + 1}, byte {exc.start}"
        raise ManifestUnreadable(file=str(file), problem=f"it is not UTF-8 ({at})", hint="save it as UTF-8") from exc
    except ValueError as exc:
        raise ManifestSyntax(file=str(file), problem=str(exc)) from exc


S = TypeVar("S", bound=Section)
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


class Reader:
    """Decodes one file's tables, so that every message can say where it stands."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def invalid(self, key: str, problem: str) -> ManifestInvalid:
        """The error that says what is wrong with a key of this file."""
        return ManifestInvalid(file=str(self.file), key=key, problem=problem)

    def known(self, keys: Iterable[str], right: Iterable[str], at: str) -> None:
        """Refuse the first key that is not one of `right`."""
        right = tuple(right)
        for key in keys:
            if key not in right:
                raise self.invalid(_join(at, key), f"unknown key{nearest(key, right)}")

    def section(self, value: Any, kind: type[S], at: str) -> S:
        """Decode one table; its messages get the table's own path in front."""
        if not isinstance(value, dict):
            raise self.invalid(at, f"expected a table, got {type(value).__name__}")
        fields = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
        self.known(value, fields, at)
        for name, inner in _inner_sections(fields).items():
            plain = isinstance(value.get(name), str) and str in get_args(fields[name])
            if name in value and not plain:  # first by themselves: their messages say where and what is nearest
                decode: Callable[..., Any] = self.listed if get_origin(fields[name]) is tuple else self.section
                decode(value[name], inner, _join(at, name))
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as exc:
            raise self._said(exc, fields, at) from exc

    def sections(self, value: Any, kind: type[S], at: str) -> dict[str, S]:
        """Decode a table of tables."""
        if not isinstance(value, dict):
            raise self.invalid(at, f"expected a table of tables, got {type(value).__name__}")
        return {name: self.section(table, kind, f"{at}.{name}") for name, table in value.items()}

    def listed(self, value: Any, kind: type[S], at: str) -> tuple[S, ...]:
        """Decode an array of tables."""
        if not isinstance(value, list):
            raise self.invalid(at, f"expected [[{at}]], got {type(value).__name__}")
        return tuple(self.section(table, kind, f"{at}[{n}]") for n, table in enumerate(value))

    def _said(self, exc: msgspec.ValidationError, fields: Mapping[str, Any], at: str) -> ManifestInvalid:
        text = str(exc)
        found = _AT.search(text)
        path = found["path"] if found else ""
        problem = _AT.sub("", text)
        wrong = re.search(r"Invalid enum value '(.*)'", problem)
        if wrong and path in fields:
            words = _words(fields[path])
            if wrong[1] == "undecided":
                return self.invalid(_join(at, path), f"nobody has decided it yet: say {' or '.join(words[:2])}")
            problem = f"{wrong[1]!r} is not one of {', '.join(words)}{nearest(wrong[1], words)}"
        return self.invalid(_join(at, path), problem)


def _inner_sections(fields: Mapping[str, Any]) -> dict[str, type[Section]]:
    """The fields that are sections themselves, or arrays of them."""
    found = {name: [a for a in get_args(type_) if isinstance(a, type)] for name, type_ in fields.items()}
    return {name: a for name, types in found.items() for a in types if issubclass(a, Section)}


def _words(type_: Any) -> list[str]:
    """The words that a field understands."""
    if isinstance(type_, type) and issubclass(type_, Enum):
        return [member.value for member in type_]
    return [word for a in (type_, *get_args(type_)) if get_origin(a) is Literal for word in get_args(a)]


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at and key else at or key


def nearest(word: str, right: Iterable[str]) -> str:
    """The end of a sentence about a wrong word: the right one that it looks like, if it does."""
    near = get_close_matches(word, list(right), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _with_nul(value: Any, at: str) -> Iterator[str]:
    """Where TOML allows what neither PostgreSQL nor a program can be given."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (at or "it",) if "\0" in key else _with_nul(inner, _join(at, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _with_nul(inner, f"{at}[{n}]")
    elif isinstance(value, str) and "\0" in value:
        yield at


def decode_manifest(raw: dict[str, Any], file: Path) -> ManifestFile:
    """What a manifest's file says, table by table. Raises ManifestInvalid for the first mistake."""
    reader = Reader(file)
    for at in _with_nul(raw, ""):
        raise reader.invalid(at, "it holds a NUL, which no name, text or program can")
    reader.known(raw, (f.encode_name for f in msgspec.structs.fields(ManifestFile)), "")
    if raw.get("version") != 1 or isinstance(raw["version"], bool):
        raise reader.invalid("version", "this balados-db understands `version = 1`, which must be there")
    read: dict[str, tuple[Callable[..., Any], type[Section]]] = {
        "schemas": (reader.sections, SchemaSection),
        "projectors": (reader.sections, ProjectorSection),
        "subscriptions": (reader.sections, SubscriptionSection),
        "checkpoints": (reader.listed, CheckpointSection),
        "database": (reader.section, DatabaseSection),
        "databases": (reader.sections, DatabasesSection),
        "event_store": (reader.section, EventStoreSection),
        "confirmation": (reader.section, ConfirmationSection),
        "environments": (reader.section, EnvironmentsSection),
        "rebuild": (reader.section, RebuildSection),
    }
    parts: dict[str, Any] = {}
    for key, value in raw.items():
        if key != "version":
            decode, kind = read[key]
            parts[key] = decode(value, kind, key)
    return ManifestFile(version=1, **parts)
