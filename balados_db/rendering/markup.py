"""Put facts into text that rich reads: neither its markup nor a terminal's commands are theirs to give."""

from __future__ import annotations

from rich.markup import escape as _escape

from balados_db.visible import visible


def escape(text: str) -> str:
    """A name, or a sentence with names: one line."""
    return _escape(visible(text))


def escape_lines(text: str) -> str:
    """A longer text, which may have lines of its own."""
    return _escape(visible(text, lines=True))
