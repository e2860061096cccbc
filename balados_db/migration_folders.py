"""Find the directory that holds a schema's migrations: the one whose files are those that its history names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from balados_db.manifest.place import is_migration

DEPTH = 6
MOST_FOLDERS = 5000
_NOT_OURS = frozenset(("node_modules", "deps", "_build", "venv", "site-packages", "target", "dist", "build"))


def migration_folders(root: Path) -> dict[str, frozenset[str]]:
    """The directories below `root` that hold migrations, as paths from there, with the ids that they hold."""
    found: dict[str, frozenset[str]] = {}
    for number, (folder, below, files) in enumerate(os.walk(root)):
        path = Path(folder)
        deep = len(path.relative_to(root).parts)
        below[:] = sorted(n for n in below if not n.startswith(".") and n not in _NOT_OURS) if deep < DEPTH else []
        ids = frozenset(Path(name).stem for name in files if is_migration(Path(name)))
        if ids and deep:
            found[path.relative_to(root).as_posix()] = ids
        if number >= MOST_FOLDERS:
            break
    return found


def folders_of(applied: Iterable[str], folders: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Those that hold every applied migration, with the fewest others beside them."""
    wanted = frozenset(applied)
    fitting = {path: len(ids) for path, ids in folders.items() if wanted and wanted <= ids}
    least = min(fitting.values(), default=0)
    return tuple(path for path, count in fitting.items() if count == least)
