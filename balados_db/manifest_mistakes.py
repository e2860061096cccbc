"""Find everything that is wrong with a manifest, and not only the first mistake, which is all that a command needs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balados_db.errors import ManifestInvalid
from balados_db.finding import Finding
from balados_db.manifest.decoding import read_toml
from balados_db.manifest.loading import parse_manifest
from balados_db.manifest_lines import Lines, path_of
from balados_db.manifest_lines import Path as Keys
from balados_db.model import Manifest

MOST = 100  # mistakes; whoever has more begins with these


@dataclass(frozen=True, kw_only=True)
class LookedOver:
    """A manifest's mistakes, what is left of it without them (None: nothing), and where everything stands."""

    manifest: Manifest | None
    mistakes: tuple[Finding, ...]
    lines: Lines


def look_over(file: Path) -> LookedOver:
    """Read a manifest to the end: a mistake is noted and taken out, and the rest is read again.

    Raises ManifestUnreadable or ManifestSyntax.
    """
    text, raw = read_toml(file)
    rest = _Rest(copy.deepcopy(raw))
    found: list[Finding] = []
    lines = Lines(text)
    manifest = None
    while manifest is None and len(found) < MOST:
        try:
            manifest = parse_manifest(rest.raw, file)
        except ManifestInvalid as exc:
            keys = path_of(exc.facts["key"], rest.raw)
            if not rest.made_it_so(exc):
                found.append(_finding(exc, file, lines.of(rest.as_written(keys))))
            if not rest.take_out(("version",) if exc.facts["key"] == "version" else keys):
                break
    return LookedOver(manifest=manifest, mistakes=tuple(found), lines=lines)


def _finding(exc: ManifestInvalid, file: Path, line: int | None) -> Finding:
    key, problem = exc.facts["key"], exc.facts["problem"]
    return Finding(
        code=exc.code,
        subject=key or file.name,
        message=f"{key}: {problem}" if key else problem,
        cure="mend the key: " + exc.cure,
        file=str(file),
        line=line,
    )


class _Rest:
    """What is left of a manifest while its mistakes are taken out, one by one."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._schemas: set[str] = set()
        self._checkpoints: list[int] = []

    def made_it_so(self, exc: ManifestInvalid) -> bool:
        """Whether it is only a mistake because a schema was taken out before."""
        problem = exc.facts["problem"]
        said = [f"schema {name!r} is not declared" for name in self._schemas]
        return bool(self._schemas) and any(word in problem for word in (*said, "no schema has kind"))

    def as_written(self, keys: Keys) -> Keys:
        """A path as it is in the file: numbers in front of which something was taken out are too small."""
        if len(keys) < 2 or keys[0] != "checkpoints" or not isinstance(keys[1], int):
            return keys
        number = keys[1]
        for gone in sorted(self._checkpoints):
            number += gone <= number
        return ("checkpoints", number, *keys[2:])

    def take_out(self, keys: Keys) -> bool:
        """Take out what is wrong; of a schema all of it, for half of it would be another mistake."""
        if keys == ("version",):
            self.raw["version"] = 1
            return True
        if not keys:
            return False
        if keys[0] in ("schemas", "checkpoints"):
            self._note(self.as_written(keys[:2]))
            keys = keys[:2]
        inner: Any = self.raw
        for word in keys[:-1]:
            inner = inner[word]
        del inner[keys[-1]]
        return True

    def _note(self, keys: Keys) -> None:
        if keys[0] == "checkpoints" and isinstance(keys[-1], int):
            self._checkpoints.append(keys[-1])
        elif keys[0] == "schemas":
            written = self.raw["schemas"]
            self._schemas |= {str(keys[1])} if len(keys) > 1 else set(written if isinstance(written, dict) else ())
