"""Progress is conversation: it goes to standard error, as lines for people or for programs."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from balados_db.cli.options import CommonOptions, on_dumb_terminal

if TYPE_CHECKING:
    from balados_db.answers.progress import ProgressLine
    from balados_db.execution.run import Progress


def progress(options: CommonOptions) -> Progress | None:
    """Choose how steps are reported: as asked, else as lines on a terminal, else not at all."""
    chosen = options.progress or ("plain" if sys.stderr.isatty() and not options.quiet and not options.json else "none")
    return {"json": _json, "plain": _plain, "none": None}[chosen]


def _json(line: ProgressLine) -> None:
    print(json.dumps(asdict(line), ensure_ascii=False), file=sys.stderr, flush=True)


def _plain(line: ProgressLine) -> None:
    if not _written_over():
        print(f"  … {line.summary}", file=sys.stderr, flush=True)
        return
    width = shutil.get_terminal_size().columns - 5
    print(f"{_CLEAR}  … {line.summary[:width]}", end="", file=sys.stderr, flush=True)


def _written_over() -> bool:
    """Whether a line can be taken back: a dumb terminal cannot, as little as a file."""
    return sys.stderr.isatty() and not on_dumb_terminal()


_CLEAR = "\r\x1b[2K"  # one line on a terminal, written over by the next


def clear_progress(options: CommonOptions) -> None:
    """Take the last line of progress off a terminal."""
    if progress(options) is _plain and _written_over():
        print(_CLEAR, end="", file=sys.stderr, flush=True)
