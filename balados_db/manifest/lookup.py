"""Look up what somebody named: a name that is not in the manifest is refused, with the nearest that is."""

from __future__ import annotations

from difflib import get_close_matches

from balados_db.errors import UnknownProjector, UnknownSchema
from balados_db.model import Manifest, Projector, SchemaDeclaration


def declared_schema(manifest: Manifest, name: str) -> SchemaDeclaration:
    """The schema of this name. Raises UnknownSchema."""
    found = manifest.schema(name)
    if found is None:
        names = [schema.name for schema in manifest.schemas]
        raise UnknownSchema(file=str(manifest.file), name=name, hint=meant(name, names))
    return found


def declared_projector(manifest: Manifest, name: str) -> Projector:
    """The projector of this name. Raises UnknownProjector."""
    found = next((p for p in manifest.projectors if p.name == name), None)
    if found is None:
        names = [projector.name for projector in manifest.projectors]
        raise UnknownProjector(file=str(manifest.file), name=name, hint=meant(name, names))
    return found


def meant(word: str, right: list[str]) -> str:
    """The name that a wrong one looks like; all of them where it looks like none."""
    near = get_close_matches(word, right, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"it declares {', '.join(right)}" if right else "it declares none"
