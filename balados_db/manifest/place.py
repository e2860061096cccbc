"""Where the manifest and its migrations are; and what it says as it stands, for whoever needs names alone, and fast."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from balados_db.errors import ManifestMissing, ManifestUnreadable, NoWorkingDirectory
from balados_db.toml_text import parsed

FILE_NAME = "balados-db.toml"
ROLLBACK = ".rollback.sql"


def find_manifest(explicit: str | None = None) -> Path:
    """Return the manifest's path: `explicit`, else BALADOS_DB_MANIFEST, else the nearest one upwards.

    Raises ManifestMissing, or ManifestUnreadable for what is no file or cannot be looked at.
    """
    named = explicit or os.environ.get("BALADOS_DB_MANIFEST")
    if named:
        if not _is_file(Path(named)):
            _refuse_other(Path(named))
            raise ManifestMissing(looked_for=named)
        return Path(named).resolve()
    here = working_directory()
    for folder in (here, *here.parents):
        if _is_file(folder / FILE_NAME):
            return folder / FILE_NAME
    raise ManifestMissing(looked_for=f"{FILE_NAME} in {here} or any folder above it")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as exc:
        raise ManifestUnreadable(file=str(path), problem=exc.strerror or str(exc)) from exc


def _refuse_other(path: Path) -> None:
    """It is read more than once, and what it names is found beside it: a pipe will not do."""
    if path.exists():
        what = "it is a directory" if path.is_dir() else "it is no ordinary file"
        raise ManifestUnreadable(file=str(path), problem=what, hint="name the manifest's file")


def working_directory() -> Path:
    """Where we are. Raises NoWorkingDirectory where somebody removed it."""
    try:
        return Path.cwd()
    except OSError as exc:
        raise NoWorkingDirectory() from exc


def as_it_stands(file: Path) -> Mapping[str, Any]:
    """A manifest's tables, unchecked; of a file that is no TOML, as while somebody writes it, the names of its tables.

    Raises OSError or ValueError.
    """
    text = file.read_text(encoding="utf-8-sig")
    try:
        return parsed(text)
    except ValueError:
        return parsed("\n".join(dict.fromkeys(line for line in text.splitlines() if _is_header(line))))


def _is_header(line: str) -> bool:
    """Whether a line is the head of a table, whole in itself."""
    try:
        return line.startswith("[") and not line.startswith("[[") and bool(parsed(line))
    except ValueError:
        return False


def is_migration(path: Path) -> bool:
    """Whether a file is meant as a migration, by its name."""
    named = path.suffix.lower() in (".sql", ".py")
    return named and not path.name.startswith("_") and not path.name.endswith(ROLLBACK)
