"""Where each key of a manifest stands: TOML parsers do not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from balados_db.toml_text import parsed

Path = tuple[str | int, ...]
_HEADER = re.compile(r"^\s*(?P<open>\[\[?)(?P<name>[^\n]*?)\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*(?P<key>(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


class Lines:
    """The line of each table and key. What cannot be told, inside a value of several lines for example, is absent."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        at: Path = ()
        counts: dict[Path, int] = {}
        for number, line in enumerate(text.split("\n"), 1):
            header, key = _HEADER.match(line), _KEY.match(line)
            path = _parsed(header["name"]) if header else ()
            if header and path:
                if header["open"] == "[[":
                    counts[path] = counts.get(path, -1) + 1
                    path = (*path, counts[path])
                at = path
                self._lines.setdefault(at, number)
            elif key:
                self._lines.setdefault((*at, *_parsed(key["key"])), number)

    def of(self, path: Path) -> int | None:
        """The line of this key, else of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None


def _parsed(dotted: str) -> Path:
    """The words of a dotted key; none where it is not one."""
    try:
        found: Any = parsed(f"[{dotted}]")
    except ValueError:
        return ()
    words: list[str] = []
    while found:
        word, found = next(iter(found.items()))
        words.append(word)
    return tuple(words)


def path_of(key: str, raw: Mapping[str, Any]) -> Path:
    """A mistake's key as a path into the file as far as it leads: names may hold dots and brackets themselves."""
    if not key:
        return ()
    for word in sorted(raw, key=len, reverse=True):
        if not key.startswith(word):
            continue
        rest = key[len(word) :]
        index = re.match(r"\[(\d+)\]\.?", rest)
        value = raw[word]
        if not rest:
            return (word,)
        if index and isinstance(value, list) and int(index[1]) < len(value):
            inner = value[int(index[1])]
            return (word, int(index[1]), *(path_of(rest[index.end() :], inner) if isinstance(inner, dict) else ()))
        if rest.startswith("."):
            return (word, *(path_of(rest[1:], value) if isinstance(value, dict) else ()))
    return ()
