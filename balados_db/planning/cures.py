"""Say what to do about each object that stands in a reset's way: a statement to type, or a deed. Pure.

The statements are words for a person who looks at them first: nothing here is ever run by balados-db.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from balados_db.model import Manifest, Need, Outsider, SchemaKind
from balados_db.planning.steps import listed
from balados_db.toml_text import key
from balados_db.toml_text import quoted as quoted_text

SHARED = "shared"  # a schema to make where the manifest keeps none

# Objects that `alter … set schema` moves without touching a row.
MOVABLE = frozenset(
    {
        *("type", "function", "procedure", "aggregate", "collation", "conversion", "operator", "operator class"),
        *("operator family", "text search configuration", "text search dictionary", "text search parser"),
        *("text search template", "sequence", "statistics object"),
    }
)

# Words that PostgreSQL takes for something else where they stand alone.
_RESERVED = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
    except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into
    is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on
    only or order outer overlaps placing primary references returning right select session_user similar some
    symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when
    where window with
"""
RESERVED = frozenset(_RESERVED.split())


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a cure may build on: the schemas that stay, and those that the manifest knows."""

    kept: tuple[str, ...] = ()  # permanent and outside the scope: a home for what must not fall
    known: tuple[str, ...] = ()


def surroundings_of(manifest: Manifest, doomed: Iterable[str]) -> Surroundings:
    """What this manifest leaves beside the doomed schemas."""
    gone = tuple(doomed)
    permanent = manifest.of_kind(SchemaKind.PERMANENT)
    return Surroundings(
        kept=tuple(s.name for s in permanent if s.name not in gone),
        known=tuple(s.name for s in manifest.schemas),
    )


def in_the_way(
    type_: str, identity: str, reason: str, cure: str, schema: str | None = None, **more: Any
) -> dict[str, Any]:
    """One object of a refusal, as every refusal's `objects` hold it."""
    return {"type": type_, "identity": identity, "schema": schema, "reason": reason, "cure": cure, **more}


def of_table(schema: str, name: str, reason: str, cure: str) -> dict[str, Any]:
    """A table of the scope, or one that ought to be there."""
    return in_the_way("table", f"{schema}.{name}", reason, cure, schema)


def advice(objects: Sequence[dict[str, Any]], *instead: str) -> str:
    """What to do about all of them: their cure where it is one and the same, and what may be done instead."""
    cures = {str(o["cure"]) for o in objects}
    return "; or ".join((cures.pop() if len(cures) == 1 else "do what is said beside each", *instead))


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────


def quoted(*names: str) -> str:
    """A name as it is typed in SQL; several are joined by dots."""
    return ".".join(_quoted(name) for name in names)


