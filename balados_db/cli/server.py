"""`server start|stop|url`: an embedded PostgreSQL for development, beside the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from balados_db.answers.answer import StepResult
from balados_db.answers.files import ServerStartAnswer, ServerStopAnswer, ServerUrlAnswer
from balados_db.cli.options import Group, command, common_options
from balados_db.cli.session import Session
from balados_db.cli.standalone import manifest_file
from balados_db.errors import ServerNotRunning
from balados_db.manifest.place import working_directory
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.embedded import EmbeddedServer

HOME = ".balados-db"


@click.group("server", cls=Group, params=common_options(), help="An embedded PostgreSQL for development.")
def server(**_: object) -> None:
    """Holds the three commands."""


@command(
    "start",
    """Start it, unless it runs, and print its URL.

    Its data lies in .balados-db beside the manifest, or in the working directory where there is none. The URL holds
    its password.""",
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Listen here [default: the last port].")
def start(session: Session, port: int | None) -> Report:
    """Start the server and keep its folder out of version control."""
    home = _home(session)
    embedded = _embedded(home)
    running = embedded.url()
    try:
        url = embedded.start(port)
    finally:
        _keep_out_of_git(home)
    elsewhere = port is not None and not url.endswith(f":{port}/postgres")
    started = StepResult(id="start_server", summary=f"start the embedded PostgreSQL in {home}")
    return Report(
        command=session.command,
        done=() if running else (started,),
        warnings=("it runs already, on another port: stop it first to move it",) if elsewhere else (),
        result=ServerStartAnswer(url=url, home=str(home), started=running is None),
        text=url,
    )


@command("stop", "Stop it. Its data stays.")
def stop(session: Session) -> Report:
    """Say whether there was anything to stop."""
    home = _home(session)
    stopped = _embedded(home).stop()
    words = "Stopped. Its data stays." if stopped else f"Nothing to stop: no server is running in {home}."
    return Report(
        command=session.command,
        done=(StepResult(id="stop_server", summary=f"stop the embedded PostgreSQL in {home}"),) if stopped else (),
        result=ServerStopAnswer(stopped=stopped, home=str(home)),
        text=words,
    )


@command("url", "Print the URL of the running one, password included.")
def url(session: Session) -> Report:
    """Raises ServerNotRunning where it does not accept connections."""
    home = _home(session)
    found = _embedded(home).url()
    if found is None:
        raise ServerNotRunning(home=str(home))
    return Report(command=session.command, result=ServerUrlAnswer(url=found, home=str(home)), text=found)


def _home(session: Session) -> Path:
    """Beside the manifest, which need not be right for this; else in the working directory."""
    file = manifest_file(session)
    return (file.parent if file else working_directory()) / HOME


def _embedded(home: Path) -> EmbeddedServer:
    from balados_db.embedded import EmbeddedServer

    return EmbeddedServer(home)


def _keep_out_of_git(home: Path) -> None:
    """The folder holds a database and its password: nobody should commit them."""
    ignore = home / ".gitignore"
    if home.is_dir() and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


server.add_command(start)
server.add_command(stop)
server.add_command(url)
