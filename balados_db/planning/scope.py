"""Which scope a reset has: the one that was named, or that what was named implies."""

from __future__ import annotations

from balados_db.manifest.lookup import declared_projector, declared_schema
from balados_db.model import Manifest, Scope
from balados_db.planning.refusals import refuse_replay


def scope_of(manifest: Manifest, scope: Scope | str | None, schema: str | None, projector: str | None) -> Scope | None:
    """A schema means the scope of its kind, a projector means projections; None where nothing was named.

    Raises UnknownSchema, UnknownProjector or ReplayNever.
    """
    declared = declared_schema(manifest, schema) if schema is not None else None
    if projector is not None:
        refuse_replay(manifest, projector)
        declared_projector(manifest, projector)
    if scope is not None:
        return Scope(scope)
    if projector is not None:
        return Scope.PROJECTIONS
    return Scope.of(declared.kind) if declared is not None else None
