"""Where words for people go: colours, boxes and line breaks only on a terminal."""

from __future__ import annotations

import os
from typing import IO

from rich.console import Console


class _Console(Console):
    """Leaves it to the caller what to do when nobody reads any more; rich itself would end the program."""

    def on_broken_pipe(self) -> None:
        """Called while the BrokenPipeError is being handled."""
        raise


def console(file: IO[str], no_color: bool) -> Console:
    """A console that does without colours, boxes and line breaks of its own where nobody looks on."""
    terminal = file.isatty()
    return _Console(
        file=file,
        no_color=no_color or bool(os.environ.get("NO_COLOR")),
        highlight=False,
        emoji=False,
        soft_wrap=True,
        width=None if terminal else 200,
    )
