"""Set the stage: a server of our own, the commands that are run against it, and a sure way to clear everything away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from balados_db import example
from balados_db.embedded import EmbeddedServer
from balados_db.errors import DemoFailed
from balados_db.exits import ExitStatus
from balados_db.manifest.loading import load_manifest
from balados_db.model import Manifest
from balados_db.postgres.connection import connect
from balados_db.postgres.source import Source

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.demo.narrator import Narrator

DATABASE = "balados_sync"
HOME = ".balados-db"  # where `balados-db server` looks, in a folder without a manifest
PATIENCE = 30.0  # seconds for a projector to stop
# What could lead us, or a program that we run, to somebody's database.
FOREIGN = ("PG", "BALADOS_DB_URL", "BALADOS_DB_MANIFEST", "DATABASE_URL")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything that the story needs. The password is in `environment` and nowhere else."""

    narrator: Narrator
    manifest: Manifest
    folder: Path
    url: str
    environment: Mapping[str, str]

    def command(self, *words: str, promised: ExitStatus = ExitStatus.OK) -> None:
        """Run `balados-db` with these words. Raises DemoFailed if it does not end as promised."""
        self.narrator.command(("balados-db", *words))
        where = ("--manifest", str(self.manifest.file), "--url", self.url)
        status = self._run(("-m", "balados_db", *where, *words))
        if status != promised:
            command = " ".join(("balados-db", *words))
            raise DemoFailed(problem=f"`{command}` ended with status {status}, and {int(promised)} was promised")

    def program(self, name: str, *words: str) -> None:
        """Run one of the example's programs to its end. Raises DemoFailed if it fails."""
        self.narrator.command(("python", name, *words))
        if status := self._run((str(example.projector() / name), "--url", self.url, *words)):
            raise DemoFailed(problem=f"{name} ended with status {status}")

    def _run(self, words: Sequence[str]) -> int:
        with self._child(words, subprocess.PIPE) as child:
            assert child.stdout is not None
            for line in child.stdout:
                self.narrator.output(line.rstrip())
            return child.wait()

    @contextmanager
    def projectors(self) -> Iterator[Projectors]:
        """Run the example's projectors, in one process, until they are told to stop."""
        self.narrator.command(("python", "projector.py", "--all", "&"))
        words = (str(example.projector() / "projector.py"), "--url", self.url, "--all", "--retry-interval", "1")
        with (self.folder / "projectors.log").open("w+") as log, self._child(words, log) as child:
            yield Projectors(child, log)

    @contextmanager
    def _child(self, words: Sequence[str], output: IO[str] | int) -> Iterator[subprocess.Popen[str]]:
        child = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=self.environment,
            cwd=self.folder,  # nothing in it can be mistaken for a module or a manifest
        )
        try:
            yield child
        finally:
            _end(child)

    def connect(self) -> Connection[Any]:
        """Open a connection to look through."""
        url = make_conninfo(self.url, password=self.environment["PGPASSWORD"])
        return connect(Source(name="the demonstration", conninfo=url), command="demo")


@dataclass(frozen=True)
class Projectors:
    """The process that runs the projectors."""

    child: subprocess.Popen[str]
    log: IO[str]

    def check(self) -> None:
        """Raise DemoFailed, with its last words, if the process has ended."""
        if self.child.poll() is not None:
            raise DemoFailed(problem=f"the projectors ended with status {self.child.returncode}: {self.last_words()}")

    def stop(self) -> None:
        """End it as an operator would, with SIGTERM. Raises DemoFailed if that does not go well."""
        self.check()
        self.child.terminate()
        try:
            status = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired as exc:
            raise DemoFailed(problem=f"the projectors do not stop: {self.last_words()}") from exc
        if status:
            raise DemoFailed(problem=f"the projectors ended with status {status}: {self.last_words()}")

    def last_words(self) -> str:
        """The end of what it said."""
        self.log.seek(0)
        return " | ".join(self.log.read().splitlines()[-3:]) or "nothing was said"


@contextmanager
def open_stage(narrator: Narrator, *, keep: bool) -> Iterator[Stage]:
    """Start a server for this story alone; whatever happens, it is discarded in the end, unless it is to be kept."""
    with _without_foreign_databases():
        folder = _folder()
        server = EmbeddedServer(folder / HOME, durable=False)
        try:
            yield _stage(narrator, folder, server.start())
        finally:
            with _undisturbed():
                if keep:
                    _say_where(narrator, folder, server)
                else:
                    server.discard()
                    shutil.rmtree(folder)


def _stage(narrator: Narrator, folder: Path, url: str) -> Stage:
    parts = conninfo_to_dict(url)
    colours = {"FORCE_COLOR": "1"} if narrator.colours else {"NO_COLOR": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    return Stage(
        narrator=narrator,
        manifest=load_manifest(example.manifest()),
        folder=folder,
        url=f"postgresql://{parts['user']}@{parts['host']}:{parts['port']}/{DATABASE}",
        environment={
            **kept,
            **colours,
            "PGPASSWORD": str(parts["password"]),
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # the example may lie where only the installer is to write
        },
    )


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="balados-db-demo-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # the account that root runs the server as has to pass through, not to look around
    return folder


def _say_where(narrator: Narrator, folder: Path, server: EmbeddedServer) -> None:
    if server.pid() is None:
        return
    narrator.tell(
        "",
        f"The server is kept, and so is its database {DATABASE}. To reach it, go to {folder}, then:",
        "  balados-db server url     prints its URL, with the password",
        "  balados-db server stop    stops it; the folder can then be deleted",
    )


@contextmanager
def _without_foreign_databases() -> Iterator[None]:
    """Forget, for a while, every variable that names a database or says how to reach one."""
    found = {name: value for name, value in os.environ.items() if name.startswith(FOREIGN)}
    for name in found:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(found)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C interrupt the clearing up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _end(child: subprocess.Popen[str]) -> None:
    """See to it that the child is gone."""
    with _undisturbed():
        if child.poll() is None:
            child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
