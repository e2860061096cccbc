"""Say what a destructive plan keeps."""

from __future__ import annotations

from collections.abc import Mapping

from balados_db.model import DatabaseState, Manifest, Relation, SchemaDeclaration
from balados_db.planning.plan import Kept


def kept_schemas(
    state: DatabaseState,
    manifest: Manifest,
    doomed: set[str],
    beside: Mapping[str, tuple[Relation, ...]] | None = None,
) -> tuple[Kept, ...]:
    """The declared schemas outside `doomed` with their rows, then those the manifest does not know.

    `beside` holds the tables that stay in schemas of which others go.
    """
    beside = beside or {}
    whole = (
        _kept(schema, state.schema(schema.name).tables)
        for schema in manifest.schemas
        if schema.name not in doomed and state.schema(schema.name).exists
    )
    partly = (_kept(s, beside[s.name], partly=True) for s in manifest.schemas if beside.get(s.name))
    return (*whole, *partly, *(Kept(schema=name, kind="undeclared") for name in state.undeclared))


def _kept(declared: SchemaDeclaration, relations: tuple[Relation, ...], *, partly: bool = False) -> Kept:
    tables = [t for t in relations if not t.is_partition]
    known = [t.rows for t in tables if t.rows is not None]
    return Kept(
        schema=declared.name,
        kind=declared.kind.value,
        holds="" if partly else declared.holds,
        tables=len(tables),
        rows=sum(known) if len(known) == len(tables) else None,
        exact=all(t.exact for t in tables),
        partly=partly,
    )
