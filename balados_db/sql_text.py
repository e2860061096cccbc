"""SQL as text: what of a file is code, and on which line. No parser: enough for a check, never for a decision."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NOT_CODE = re.compile(
    r"""
    --[^\n]*
  | /\*.*?\*/
  | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
  | \b[eE]'(?:[^'\\]|\\.|'')*'
  | '(?:[^']|'')*'
    """,
    re.VERBOSE | re.DOTALL,
)


def code_of(source: str) -> str:
    """The source with comments, strings and dollar-quoted bodies made blank; every line stays where it is."""
    return _NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


def is_empty(source: str) -> bool:
    """Whether there is no statement in it."""
    without_comments = re.sub(r"--[^\n]*|/\*.*?\*/", " ", source, flags=re.DOTALL)
    return not without_comments.replace(";", " ").strip()


def statements(code: str) -> Iterator[tuple[int, str]]:
    """The statements of what `code_of` left, each with the number of its first line."""
    at = 0
    for piece in code.split(";"):
        lead = len(piece) - len(piece.lstrip())
        if piece.strip():
            yield code.count("\n", 0, at + lead) + 1, piece.strip()
        at += len(piece) + 1
