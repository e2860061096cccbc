"""The pytest plugin as a stranger uses it: the example's service, tested by pytest in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from balados_db.embedded import EmbeddedServer
from balados_db.testing.project import Project
from balados_db.testing.server import container_problem
from tests.conftest import IMAGE, ROOT, clean_environment

PATIENCE = 120.0  # seconds
# A migration that tells how often it was run: once for each template.
COUNTED = """
from pathlib import Path
from yoyo import step

def count(conn):
    with Path({file!r}).open("a") as file:
        file.write("x")

steps = [step(count)]
"""
LONG = """
import time
from pathlib import Path

def test_long(balados_database):
    Path({file!r}).write_text(balados_database.url)
    time.sleep(300)
"""


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A copy of the example's service, as a stranger starts a project of their own from it."""
    made = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return shutil.copytree(ROOT / "examples" / "service", tmp_path / "service", ignore=made)


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_pytest() -> Run:
    def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "balados_db.testing.plugin", *words],
            cwd=folder,
            env=clean_environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE * 2,
        )

    return run


def templates(server: str, manifest: Path | None = None) -> dict[str, int]:
    """Templates on a server, with their oids: those of a manifest, or everybody's."""
    prefix = Project(manifest).templates if manifest else "balados_test_"
    chosen = "select datname, oid::int from pg_database where datname ~ '_template_' and starts_with(datname, %s)"
    with psycopg.connect(server) as conn:
        return dict(conn.execute(chosen, [prefix]).fetchall())


def test_a_service_is_tested_with_two_workers_and_one_template(
    service: Path, tmp_path: Path, server: str, run_pytest: Run
) -> None:
    """Its tests pass, each with its own database; the template is made once, and used again by the next run."""
    counted = tmp_path / "counted"
    (service / "migrations" / "shelf" / "0002_counted.py").write_text(COUNTED.format(file=str(counted)))
    manifest = service / "balados-db.toml"

    first = run_pytest(service, "-n", "2", BALADOS_DB_TEST_URL=server)
    made = templates(server, manifest)
    options = ("--balados-url", server, "--balados-manifest", str(manifest))
    second = run_pytest(
        tmp_path, *options, str(service / "tests" / "test_members.py"), "-c", str(service / "pyproject.toml")
    )

    assert "7 passed" in first.stdout, first.stdout + first.stderr
    assert "3 passed" in second.stdout, second.stdout + second.stderr
    assert "balados-db: the server that was named; manifest balados-db.toml\n" in first.stdout
    assert len(made) == 1
    assert counted.read_text() == "x"
    assert templates(server, manifest) == made


APART = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_both(balados_database, balados_events, number):
    balados_events.checkpoint("LoansProjector", balados_events.append("a", "BookLent", {"book": "Dune"}))
    balados_database.execute("insert into shelf.loans values ('Dune', 'ada')")
    assert balados_database["log"].value("select count(*) from journal.events") == 1
    done = balados_database.run("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")
    assert done.returncode == 0, done.stderr
    assert balados_database.value("select count(*) from shelf.loans") == 0
    assert balados_database["log"].value("select count(*) from journal.subscriptions") == 0
