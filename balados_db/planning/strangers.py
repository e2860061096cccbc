"""Find what nobody's migrations made: by the recorded structure where there is one, else by names. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import Enum

from balados_db.manifest_check import mentioned

# What a migration must name to make it; names of indexes and constraints the server often chooses itself.
_ALONE = ("relation", "sequence", "function", "type")
_ON_RELATIONS = ("trigger", "policy", "rule")
_PARTS = ("column", "constraint", "index", *_ON_RELATIONS)


class Proof(str, Enum):
    """How it is known that no migration made something."""

    STRUCTURE = "structure"
    NAMES = "names"
    UNRECORDED = "unrecorded"
    INSTALL = "install"


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """Something in a declared schema that its migrations did not make."""

    schema: str
    kind: str
    name: str
    proof: Proof


def unmentioned(structure: Mapping[str, str], texts: tuple[str, ...], owned: Set[str]) -> tuple[str, ...]:
    """The structure's facts about things that none of the texts speaks of; parts of such a table go with it.

    `owned` are sequences that go with their tables: nobody names those either.
    """
    relations = [name for kind, name in map(_split, structure) if kind == "relation"]
    found = [key for key in structure if _is_unmentioned(key, relations, texts, owned)]
    strange = tuple(name for kind, name in map(_split, found) if kind == "relation")
    return tuple(key for key in found if not _is_part(key, strange))


def without(structure: Mapping[str, str], strangers: tuple[str, ...], owned: Set[str]) -> dict[str, str]:
    """The structure as it would be if the strangers were not there."""
    tables = tuple(name for kind, name in map(_split, strangers) if kind == "relation")
    sequences = {f"sequence {name}" for name in owned if name.startswith(tuple(f"{table}_" for table in tables))}
    gone = {*strangers, *sequences}
    return {key: fact for key, fact in structure.items() if key not in gone and not _is_part(key, tables)}


def strangers_of(schema: str, found: tuple[str, ...], proof: Proof) -> Iterator[Stranger]:
    """Facts of a structure as things with a kind and a name."""
    for key in found:
        kind, name = _split(key)
        yield Stranger(schema=schema, kind=kind, name=name, proof=proof)


def _split(key: str) -> tuple[str, str]:
    kind, _, name = key.partition(" ")
    return kind, name


def _is_unmentioned(key: str, relations: list[str], texts: tuple[str, ...], owned: Set[str]) -> bool:
    kind, name = _split(key)
    if kind == "sequence" and name in owned:
        return False
    if kind in _ALONE:
        return not mentioned(name.partition("(")[0] if kind == "function" else name, texts)
    if kind not in _ON_RELATIONS:
        return False
    on = max((r for r in relations if name.startswith(f"{r}.")), key=len, default="")
    return not mentioned(name[len(on) + 1 :], texts)


def _is_part(key: str, tables: tuple[str, ...]) -> bool:
    """Whether this fact is about a part of one of the tables."""
    return key.startswith(tuple(f"{part} {table}." for part in _PARTS for table in tables))
