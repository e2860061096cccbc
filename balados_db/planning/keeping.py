"""Say what a destructive plan keeps."""

from __future__ import annotations

from balados_db.model import DatabaseState, Manifest
from balados_db.planning.plan import Kept


def kept_schemas(state: DatabaseState, manifest: Manifest, doomed: set[str]) -> tuple[Kept, ...]:
    """The declared schemas outside `doomed`, with their rows; then those the manifest does not know."""
    declared = tuple(
        _kept(state, schema.name, schema.kind.value, schema.holds)
        for schema in manifest.schemas
        if schema.name not in doomed and state.schema(schema.name).exists
    )
    return (*declared, *(Kept(schema=name, kind="undeclared") for name in state.undeclared))


def _kept(state: DatabaseState, name: str, kind: str, holds: str) -> Kept:
    tables = [t for t in state.schema(name).tables if not t.is_partition]
    known = [t.rows for t in tables if t.rows is not None]
    rows = sum(known) if len(known) == len(tables) else None
    return Kept(schema=name, kind=kind, holds=holds, tables=len(tables), rows=rows, exact=all(t.exact for t in tables))
