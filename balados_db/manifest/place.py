"""Where the manifest and its migrations are; and what it says as it stands, for whoever needs names alone, and fast."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from balados_db.errors import ManifestMissing

FILE_NAME = "balados-db.toml"
ROLLBACK = ".rollback.sql"


def find_manifest(explicit: str | None = None) -> Path:
    """Return the manifest's path: `explicit`, else BALADOS_DB_MANIFEST, else the nearest one upwards.

    Raises ManifestMissing.
    """
    named = explicit or os.environ.get("BALADOS_DB_MANIFEST")
    if named:
        if not Path(named).is_file():
            raise ManifestMissing(looked_for=named)
        return Path(named).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ManifestMissing(looked_for=f"{FILE_NAME} in {here} or any folder above it")


def as_it_stands(file: Path) -> Mapping[str, Any]:
    """A manifest's tables, unchecked. Raises OSError or ValueError."""
    import tomli

    found: Mapping[str, Any] = tomli.loads(file.read_text(encoding="utf-8-sig"))
    return found


def is_migration(path: Path) -> bool:
    """Whether a file is meant as a migration, by its name."""
    named = path.suffix.lower() in (".sql", ".py")
    return named and not path.name.startswith("_") and not path.name.endswith(ROLLBACK)
