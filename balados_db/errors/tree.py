"""What every error is: a message with facts, a code, an exit status, a cure.

The docstring of a class is its message, with the facts filled in; `cure` is what to type or change next.
`mends` and `again` are what a program is told to run next. `code` and `exit_status` are the contract, words are not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from balados_db.exits import ExitStatus

_UNCHANGED = "Nothing was changed."


class BaladosDbError(Exception):
    """The command failed."""

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[ExitStatus] = ExitStatus.FAILED
    cure: ClassVar[str] = ""
    mends: tuple[str, ...] = ()  # commands that mend it, or say more; filled in with its facts
    again: str | None = None  # or the same command, with these words added

    def __init_subclass__(cls) -> None:
        """What mends an error says nothing about a more precise one."""
        cls.mends, cls.again = vars(cls).get("mends", ()), vars(cls).get("again")

    def __init__(self, *, hint: str | None = None, **facts: Any) -> None:
        self.facts = facts
        self.identity: Any = None  # of the database that was asked, once that is known
        self.database: str | None = None  # where several are worked on: the one that it is about
        self.done: tuple[str, ...] = ()  # what was committed before, in a run that cannot be one transaction
        self.hint = hint if hint is not None else self.cure.format_map(facts)
        super().__init__(self.message)

    @property
    def changed(self) -> bool:
        """Whether anything was committed before it, or may have been."""
        return bool(self.done) or bool(self.facts.get("in_doubt"))

    @property
    def next_actions(self) -> tuple[tuple[str, ...], ...]:
        """Ready argument lists, where a command can mend it or says more. None of them confirms anything."""
        return tuple(tuple(word.format_map(self.facts) for word in line.split()) for line in self.mends)

    @property
    def message(self) -> str:
        """The docstring as one line, with this error's facts, and what had been done before it."""
        text = sentence(type(self)).format_map(self.facts)
        text = f"In database {self.database}: {text}" if self.database else text
        if not self.done:
            return text
        text = text.removesuffix(_UNCHANGED).rstrip()
        return f"{text}{'' if text.endswith('.') else '.'} Done before it, and kept: {'; '.join(self.done)}."


def sentence(error: type[BaladosDbError]) -> str:
    """The message of an error before its facts are filled in."""
    return " ".join((error.__doc__ or _written(error.__module__).get(error.__name__, "")).split())


@cache
def _written(module: str) -> dict[str, str]:
    """The docstrings of a module's classes as they stand in its file: `python -OO` leaves none in memory."""
    tree = ast.parse(Path(str(sys.modules[module].__file__)).read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.ClassDef)}


@contextmanager
def in_database(name: str | None) -> Iterator[None]:
    """Where several are worked on: whatever goes wrong says in which of them it did."""
    try:
        yield
    except BaladosDbError as exc:
        exc.database = exc.database or name
        raise
