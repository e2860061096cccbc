"""`demo`: the whole story on a throw-away PostgreSQL, with real projectors."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.errors import EmbeddedMissing, ExtraMissing, UsageError
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.demo.narrator import Narrator


@command(
    "demo",
    """The whole story on a throw-away PostgreSQL.

    Makes the example's database, fills it with events, runs real projectors, resets what they made and proves that a
    rebuild brings every row back. It uses a server of its own: it cannot be pointed at any other.""",
)
@click.option("--events", type=click.IntRange(min=1), default=5000, show_default=True, metavar="N", help="How many.")
@click.option("--keep", is_flag=True, help="Keep the server afterwards, to look around.")
def demo(session: Session, events: int, keep: bool) -> Report:
    """Tell the story; its figures are the answer."""
    _refuse_other_databases(session)
    _require_binaries()
    from balados_db.demo.story import tell_story

    told = tell_story(_narrator(session), events=events, keep=keep)
    return Report(command=session.command, result=told, tables={"tables": tuple(asdict(t) for t in told.tables)})


def _refuse_other_databases(session: Session) -> None:
    from balados_db import example

    if session.options.url is not None:
        raise UsageError(
            problem="demo takes no --url: it empties tables, and must never touch a database of yours",
            hint="leave it out: demo starts a PostgreSQL of its own",
        )
    given = session.options.manifest
    if given is not None and Path(given).resolve() != example.manifest():
        raise UsageError(problem="demo takes no --manifest: it brings its own", hint=f"its own is {example.manifest()}")


def _require_binaries() -> None:
    from balados_db.embedded.binaries import BINARIES_VARIABLE, find_binaries

    try:
        find_binaries()
    except EmbeddedMissing as exc:
        if os.environ.get(BINARIES_VARIABLE):
            raise
        raise ExtraMissing(extra="embedded") from exc


def _narrator(session: Session) -> Narrator:
    """The story goes to standard output, unless that is for the JSON alone."""
    from balados_db.demo.narrator import Narrator
    from balados_db.rendering.console import console

    out = console(sys.stderr if session.options.json else sys.stdout, session.options.no_color)
    out.quiet = session.options.quiet
    return Narrator(out)
