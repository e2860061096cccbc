"""`explain`: an error code or an exit status in full, from the classes and the table themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from difflib import get_close_matches
from string import Formatter
from typing import Any

import click

from balados_db import exits
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.errors import BaladosDbError, UsageError
from balados_db.exits import ExitStatus
from balados_db.report import Report


@command("explain", "An error code or exit status in full; without one, all of them.")
@click.argument("code", required=False)
def explain(session: Session, code: str | None) -> Report:
    """Look the word up."""
    if code is None:
        result: dict[str, Any] = {
            "statuses": [described_status(status) for status in ExitStatus],
            "codes": [described_code(error) for error in codes().values()],
        }
        words = _everything()
    elif code in codes():
        result = described_code(codes()[code])
        words = _words_for_code(result)
    else:
        result = described_status(status_named(code))
        words = _words_for_status(result)
    return Report(command=session.command, result=result, text=None if session.options.json else words)


# ── looking up ───────────────────────────────────────────────────────────────────────────────────────────


def codes() -> dict[str, type[BaladosDbError]]:
    """Every error by its code, in the order in which they are written down."""
    found: dict[str, type[BaladosDbError]] = {}
    for error in _tree(BaladosDbError):
        found.setdefault(error.code, error)
    return found


def _tree(error: type[BaladosDbError]) -> Iterator[type[BaladosDbError]]:
    yield error
    for child in error.__subclasses__():
        yield from _tree(child)


def status_named(word: str) -> ExitStatus:
    """An exit status by its number or name. Raises UsageError with the nearest code or name."""
    for status in ExitStatus:
        if word in (str(int(status)), status.name.lower()):
            return status
    known = [*codes(), *(status.name.lower() for status in ExitStatus)]
    near = get_close_matches(word.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        problem=f"{word!r} is neither an error code nor an exit status",
        hint=f"{hint}`balados-db explain` lists them all",
    )


def meanings() -> dict[str, str]:
    """The comments beside the statuses: exits.py is the one table, and its words are there."""
    lines = re.findall(r"^    (\w+) = \d+  # (.+)$", inspect.getsource(exits), re.MULTILINE)
    return dict(lines)


# ── describing ───────────────────────────────────────────────────────────────────────────────────────────


def described_status(status: ExitStatus) -> dict[str, Any]:
    """An exit status as facts."""
    return {
        "exit_status": int(status),
        "name": status.name.lower(),
        "means": meanings().get(status.name, ""),
        "retryable": status.retryable,
        "codes": [code for code, error in codes().items() if error.exit_status is status],
    }


def described_code(error: type[BaladosDbError]) -> dict[str, Any]:
    """An error as facts; what differs from run to run stands in <angle brackets>."""
    return {
        "code": error.code,
        "message": _template(" ".join((error.__doc__ or "").split())),
        "exit_status": int(error.exit_status),
        "name": error.exit_status.name.lower(),
        "means": meanings().get(error.exit_status.name, ""),
        "retryable": error.exit_status.retryable,
        "do": _template(error.cure) or "what the message and its hint say",
    }


def _template(text: str) -> str:
    parts = Formatter().parse(text)
    return "".join(before + (f"<{name}>" if name else "") for before, name, _, _ in parts)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────


def _words_for_code(facts: dict[str, Any]) -> str:
    return "\n".join(
        (
            f"{facts['code']}: exit {facts['exit_status']}, {facts['name']}",
            "",
            f"  {facts['message']}",
            "",
            f"  means       {facts['means']}",
            f"  try again?  {_again(facts)}",
            f"  what to do  {facts['do']}",
        )
    )


def _words_for_status(facts: dict[str, Any]) -> str:
    return "\n".join(
        (
            f"exit {facts['exit_status']}: {facts['name']}",
            "",
            f"  means       {facts['means']}",
            f"  try again?  {_again(facts)}",
            f"  codes       {', '.join(facts['codes']) or 'none'}",
        )
    )


def _again(facts: dict[str, Any]) -> str:
    if facts["exit_status"] == ExitStatus.OK:
        return "no need"
    return "yes, the same command" if facts["retryable"] else "no, something has to change first"


def _everything() -> str:
    lines = ["Exit statuses and, below each, the error codes that end with it.", ""]
    for status in ExitStatus:
        facts = described_status(status)
        lines.append(f"{facts['exit_status']:>3}  {facts['name']}: {facts['means']}")
        lines += [f"       {code:<26}{described_code(codes()[code])['message']}" for code in facts["codes"]]
    return "\n".join([*lines, "", "balados-db explain CODE says what to do."])
