"""Say why a scope cannot be shaped into a reset: the error, with each object that is in the way and its cure. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from balados_db.errors import (
    EmptyImpossible,
    EventStoreInScope,
    ProjectorAcrossScope,
    ProjectorReadsMissing,
    ProjectorsBound,
    ProjectorTablesMissing,
    RecreateImpossible,
    Undroppable,
    UnknownEventStore,
)
from balados_db.model import DatabaseState, Projector, Relation, SchemaDeclaration, SchemaState, TableName
from balados_db.planning import cures
from balados_db.planning.steps import listed
from balados_db.toml_text import key

if TYPE_CHECKING:
    from balados_db.planning.companions import Companion

_EMPTY, _RECREATE = "reset with --empty, which drops nothing", "reset it with --recreate"


def across_scope(projector: Projector, tables: tuple[TableName, ...]) -> ProjectorAcrossScope:
    """A projector that would start over while some of its tables keep their rows."""
    cure = "add --with-dependents to empty it as well, or let a projector of its own fill it"
    objects = [cures.of_table(*table, f"{projector.name} fills it too", cure) for table in tables]
    hint = cures.advice(objects, "reset all projections")
    return ProjectorAcrossScope(projector=projector.name, tables=listed(tables), objects=objects, hint=hint)


def bound(ties: Sequence[Companion], chosen: Sequence[Projector]) -> ProjectorsBound:
    """Projectors that are not of the scope and would be wrong after it; each table with who fills it here."""
    objects = [_of_tie(tie, table, chosen) for tie in ties for table in tie.tables]
    names = tuple(f"{tie.projector.name} {tie.bond.value} {_filled(tie.tables, chosen)}" for tie in ties)
    return ProjectorsBound(count=len(ties), names="; ".join(names), objects=objects, hint=_ALONG)


_ALONG = "add --with-dependents to let them start over together, or reset all projections"


def _of_tie(tie: Companion, table: TableName, chosen: Sequence[Projector]) -> dict[str, Any]:
    name = tie.projector.name
    here = f"is filled by {listed(_fillers(table, chosen))}" if _fillers(table, chosen) else "is of this scope"
    return cures.of_table(*table, f"{here}, and {name} {tie.bond.value} it", _ALONG) | {
        "projector": name,
        "bond": tie.bond.value,
        "filled_by": list(_fillers(table, chosen)),
    }


def _filled(tables: Sequence[TableName], chosen: Sequence[Projector]) -> str:
    said = []
    for table in tables:
        fillers = _fillers(table, chosen)
        said.append(f"{table}, which {listed(fillers)} fills" if fillers else str(table))
    return listed(tuple(said))


def _fillers(table: TableName, chosen: Sequence[Projector]) -> tuple[str, ...]:
    return tuple(p.name for p in chosen if table in p.tables)


def reads_missing(projector: Projector, missing: Mapping[TableName, Sequence[str]]) -> ProjectorReadsMissing:
    """Tables that a projector is said to read, and that are not there; each with the names beside it."""
    objects = []
    for table, names in missing.items():
        meant = _meant(table, names)
        cure = f"apply what is pending with balados-db migrate, or correct `reads` in the manifest{meant}"
        objects.append(cures.of_table(*table, f"is read by {projector.name}, and does not exist", cure))
    return ProjectorReadsMissing(
        projector=projector.name, tables=listed(tuple(missing)), objects=objects, hint=cures.advice(objects)
    )


def _meant(table: TableName, names: Sequence[str]) -> str:
    """The name beside it that is most like it; a capital letter alone is the commonest slip."""
    lower = {name.lower(): name for name in names}
    near = get_close_matches(table.name.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean {table.schema}.{lower[near[0]]}?" if near else ""


def store_in_scope(schema: SchemaDeclaration, proof: tuple[str, ...]) -> EventStoreInScope:
    """An event store where the manifest declares something else."""
    cure = f'declare [schemas.{key(schema.name)}] with kind = "event_store", or move it into a schema of its own'
    objects = [cures.of_table(schema.name, name, "is an event store's", cure) for name in proof]
    return EventStoreInScope(
        schema=schema.name, kind=schema.kind.value, tables=listed(proof), objects=objects, hint=cure
    )


def store_missing(store: SchemaDeclaration, state: DatabaseState) -> UnknownEventStore:
    """No event store where the manifest declares one."""
    missing = lacking(store, state)
    cure = cures.of_missing_store(store.name, state.event_store_like, state.store_in)
    objects = [cures.of_table(store.name, name, "is not there", cure) for name in missing]
    return UnknownEventStore(schema=store.name, missing=listed(missing), objects=objects, hint=cure)


def lacking(store: SchemaDeclaration, state: DatabaseState) -> tuple[str, ...]:
    """Those tables of the declared event store that are not there."""
    proof = store.layout.proof if store.layout else ()
    return tuple(table for table in proof if table not in state.event_store_tables)


def tables_missing(
    projector: Projector, found: Mapping[TableName, Relation | None], state: DatabaseState
) -> ProjectorTablesMissing:
    """Tables of a projector that cannot be emptied, with what they are instead; empty where it names none at all."""
    objects = [of_missing(table, relation, _beside(state, table)) for table, relation in found.items()]
    said = listed(tuple(found)) or "none are declared"
    return ProjectorTablesMissing(projector=projector.name, tables=said, objects=objects)


def _beside(state: DatabaseState, table: TableName) -> tuple[str, ...]:
    return tuple(relation.name for relation in state.schema(table.schema).relations if relation.holds_rows)


def of_missing(table: TableName, relation: Relation | None, beside: Sequence[str] = ()) -> dict[str, Any]:
    """A table that a projector is said to fill, and that cannot be emptied; `beside`: the tables that are there."""
    if relation is None:
        cure = (
            f"apply what is pending with balados-db migrate, or correct `tables` in the manifest{_meant(table, beside)}"
        )
        return cures.of_table(*table, "does not exist", cure)
    reason = f"is a {relation.kind.name.lower()}" if not relation.holds_rows else f"holds {relation.role.value}"
    return cures.of_table(*table, f"{reason}: it is not emptied", "take it out of `tables` in the manifest")


def may_not_truncate(names: tuple[object, ...]) -> str:
    """What stands in the way of emptying these tables."""
    return f"this role may not truncate {listed(names)}"


def untruncatable(found: SchemaState, role: str) -> EmptyImpossible:
    """Tables that this role may not empty."""
    objects = [
        cures.of_table(
            *(found.name, name, "this role may not truncate it"),
            f"grant truncate on {cures.quoted(found.name, name)} to {cures.quoted(role)}",
        )
        for name in found.cannot_empty
    ]
    reason = may_not_truncate(found.cannot_empty)
    return EmptyImpossible(schema=found.name, reason=reason, objects=objects, hint=cures.advice(objects, _RECREATE))


def unemptied(schema: str, reason: str, cure: str) -> EmptyImpossible:
    """A schema in which emptying would not leave what its migrations make."""
    objects = [cures.in_the_way("schema", schema, reason, cure, schema)]
    return EmptyImpossible(schema=schema, reason=reason, objects=objects, hint=cure)


def undroppable(found: SchemaState) -> Undroppable:
    """Objects of kinds that are not dropped for anybody."""
    objects = [of_undroppable(named, found.name) for named in found.undroppable]
    instead = () if found.cannot_empty else (_EMPTY,)
    names = listed(found.undroppable)
    return Undroppable(schema=found.name, names=names, objects=objects, hint=cures.advice(objects, *instead))


_BASE = "base type "


def of_undroppable(named: str, schema: str) -> dict[str, Any]:
    """One of them: `type identity`, as the server calls it."""
    reason = "is of a kind that balados-db does not drop"
    type_ = next((t for t in sorted(cures.MOVABLE, key=len, reverse=True) if named.startswith(f"{t} ")), None)
    if named.startswith(_BASE):
        identity = named.removeprefix(_BASE)
        reason = "cannot be dropped before its functions, nor they before it"
        cure = f"with its functions and every column of it: drop type {identity} cascade"
        return cures.in_the_way("type", identity, reason, cure, schema)
    if type_ is None:
        return cures.in_the_way("object", named, reason, f"drop {named}", schema)
    identity = named.removeprefix(f"{type_} ")
    cure = (
        f"drop {named}; or, to keep it, move it into a schema to make for it: "
        f"{cures.moved(type_, identity, cures.SHARED)}"
    )
    return cures.in_the_way(type_, identity, reason, cure, schema)


def unmade(found: SchemaState, impossible: str, why: str) -> RecreateImpossible:
    """A schema whose migrations cannot make it anew in one transaction."""
    cure = f"let `migrations` under [schemas.{key(found.name)}] name files that make all of it in a transaction"
    objects = [cures.in_the_way("schema", found.name, impossible, cure, found.name)]
    instead = (_EMPTY,) if found.exists and not found.cannot_empty else ()
    hint = cures.advice(objects, *instead)
    return RecreateImpossible(schema=found.name, reason=f"{impossible} ({why})", objects=objects, hint=hint)
