"""Progress is conversation: it goes to standard error, as lines for people or for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from balados_db.cli.options import CommonOptions

if TYPE_CHECKING:
    from balados_db.execution.executor import Progress


def progress(options: CommonOptions) -> Progress | None:
    """Choose how steps are reported: as asked, else as lines on a terminal, else not at all."""
    chosen = options.progress or ("plain" if sys.stderr.isatty() and not options.quiet and not options.json else "none")
    return {"json": _json, "plain": _plain, "none": None}[chosen]


def _json(text: str, done: int, total: int) -> None:
    print(json.dumps({"step": text, "done": done, "total": total}, ensure_ascii=False), file=sys.stderr, flush=True)


def _plain(text: str, done: int, total: int) -> None:
    print(f"  … {text}", file=sys.stderr, flush=True)
