"""The command, held when it announces its Nth step: `python -m tests.held N words…`.

It says so with one line on standard error, and goes on when it reads one; whoever started it may kill it there, or do
something to it first. What was committed before that step is committed, and nothing after it.
"""

from __future__ import annotations

import sys

from balados_db.answers.progress import ProgressLine
from balados_db.cli import main, progress
from balados_db.execution.run import Progress

HELD = "held"


def held_at(step: int) -> Progress:
    """Tell nothing; before the step of this number wait for a line on standard input."""

    def tell(line: ProgressLine) -> None:
        nonlocal step
        if line.done == step - 1:
            step = 0
            print(HELD, line.summary, file=sys.stderr, flush=True)
            sys.stdin.readline()

    return tell


if __name__ == "__main__":
    tell = held_at(int(sys.argv[1]))
    progress.progress = lambda options: tell
    main.main(sys.argv[2:])
