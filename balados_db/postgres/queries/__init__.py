"""The named SQL blocks: `-- name --`, a line of why, the statement."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from psycopg.sql import SQL, Identifier

_HEADER = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def blocks() -> dict[str, str]:
    """Every block by name. A name that is used twice is a mistake of ours."""
    found: dict[str, str] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".sql"):
            continue
        parts = _HEADER.split(file.read_text(encoding="utf-8"))[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two blocks are named {name!r}")
            found[name] = text.strip()
    return found


def named(*parts: str) -> Identifier:
    """An identifier for a statement that takes parameters: there a percent sign in a name would be a placeholder."""
    return Identifier(*(part.replace("%", "%%") for part in parts))


def query(name: str) -> SQL:
    """Return a block as composable SQL."""
    return SQL(blocks()[name])
