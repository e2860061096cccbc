"""`server start|stop|url`: the embedded PostgreSQL for development."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from balados_db.embedded import EmbeddedServer
from tests.conftest import Result

RunCli = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder with a manifest that is not even right; whatever server is started there is stopped."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "balados-db.toml").write_text("not a manifest")
    yield folder
    EmbeddedServer(folder / ".balados-db").discard()


def test_a_server_from_start_to_stop(run_cli: RunCli, project: Path) -> None:
    """start prints a URL that works, is idempotent from any folder below; stop stops; each says what it did."""
    below = project / "below"
    below.mkdir()
    url = run_cli("server", "start", manifest=None, cwd=project).out.strip()
    try:
        with psycopg.connect(url) as conn:
            assert conn.execute("select 1").fetchone() == (1,)
        again = run_cli("server", "start", "--json", manifest=None, cwd=below).json
        assert (again["result"]["url"], again["result"]["started"], again["changed"]) == (url, False, False)
        assert run_cli("server", "url", manifest=None, cwd=below).out == f"{url}\n"
    finally:
        stopped = run_cli("server", "stop", manifest=None, cwd=below)
    assert stopped.out.startswith("Stopped.")
    assert run_cli("server", "stop", "--json", manifest=None, cwd=project).json["result"]["stopped"] is False


def test_it_is_never_committed(run_cli: RunCli, project: Path) -> None:
    """The server's folder tells git to ignore all of it, even where its first start failed."""
    missing = {"BALADOS_DB_POSTGRES_BIN": str(project / "none")}

    failed = run_cli("server", "start", manifest=None, cwd=project, env=missing)

    assert (failed.status, failed.code) == (2, "embedded_missing")
    assert (project / ".balados-db" / ".gitignore").read_text() == "*\n"


def test_url_of_no_server_says_how_to_start_one(run_cli: RunCli, project: Path) -> None:
    """Where nothing runs, `url` prints no URL, ends with status 8 and names the command."""
    done = run_cli("server", "url", manifest=None, cwd=project)

    assert (done.status, done.out, done.code) == (8, "", "server_not_running")
    assert "balados-db server start" in done.err


def test_stop_without_a_server_is_no_error(run_cli: RunCli, project: Path) -> None:
    """stop says that there was nothing to stop, and leaves no folder behind."""
    done = run_cli("server", "stop", manifest=None, cwd=project)

    assert done.status == 0
    assert done.out.startswith("Nothing to stop")
    assert not (project / ".balados-db").exists()


def test_without_a_manifest_it_lives_in_the_working_directory(run_cli: RunCli, tmp_path: Path) -> None:
    """Where there is no manifest, the server belongs to the working directory."""
    result = run_cli("server", "stop", "--json", manifest=None, cwd=tmp_path).json["result"]

    assert result["home"] == str(tmp_path / ".balados-db")