"""


def test_several_databases_have_a_template_each(service: Path, tmp_path: Path, server: str, run_pytest: Run) -> None:
    """Two workers share the templates, which are made once; each test has its own of both, and resets across them."""
    counted, manifest = tmp_path / "counted", service / "balados-db.toml"
    (service / "migrations" / "shelf" / "0002_counted.py").write_text(COUNTED.format(file=str(counted)))
    text = manifest.read_text().replace('kind = "event_store"', 'kind = "event_store"\ndatabase = "log"')
    manifest.write_text(text.replace("[schemas.members]", '[databases.log]\nurl = "${LOG_URL}"\n\n[schemas.members]'))
    (service / "tests" / "test_apart.py").write_text(APART)

    run = run_pytest(service, "-n", "2", "tests/test_apart.py", BALADOS_DB_TEST_URL=server, LOG_URL=server)

    assert "4 passed" in run.stdout, run.stdout + run.stderr
    assert counted.read_text() == "x"
    assert len(templates(server, manifest)) == 2


def chosen(kind: str) -> dict[str, str]:
    """An environment in which the plugin chooses a server of this kind."""
    if kind == "embedded":
        return {"DOCKER_HOST": "unix:///nowhere"}
    if problem := container_problem(IMAGE):
        assert os.environ.get("ENGINE_REQUIRED") != "1", problem
        pytest.skip(f"no container: {problem}")
    return {}


SAID = {
    "embedded": "embedded, from the PostgreSQL binaries at hand (no Docker engine answers)",
    "container": f"a container of {IMAGE}, by testcontainers",
}


@pytest.mark.parametrize("kind", SAID)
@pytest.mark.usefixtures("kept")
def test_a_server_of_our_own_is_stopped_after_ctrl_c(kind: str, service: Path, tmp_path: Path) -> None:
    """Two workers share it, the run is interrupted in the middle of their tests, and nobody answers any more."""
    urls = [tmp_path / "url1", tmp_path / "url2"]
    for number, url in enumerate(urls):
        (service / "tests" / f"test_long{number}.py").write_text(LONG.format(file=str(url)))
    # A job in the background ignores SIGINT, and so would we inherit it.
    heeding = (
        "import signal, sys, pytest; signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(pytest.main())"
    )
    command = [sys.executable, "-c", heeding, "-p", "balados_db.testing.plugin", "-n", "2", "--dist", "loadfile"]
    run = subprocess.Popen(
        [*command, *(f"tests/test_long{number}.py" for number in range(2))],
        cwd=service,
        env=clean_environment(**chosen(kind)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(lambda: all(url.exists() and url.read_text() for url in urls) or run.poll() is not None)
        os.killpg(run.pid, signal.SIGINT)
        out, _ = run.communicate(timeout=PATIENCE)
    finally:
        run.kill()
        run.wait()

    assert f"balados-db: {SAID[kind]}; manifest balados-db.toml" in out
    first, second = (psycopg.conninfo.conninfo_to_dict(url.read_text()) for url in urls)
    assert first["port"] == second["port"]
    assert first["dbname"] != second["dbname"]
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(**first, connect_timeout=5)


def test_the_embedded_server_keeps_its_template(service: Path, kept: Path, run_pytest: Run) -> None:
    """The next run finds what the last one made, among what `pytest --cache-clear` clears; meanwhile nothing runs."""
    oids = []
    for _ in range(2):
        run = run_pytest(service, "tests/test_members.py", **chosen("embedded"))
        assert "3 passed" in run.stdout, run.stdout + run.stderr
        assert EmbeddedServer(kept).pid() is None
        with EmbeddedServer(kept, durable=False) as server:
            oids.append(templates(server.url() or ""))

    assert len(oids[0]) == 1
    assert oids[0] == oids[1]


@pytest.fixture
def kept(service: Path) -> Iterator[Path]:
    """Where the embedded server of the service's tests stays."""
    home = service / ".pytest_cache" / "d" / "balados-db" / "server"
    yield home
    EmbeddedServer(home).discard()


def test_a_project_without_a_manifest_hears_nothing_of_it(tmp_path: Path, run_pytest: Run) -> None:
    """The plugin is loaded everywhere, and says something only where it is of use; whoever asks is told what is missing."""
    (tmp_path / "test_it.py").write_text("def test_one(): pass\ndef test_two(balados_database): pass\n")

    run = run_pytest(tmp_path, "--rootdir", str(tmp_path), **chosen("embedded"))

    assert "balados-db:" not in run.stdout
    assert "1 passed, 1 error" in run.stdout
    assert "No manifest: balados-db.toml" in run.stdout


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until it is so. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_what_cannot_be_made_is_told_without_our_files(
    service: Path, server: str, run_pytest: Run, words: tuple[str, ...]
) -> None:
    """A migration that fails, or a manifest that is wrong: what the command says of it, and no wall of frames."""
    wrong = service / "migrations" / "shelf" / "0002_wrong.sql"
    wrong.write_text("create table loans (nonsense);\n")
    failed = run_pytest(service, *words, "tests/test_members.py", BALADOS_DB_TEST_URL=server)
    wrong.unlink()
    (service / "balados-db.toml").write_text("version = 1\n[schema.x]\n")
    unread = run_pytest(service, *words, "tests/test_members.py", BALADOS_DB_TEST_URL=server)

    assert "3 errors" in failed.stdout
    assert "migrations/shelf/0002_wrong.sql:1" in failed.stdout
    assert "did you mean 'schemas'?" in unread.stdout
    assert not re.search(r"balados_db/testing|Traceback|raise |another exception", failed.stdout + unread.stdout)
    assert "create database" not in failed.stdout
