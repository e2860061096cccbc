"""What the tests of the event stores share: a project of a manifest and migrations, and programs that run beside it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from balados_db.manifest.loading import load_manifest
from balados_db.postgres.eventstore import in_store
from tests.conftest import COMMAND, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]
S = TypeVar("S", bound="Stage")


@dataclass
class Stage:
    """A database, a manifest for it, and the command."""

    database: Database
    manifest: Path
    run_cli: Run

    @classmethod
    def staged(cls: type[S], folder: Path, database: Database, run_cli: Run, manifest: str, **migrations: str) -> S:
        """Write the project: its manifest, and one migration for each schema that has any."""
        for schema, text in migrations.items():
            (folder / schema).mkdir()
            (folder / schema / "0001_tables.sql").write_text(text)
        file = folder / "balados-db.toml"
        file.write_text(manifest)
        return cls(database, file, run_cli)

    def run(self, *arguments: str, **options: Any) -> Result:
        """Run the command."""
        return self.run_cli(*arguments, database=self.database, manifest=self.manifest, **options)

    def done(self, *arguments: str, **options: Any) -> Result:
        """Run the command, which must succeed."""
        result = self.run(*arguments, **options)
        assert result.status == 0, result.err + result.out
        return result

    def append(self, stream: str, type: str, data: str = "{}") -> int:
        """Append one event as the preset says, and return its number."""
        store = load_manifest(self.manifest).event_store
        assert store is not None
        assert store.layout is not None
        assert store.layout.append is not None
        event = {"stream": stream, "type": type, "data": data, "metadata": "{}"}
        with self.database.connect() as conn:
            return int(conn.execute(in_store(store.layout.append, store.name), event).fetchone()[0])

    def reset(self, *scope: str, confirm: str = "DELETE") -> dict[str, Any]:
        """A reset that must succeed; its JSON."""
        return self.done("reset", *scope, "--confirm", confirm, "--projector-grace", "0", "--json").json


class Application(Stage):
    """The stage, and on it an application that a store's own library runs."""

    def words(self, *arguments: str) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Where the application finds its database."""
        raise NotImplementedError

    def folder(self) -> Path:
        """Where the program finds what it imports."""
        return ROOT

    def app(self, *arguments: str) -> None:
        """Run the application to its end."""
        done = subprocess.run(
            self.words(*arguments), env=self.environment(), cwd=self.folder(), capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()

    @contextmanager
    def going_on(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """The application beside the test, from when it says that it runs."""
        log = self.manifest.parent / "log"
        with running(self.words(*arguments), self.environment(), log, self.folder()) as program:
            yield program


def runner(folder: Path) -> Run:
    """The command, for fixtures that outlive a test."""

    def run(*arguments: str, database: Database, manifest: Path) -> Result:
        words = [*COMMAND, "--manifest", str(manifest), "--url", database.url, *arguments]
        done = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), cwd=folder, check=False)
        return Result(done.returncode, done.stdout, done.stderr, arguments)

    return run


@contextmanager
def running(arguments: list[str], env: dict[str, str], log: Path, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that goes on beside the test, from when it says that it runs; it is ended with SIGTERM."""
    with log.open("wb") as said:
        program = subprocess.Popen(arguments, env=env, cwd=cwd, stdout=said, stderr=said)
        try:
            eventually(lambda: "running" in log.read_text() or program.poll() is not None, "it runs")
            assert program.poll() is None, log.read_text()
            yield program
        finally:
            program.terminate()
            program.wait(30)


def eventually(claim: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Wait until a claim holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := claim():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")
