"""Read TOML, whatever it holds; write it: strings and keys, whatever names they hold."""

from __future__ import annotations

import json
import re
from typing import Any


def quoted(text: str) -> str:
    """A TOML basic string. JSON's escapes are a part of TOML's; only DEL is a control character for TOML alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A TOML key, bare where that is allowed."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def parsed(text: str) -> dict[str, Any]:
    """What a file's text says. Raises ValueError, for what is too deep or too long to be read as well."""
    import tomli

    try:
        return tomli.loads(text)
    except RecursionError as exc:
        raise ValueError(str(exc)) from exc
