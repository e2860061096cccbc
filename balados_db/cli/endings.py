"""Tell how a run ended, once: as JSON on standard output, or in words."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from balados_db.cli.command_line import CommandLine
from balados_db.cli.options import Asked
from balados_db.errors import BaladosDbError
from balados_db.exits import ExitStatus
from balados_db.visible import visible

GONE = (errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO)


def is_lost(exc: Exception) -> bool:
    """Whether it says that standard output or standard error takes nothing any more."""
    return isinstance(exc, OSError) and exc.errno in GONE and exc.filename is None


def handed_over(status: ExitStatus) -> ExitStatus:
    """Hand over what is buffered, and let go of a stream that takes nothing before the interpreter tries again.

    A reader that went away has read enough: the outcome is what it was. An answer that could not be written, as where
    the disk is full, is a failure, whatever was done: whoever finds half of it must not take it for the whole.
    """
    for stream in (sys.stdout, sys.stderr):
        with noticing_loss(), letting_go(stream):
            stream.flush()
    lost = [exc for exc in _LOST if exc.errno != errno.EPIPE]
    if not lost:
        return status
    with contextlib.suppress(OSError), letting_go(sys.stderr):
        click.echo(f"the answer could not be written: {lost[0].strerror}. What was done is done.", err=True)
    return ExitStatus.FAILED if status in (ExitStatus.OK, ExitStatus.FINDINGS) else status


_LOST: list[OSError] = []


@contextlib.contextmanager
def noticing_loss() -> Iterator[None]:
    """While the outcome is told, a stream that takes nothing any more is noted, and changes nothing else."""
    try:
        yield
    except OSError as exc:
        _LOST.append(exc)


@contextlib.contextmanager
def letting_go(stream: Any) -> Iterator[None]:
    """What is left in a stream that takes nothing goes nowhere, or the interpreter would try again and complain."""
    try:
        yield
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise


def write_object(text: str) -> None:
    """Print the one JSON object: UTF-8 wherever it goes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text + "\n")


def tell_asked(asked: Asked, *, json: bool) -> None:
    """Tell what --help and --version ask for."""
    with noticing_loss():
        if not json:
            click.echo(asked.text)
            return
        from balados_db.rendering.envelope import success
        from balados_db.report import Report

        write_object(success(Report(command=asked.command, result=asked.answer), asked.command))


def tell(error: BaladosDbError, line: CommandLine, *, color: bool | None) -> None:
    """Tell an error. That nobody reads it any more changes nothing about the outcome."""
    with noticing_loss():
        _tell(error, line, color)


def _tell(error: BaladosDbError, line: CommandLine, color: bool | None) -> None:
    if line.json:
        from balados_db.rendering.envelope import failure

        write_object(failure(error, line.name, _next(error, line), dry_run="--dry-run" in line.flags))
        return
    said = visible(f"error[{error.code}]: {error.message}", lines=True)
    click.secho(said, fg="red", err=True, color=color)
    for text in listed(error):
        click.echo(f"  {visible(text, lines=True)}", err=True)
    if error.hint:
        click.echo(f"  → {visible(error.hint, lines=True)}", err=True)


def _next(error: BaladosDbError, line: CommandLine) -> Iterator[tuple[str, ...]]:
    from balados_db.cli.next_actions import placed
    from balados_db.redaction import redacted

    again = [line.again(error.again)] if error.again is not None else []
    for action in (*error.next_actions, *again):
        yield tuple(map(redacted, placed(action, line.manifest, line.urls)))


def listed(error: BaladosDbError) -> Iterator[str]:
    """Each object with its reason, and its cure below: once for all that share it, and not where the hint says it.

    A single object that the sentence names and the hint cures needs no line of its own.
    """
    objects = [o for o in error.facts.get("objects") or () if isinstance(o, dict)]
    if len(objects) == 1 and objects[0]["identity"] in error.message and _is_said(objects[0], error):
        return
    groups: dict[str, list[dict[str, Any]]] = {}
    for found in objects:
        groups.setdefault(found.get("cure", ""), []).append(found)
    for cure, group in groups.items():
        yield from (f"- {found['type']} {found['identity']}: {found.get('reason', '')}" for found in group)
        if not _is_said(group[0], error):
            yield from (f"  {'  ' if number else '→ '}{line}" for number, line in enumerate(cure.splitlines()))


def _is_said(found: dict[str, Any], error: BaladosDbError) -> bool:
    return str(found.get("cure", "")) in error.hint
