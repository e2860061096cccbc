"""A pipeline's own container: no terminal, no file of ours to write a URL into, an image as testcontainers starts it."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator

import pytest

from balados_db.testing.server import container_problem
from tests.conftest import FILLED, IMAGE, ROOT, Database, Result

RunCli = Callable[..., Result]


@pytest.fixture(scope="module")
def container() -> Iterator[Database]:
    """The database of a container that a pipeline started for itself."""
    if problem := container_problem(IMAGE):
        assert os.environ.get("ENGINE_REQUIRED") != "1", problem
        pytest.skip(f"no container: {problem}")
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(IMAGE) as postgres:
        assert postgres.get_connection_url().startswith("postgresql+psycopg2://")
        yield Database(postgres.dbname, postgres.get_connection_url(driver=None))


def test_a_pipeline_brings_a_container_up_and_resets_it(run_cli: RunCli, container: Database) -> None:
    """From an empty container to a reset, with the URL exactly as testcontainers hands it out, and nobody to ask."""
    environment = {"DATABASE_URL": container.url.replace("postgresql://", "postgresql+psycopg2://")}

    up = run_cli("up", env=environment)
    container.execute(FILLED.read_text())
    refused = run_cli("reset", "--projections", env=environment)
    untouched = container.rows("users.subscriptions")
    reset = run_cli("reset", "--projections", "--confirm", "DELETE", env=environment)

    assert (up.status, refused.status, reset.status) == (0, 3, 0), up.err + reset.err
    assert untouched == 20
    assert container.rows("users.subscriptions") == container.rows("public.public_events") == 0
    assert container.rows("events.projection_versions") == 0
    assert container.rows("events.events") == 20
    assert container.rows("system.users") == 3


# ── the engine of our own pipeline ───────────────────────────────────────────────────────────────────────


def engine(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tests/engine.sh as somebody who cannot start an engine, where none answers."""
    nobody = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    clean = {name: value for name, value in os.environ.items() if name != "ENGINE_REQUIRED"}
    return subprocess.run(
        ["bash", "-s", *command],
        input=(ROOT / "tests" / "engine.sh").read_text(),  # that account may not be able to enter this folder
        env={**clean, "DOCKER_HOST": "unix:///nowhere", **environment},
        user=nobody,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_without_an_engine_the_tests_go_on_and_one_line_says_so() -> None:
    """The status is the command's own; nobody believes that a container was tested."""
    done = engine("sh", "-c", "echo tested; exit 7")

    assert (done.returncode, done.stdout) == (7, "tested\n")
    assert done.stderr.startswith("NO DOCKER ENGINE: none answers")
    assert done.stderr.count("\n") == 1


def test_a_required_engine_that_is_not_there_is_an_error() -> None:
    """Nothing runs when a container was asked for and cannot be had."""
    done = engine("sh", "-c", "echo tested", ENGINE_REQUIRED="1")

    assert (done.returncode, done.stdout) == (1, "")
    assert "NO DOCKER ENGINE" in done.stderr
