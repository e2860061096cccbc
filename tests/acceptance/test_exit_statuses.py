"""Every exit status of the contract, provoked from the outside: a process, its number, its one object."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from balados_db.exits import ExitStatus
from tests.conftest import COMMAND, EXAMPLE, Database, Result, clean_environment

Run = Callable[..., Result]
RESET = ("reset", "--projections", "--projector-grace", "0")
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
MUTEX = "select pg_advisory_xact_lock(hashtextextended('balados-db', 0))"
REFUSE_TABLES = (
    "create function public.no() returns event_trigger language plpgsql as $$ begin raise exception 'not now'; end $$;"
    "create event trigger no on ddl_command_start when tag in ('CREATE TABLE') execute function public.no()"
)
TWO = """
version = 1
[database]
url = "${FIRST}"
[databases.second]
url = "${SECOND}"
[schemas.books]
kind = "permanent"
migrations = "books"
[schemas.films]
kind = "permanent"
migrations = "films"
database = "second"
"""


@dataclass
class Scene:
    """What a provocation may use."""

    run_cli: Run
    filled: Database
    folder: Path
    new_database: Callable[..., Database]

    def run(self, *words: str) -> Result:
        """The command against the example's database."""
        return self.run_cli(*words, "--json", database=self.filled)


def failed(scene: Scene) -> Result:
    """A migration that does not run."""
    (scene.folder / "books").mkdir()
    (scene.folder / "books" / "0001_wrong.sql").write_text("select nothing;\n")
    manifest = scene.folder / "balados-db.toml"
    manifest.write_text('version = 1\n[schemas.books]\nkind = "permanent"\nmigrations = "books"\n')
    return scene.run_cli("migrate", "--json", database=scene.new_database(), manifest=manifest)


def found(scene: Scene) -> Result:
    """A schema that the manifest declares and that is not there."""
    scene.filled.execute("drop schema users cascade")
    return scene.run("status", "--check")


def protected(scene: Scene) -> Result:
    """Permanent data in production."""
    assert scene.run("environment", "set", "production").status == 0
    return scene.run("reset", "--system", "--confirm", "DELETE")


def busy(scene: Scene) -> Result:
    """Another run holds the mutex."""
    with psycopg.connect(scene.filled.url) as conn:
        conn.execute(MUTEX)
        return scene.run(*RESET, "--confirm", "DELETE", "--lock-timeout", "0.5")


def stale(scene: Scene) -> Result:
    """A plan of a database that has changed since."""
    file = str(scene.folder / "plan.json")
    assert scene.run("plan", "reset", "--projections", "--out", file).status == 0
    scene.filled.execute("alter table users.subscriptions add note text")
    return scene.run("apply", file, "--confirm", "DELETE")


def partial(scene: Scene) -> Result:
    """Two databases, the second of which refuses."""
    first, second = scene.new_database(), scene.new_database()
    second.execute(REFUSE_TABLES)
    for schema in ("books", "films"):
        (scene.folder / schema).mkdir()
        (scene.folder / schema / "0001_shelf.sql").write_text("create table shelf (id int);\n")
    manifest = scene.folder / "balados-db.toml"
    manifest.write_text(TWO)
    env = {"FIRST": first.url, "SECOND": second.url}
    return scene.run_cli("up", "--json", manifest=manifest, env=env)


def stopped(number: signal.Signals) -> Callable[[Scene], Result]:
    """A signal, while it waits for a server that takes the connection and says nothing."""

    def stop(scene: Scene) -> Result:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"postgresql://nobody@127.0.0.1:{listener.getsockname()[1]}/none"
            process = subprocess.Popen(
                [*COMMAND, "--manifest", str(EXAMPLE), "--url", url, "status", "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=clean_environment(),
            )
            listener.settimeout(60)
            connection, _ = listener.accept()
            with connection:
                process.send_signal(number)
                out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)

    return stop


PROVOKED: dict[ExitStatus, tuple[str, Callable[[Scene], Result]]] = {
    ExitStatus.OK: ("", lambda scene: scene.run("manifest", "check")),
    ExitStatus.FAILED: ("migration_failed", failed),
    ExitStatus.USAGE: ("usage", lambda scene: scene.run("reset", "--nope")),
    ExitStatus.NOT_CONFIRMED: ("not_confirmed", lambda scene: scene.run(*RESET)),
    ExitStatus.FINDINGS: ("", found),
    ExitStatus.PROTECTED: ("environment_protected", protected),
    ExitStatus.BUSY: ("lock_held", busy),
    ExitStatus.STALE_PLAN: ("stale_plan", stale),
    ExitStatus.UNREACHABLE: ("unreachable", lambda scene: scene.run_cli("status", "--json", "--url", NOWHERE)),
    ExitStatus.PARTIAL: ("partial", partial),
    ExitStatus.INTERRUPTED: ("interrupted", stopped(signal.SIGINT)),
    ExitStatus.TERMINATED: ("terminated", stopped(signal.SIGTERM)),
}


def test_every_status_is_provoked() -> None:
    """The table below is the whole of the contract's."""
    assert set(PROVOKED) == set(ExitStatus)


@pytest.mark.parametrize("status", ExitStatus, ids=lambda status: status.name.lower())
def test_an_exit_status_and_its_object(
    status: ExitStatus,
    run_cli: Run,
    filled: Database,
    tmp_path: Path,
    new_database: Callable[..., Database],
) -> None:
    """The process ends with the number, and says the same in one object: whether to try again, and what next."""
    code, provoke = PROVOKED[status]
    result = provoke(Scene(run_cli, filled, tmp_path, new_database))

    assert result.status == status, result.out + result.err
    assert result.out.count("\n") == 1
    told = json.loads(result.out)
    assert (told["exit_status"], told["ok"]) == (int(status), status is ExitStatus.OK)
    assert [error["code"] for error in told["errors"]] == ([code] if code else [])
    assert [error["retryable"] for error in told["errors"]] == ([status.retryable] if code else [])
    assert not [words for words in told["next_actions"] if "--confirm" in words]
    if status in (ExitStatus.NOT_CONFIRMED, ExitStatus.PROTECTED, ExitStatus.BUSY, ExitStatus.STALE_PLAN):
        assert told["target"]["database"] == filled.name
    assert bool(told["result"].get("findings")) is (status is ExitStatus.FINDINGS)


def test_what_is_to_be_run_next_is_ready(run_cli: Run, filled: Database) -> None:
    """The same command with --dry-run shows what nobody confirmed; it can be run as it is, by whoever has the password."""
    refused = run_cli(*RESET, "--json", database=filled)
    (next_,) = refused.json["next_actions"]
    shown = run_cli(*next_[1:], manifest=None, env={"PGPASSWORD": filled.password})

    assert next_[:3] == ["balados-db", "--manifest", str(EXAMPLE)]
    assert filled.url not in next_
    assert (shown.status, shown.json["plan"]["phrase"]) == (0, "DELETE")