def _quoted(name: str) -> str:
    if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as it is typed in SQL."""
    return "'" + text.replace("'", "''") + "'"


# ── what depends on the scope from outside ───────────────────────────────────────────────────────────────


def of_outsiders(outsiders: Sequence[Outsider], around: Surroundings) -> list[dict[str, Any]]:
    """Each object with the cure for exactly that object."""
    going = _going(outsiders, around)
    return [
        in_the_way(
            o.type, o.identity, o.reason, _with(o) if o in going and not o.inside else cure_for(o, around), o.schema
        )
        for o in outsiders
    ]


def _going(outsiders: Sequence[Outsider], around: Surroundings) -> set[Outsider]:
    """Those whose own cure is to be dropped here and made elsewhere, and whatever is built upon them."""
    going = {o for o in outsiders if o.inside and _DROPPED in cure_for(o, around)}
    while (
        more := {o for o in outsiders if not o.inside and _names(o) & {f"{g.type} {g.identity}" for g in going}} - going
    ):
        going |= more
    return going


def _names(outsider: Outsider) -> set[str]:
    return {str(need) for need in outsider.needs}


def _with(outsider: Outsider) -> str:
    """The cure of what is built upon an object that goes."""
    named = f"{outsider.part} on {outsider.table}" if outsider.type in _ON_TABLES else outsider.identity
    whole = _listed(outsider.needs)
    return f"it goes with {whole}: make it there too, and here, before that: drop {outsider.type} {named}"


def cure_for(outsider: Outsider, around: Surroundings) -> str:
    """What to do about an object outside that needs something in the scope."""
    if outsider.pids:
        return f"end the session that made it ({_processes(outsider.pids)})"
    if not outsider.inside and outsider.needs:
        return f"nothing of its own: it stays when {_listed(outsider.needs)} stays"
    cures = dict.fromkeys(_for_need(outsider, need, around) for need in outsider.needs)
    cure = "; ".join(cures) or f"drop {outsider.type} {outsider.identity}, or make it in the projection's migrations"
    return cure + _declaring(outsider, around)


def _for_need(outsider: Outsider, need: Need, around: Surroundings) -> str:
    if outsider.foreign_key:
        return f"keep the plain column: alter table {outsider.table} drop constraint {outsider.part}"
    if need.type in _ACROSS:
        return _ACROSS[need.type].format(outside=outsider.identity, inside=need.identity)
    home = _home(outsider, around)
    if need.type in MOVABLE:
        return f"{made(home, around)}{moved(need.type, need.identity, home)}"
    if need.type in _OF_ITS_OWN and not (need.type == "row type" and outsider.type in _OVER_A_TABLE):
        return made(home, around) + _OF_ITS_OWN[need.type].format(
            need=need.identity, home=quoted(home), table=outsider.table, part=outsider.part
        )
    words = _OVER_A_TABLE.get(outsider.type, _OVER_A_TABLE[""])
    return words.format(
        type=outsider.type,
        identity=outsider.identity,
        need=need.identity,
        schema=need.schema or "the projection",
        home=quoted(home),
        table=outsider.table,
        part=outsider.part,
    )


def of_missing_store(schema: str, like: str | None, elsewhere: tuple[str, ...] = ()) -> str:
    """What to do about a declared event store that is not there.

    `like` is the layout of the one that is, `elsewhere` are schemas that hold one of the declared layout.
    """
    if like is not None:
        return f"it holds another store: say layout = {quoted_text(like)} in [schemas.{key(schema)}]"
    if elsewhere:
        return f"such a store lies in {listed(elsewhere)}: declare that schema instead"
    return "install it with balados-db init, or correct `layout` in the manifest"


def moved(type_: str, identity: str, home: str) -> str:
    """The statement that moves an object into another schema; nothing that uses it notices."""
    name = identity.replace(" USING ", " using ")
    return f"alter {type_.removesuffix(' object')} {name} set schema {quoted(home)}"


_ACROSS = {
    "partitioned table": "alter table {inside} detach partition {outside}",
    "partition": "alter table {outside} detach partition {inside}",
    "parent": "alter table {outside} no inherit {inside}",
    "child": "alter table {inside} no inherit {outside}",
}

_OF_ITS_OWN = {
    "owned sequence": "alter sequence {need} owned by none; alter sequence {need} set schema {home}",
    "restarted sequence": "let it go on, so that no key is given twice: alter sequence {need} owned by none",
    "identity sequence": "give {table} a sequence of its own in {home}, set past its highest {part}: this one belongs"
    " to an identity column",
    "range type": "a range type does not move whole: create it again in {home}, and give it to what uses this one"
    " (alter table … alter column … type {home}.… using …::text::{home}.…)",
    "row type": "create a type of its own in {home} (create type … as), and use that one instead of the row of {need}",
}

_DROPPED = ", and here: drop "
_ON_TABLES = frozenset({"policy", "rule", "trigger"})

# What reads, or is bound to, a table or view that falls: by the type of the object outside.
_OVER_A_TABLE = {
    "view": "make it in the migrations of schema {schema}, and here: drop view {identity}",
    "materialized view": "make it in the migrations of schema {schema}, and here: drop materialized view {identity}",
    "function": "make it in the migrations of schema {schema}, and here: drop function {identity}",
    "procedure": "make it in the migrations of schema {schema}, and here: drop procedure {identity}",
    "policy": "let it ask a function of schema {home} whose body, a string, reads {need} (a string binds it to no"
    " table), and here: drop policy {part} on {table}",
    "rule": "let a projector write what it writes, and here: drop rule {part} on {table}",
    "trigger": "make it in the migrations of schema {schema}, and here: drop trigger {part} on {table}",
    "": "make {type} {identity} in the migrations of schema {schema}, and drop it here",
}


def _home(outsider: Outsider, around: Surroundings) -> str:
    """Where to put what it needs: beside it where that is permanent, else in another schema that stays."""
    return str(outsider.schema) if outsider.schema in around.kept else home_of(around)


def home_of(around: Surroundings) -> str:
    """A permanent schema that stays; where there is none, one to make."""
    return around.kept[0] if around.kept else SHARED


def made(home: str, around: Surroundings) -> str:
    """The statement before all others, where that schema is not there yet."""
    return "" if home in around.kept else f"create schema if not exists {quoted(home)}; "


def _declaring(outsider: Outsider, around: Surroundings) -> str:
    """A schema that the manifest does not know may be a projection that nobody declared."""
    if outsider.schema is None or outsider.schema in around.known:
        return ""
    section = f"[schemas.{key(outsider.schema)}]"
    return f'; or, if it can be rebuilt, declare {section} with kind = "projection" and its migrations'


def _processes(pids: tuple[int, ...]) -> str:
    return f"process {pids[0]}" if len(pids) == 1 else f"one of the processes {listed(pids)}"


def _listed(needs: Sequence[Need]) -> str:
    return " and ".join(str(need) for need in needs)
