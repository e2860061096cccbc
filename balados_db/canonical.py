"""The one spelling of a value that digests are taken of: the same on every platform, Python and dict order."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON in one spelling: keys sorted by code point, no blanks, everything but ASCII as escapes.

    Raises TypeError for what is no JSON and for keys that are no text, ValueError for NaN and infinities.
    """
    _refuse_other_keys(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """`sha256:` and the hex digest of a value's canonical spelling."""
    return "sha256:" + hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def plain(value: Any) -> Any:
    """The value as it is when it was written to a file and read again: tuples are lists."""
    return json.loads(canonical(value))


def _refuse_other_keys(value: Any) -> None:
    """json would write the keys 1 and "1" the same, and True as "true"."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key is no text: {key!r}")
            _refuse_other_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_other_keys(inner)
