"""Tell the story while it happens: short headings, the commands as they are typed, a bar where there is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

Update = Callable[[Mapping[str, int]], None]
PARTS = 4  # without a terminal, progress is told this often


class Narrator:
    """Where the story goes. `out` is a console on standard output, or on standard error when that one is taken."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.chapter = 0

    @property
    def colours(self) -> bool:
        """Whether colours are wanted."""
        return self.out.color_system is not None and not self.out.no_color

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        self.chapter += 1
        self.out.print(f"\n{self.chapter}. {text}", style="bold", markup=False)

    def tell(self, *lines: str) -> None:
        """Say what happens, and why."""
        for line in lines:
            self.out.print(f"   {line}" if line else "", markup=False)

    def command(self, words: Sequence[str]) -> None:
        """Show a command as somebody would type it."""
        self.out.print(f"\n   $ {' '.join(_quoted(word) for word in words)}", style="cyan", markup=False)

    def output(self, line: str) -> None:
        """Pass on one line of what a command says."""
        self.out.print(Text.assemble(("   │ ", "dim"), Text.from_ansi(line)))

    def fact(self, text: str) -> None:
        """Say something that was just checked."""
        self.out.print(Text.assemble(("   ✓ ", "green"), text))

    @contextmanager
    def following(self, names: Sequence[str], total: int) -> Iterator[Update]:
        """Show how far each of these is on the way to `total`; call what is yielded with their positions."""
        if not self.out.file.isatty() or self.out.is_dumb_terminal or self.out.quiet:
            yield self._lines(names, total)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.out) as bars:
            tasks = {name: bars.add_task(name, total=total) for name in names}

            def update(positions: Mapping[str, int]) -> None:
                for name, task in tasks.items():
                    bars.update(task, completed=positions.get(name, 0))

            yield update

    def _lines(self, names: Sequence[str], total: int) -> Update:
        told = 0

        def update(positions: Mapping[str, int]) -> None:
            nonlocal told
            slowest = min(names, key=lambda name: positions.get(name, 0))
            at = positions.get(slowest, 0)
            if (parts := at * PARTS // max(total, 1)) > told:
                told = parts
                self.tell(f"… {100 * parts // PARTS} %: {slowest}, the slowest, has seen {at:,} of {total:,} events")

        return update


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
