"""Hear what the commands of this run say, and look for passwords in it.

Every process that a test starts is listened to: what it prints, on pipes that are read to the end or on a terminal. It
must never contain a password that it was given, by argument or environment, nor the server's.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from balados_db.redaction import passwords_in, spellings

GIVEN = ("BALADOS_DB_URL", "DATABASE_URL")
_real_popen = subprocess.Popen
_lock = threading.Lock()
_leaks: list[str] = []
_always: set[str] = set()


def never_say(url: str) -> None:
    """No process of this run may print this URL's password, whoever it was given to."""
    _always.update(passwords_in(url))


def passwords_of(arguments: list[str], environment: Mapping[str, str] | None) -> set[str]:
    """The passwords that a process is given."""
    given = os.environ if environment is None else environment
    texts = [*arguments, *(given.get(name, "") for name in GIVEN)]
    found = {password for text in texts for password in passwords_in(text)}
    return {*found, *_always, *filter(None, [given.get("PGPASSWORD")])}


def listen(said: str, arguments: list[str], environment: Mapping[str, str] | None) -> None:
    """Note every password in what a process said."""
    for password in passwords_of(arguments, environment):
        forms = {form for form in spellings(password) if form in said}
        if forms:
            place = said.index(min(forms))
            line = said[max(0, place - 60) : place + 60].replace(min(forms), "<PASSWORD>")
            with _lock:
                _leaks.append(f"{' '.join(arguments[:1])} …: {line!r}")


def leaks() -> list[str]:
    """What was found since the last time this was asked."""
    with _lock:
        found = list(_leaks)
        _leaks.clear()
    return found


class Listening(subprocess.Popen[Any]):
    """A process whose output is looked through when it is read to the end."""

    def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
        self._words = [str(word) for word in ([args] if isinstance(args, str | bytes | os.PathLike) else args)]
        self._given = options.get("env")
        super().__init__(args, *rest, **options)

    def communicate(self, *args: Any, **options: Any) -> tuple[Any, Any]:
        """As ever, and listen."""
        said = super().communicate(*args, **options)
        for text in said:
            if text:
                listen(text if isinstance(text, str) else text.decode(errors="replace"), self._words, self._given)
        return said


class Terminal:
    """What a terminal's log may be written to."""

    def __init__(self, words: list[str], environment: Mapping[str, str]) -> None:
        self._words, self._given, self._said = words, environment, ""

    def write(self, text: str) -> None:
        """Written piece by piece: a password may be cut in two."""
        self._said = (self._said + text)[-20_000:]
        listen(self._said, self._words, self._given)

    def flush(self) -> None:
        """Nothing is held back."""


class Recorder:
    """A plugin: each test fails that made a command say a password."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Its commands are heard meanwhile; what it printed itself stands in the report."""
        report = yield
        for _, text in report.sections:
            listen(text, ["the test itself"], {})
        found = leaks()
        if found:
            report.outcome, report.longrepr = "failed", f"a password was printed: {found}"
        return report


def install(config: pytest.Config) -> None:
    """Listen from now on."""
    subprocess.Popen = Listening  # type: ignore[misc]
    config.pluginmanager.register(Recorder())


def search(databases: list[str], connect: Callable[[str], psycopg.Connection[Any]]) -> list[str]:
    """The databases in whose own records (`balados_db`) a password stands."""
    return [name for name in databases if any(_stands(text) for text in _records(name, connect))]


def _stands(text: str) -> bool:
    return any(form in text for password in _always for form in spellings(password))


def _records(name: str, connect: Callable[[str], psycopg.Connection[Any]]) -> Iterator[str]:
    try:
        conn = connect(name)
    except psycopg.OperationalError:
        return  # dropped by its test
    with conn:
        tables = conn.execute(
            "select c.oid::regclass::text from pg_class c where relnamespace = to_regnamespace('balados_db')"
            " and relkind = 'r'"
        ).fetchall()
        for (table,) in tables:
            yield from (row[0] for row in conn.execute(f"select t::text from {table} t"))
