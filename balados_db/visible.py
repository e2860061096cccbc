"""Show what a terminal would obey: a name in a database may hold anything, and must not redraw what is confirmed."""

from __future__ import annotations

_JOINERS = "\u200c\u200d"  # they shape letters and emoji, and move nothing


def visible(text: str, *, lines: bool = False) -> str:
    """Text with its control characters written out; `lines` are those of a longer text, and stay."""
    if text.isprintable():
        return text
    kept = _JOINERS + ("\n\t" if lines else "")
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)
