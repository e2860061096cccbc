"""Read a command line before it is parsed: which command, and how the caller wants to be told.

An ending has to be told as asked even where the line is wrong; and a value that looks like an option is none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from balados_db.cli.options import seconds
from balados_db.errors import UsageError

NOT_REPEATED = ("--confirm", "--url")  # consent is for one run; a URL may hold a password
OPPOSITES = {"--empty": "--recreate", "--recreate": "--empty"}


@dataclass
class CommandLine:
    """What was understood of it so far; times in seconds."""

    given: tuple[str, ...] = ()  # every word, understood or not
    names: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    manifest: str | None = None
    urls: list[str] = field(default_factory=list)  # they may hold a password
    timeout: float | None = None

    @property
    def name(self) -> str:
        """The command as it is typed, a group's name before its own; `plan` whatever is planned; empty without one."""
        return " ".join(self.names[:1] if self.names[:1] == ["plan"] else self.names)

    @property
    def json(self) -> bool:
        """Whether the answer is to be one JSON object."""
        return "--json" in self.flags

    def again(self, more: str) -> tuple[str, ...]:
        """The same command with `more` words, ready to be run: without what consents to it, and without a password."""
        added = more.split()
        kept = [word for word in self.words if word not in (*added, *(OPPOSITES.get(word, "") for word in added))]
        end = kept.index("--") if "--" in kept else len(kept)
        return ("balados-db", *kept[:end], *added, *kept[end:])

    def read(self, root: click.Group, arguments: list[str]) -> None:
        """Walk the words as the parser will, over whatever it will refuse. Imports the command's module."""
        self.given = tuple(arguments)
        at: click.Command | None = root
        command: click.Command = root
        words = iter(arguments)
        for word in words:
            if word == "--":
                self.words += [word, *words]
                return
            if word.startswith("-") and len(word) > 1:
                self._option(command, word, words)
                continue
            self.words.append(word)
            if isinstance(at, click.Group):
                at = self._command(at, word)
                command = at or command

    def _command(self, group: click.Group, word: str) -> click.Command | None:
        try:
            found = group.get_command(click.Context(group), word)
        except UsageError:  # a name that exists only to refuse
            self.names.append(word)
            return None
        if found is not None:
            self.names.append(word)
        return found

    def _option(self, command: click.Command, word: str, words: Iterator[str]) -> None:
        name, assigned, value = word.partition("=")
        found = [p for p in command.params if isinstance(p, click.Option) and name in p.opts]
        if found and not found[0].is_flag:
            self._value(name, value if assigned else next(words, ""))
            return
        self.words.append(word)
        if found:
            self.flags.add(name)

    def _value(self, name: str, value: str) -> None:
        if name not in NOT_REPEATED:
            self.words += [name, value]
        if name == "--manifest":
            self.manifest = value
        if name == "--url":
            self.urls.append(value)
        if (name, value) == ("--format", "json"):
            self.flags.add("--json")  # another spelling of it
        if name == "--timeout":
            with contextlib.suppress(click.BadParameter):  # which is the parser's to refuse
                self.timeout = seconds(value) or None
