"""The pytest plugin: a migrated database for each test.

pytest loads it in every run, so it imports nothing before it is needed.
docs/testing.md tells what it does for a project; `pytest --fixtures` prints the docstrings of the fixtures.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from balados_db.testing.database import Database
    from balados_db.testing.databases import Databases
    from balados_db.testing.desk import Desk
    from balados_db.testing.events import Events
    from balados_db.testing.server import Server

URL_VARIABLE = "BALADOS_DB_TEST_URL"
ADDRESS = "balados_db_desk"  # what a worker of xdist is told
_SERVER: pytest.StashKey[Server] = pytest.StashKey()
_DESK: pytest.StashKey[Desk] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini keys."""
    group = parser.getgroup("balados-db", "balados-db: a migrated database for each test")
    group.addoption(
        "--balados-url",
        metavar="URL",
        help=f"the PostgreSQL server on which tests make databases [default: {URL_VARIABLE}, the ini key balados_url, "
        "a container where an engine and the image are at hand, an embedded server]",
    )
    group.addoption(
        "--balados-manifest",
        metavar="FILE",
        help="the manifest [default: the ini key balados_manifest, balados-db.toml in rootdir or a folder above]",
    )
    parser.addini("balados_url", "the PostgreSQL server on which tests make databases")
    parser.addini("balados_manifest", "the manifest, relative to rootdir")
    parser.addini("balados_image", "the image of a container; it is never pulled", default="postgres:15")
    parser.addini("balados_settings", "settings of a container or an embedded server, `name = value`", type="linelist")


# ── one server for all processes of a run ────────────────────────────────────────────────────────────────


def use_server(config: pytest.Config, server: Server) -> None:
    """Let the run use this server instead of the one that would be chosen; it is stopped when the run ends."""
    config.stash[_SERVER] = server


def chosen_server(config: pytest.Config) -> Server:
    """The server of this run: chosen when it is first asked for, started when a test needs it."""
    if _SERVER not in config.stash:
        from balados_db.testing.server import choose

        url = config.getoption("--balados-url") or os.environ.get(URL_VARIABLE) or config.getini("balados_url")
        lines = (line.partition("=") for line in config.getini("balados_settings"))
        config.stash[_SERVER] = choose(
            url=url or None,
            image=config.getini("balados_image"),
            home=_home(config),
            settings={name.strip(): value.strip() for name, _, value in lines},
            keep=True,
        )
    return config.stash[_SERVER]


def _home(config: pytest.Config) -> Path:
    """Where an embedded server stays from run to run: among what `pytest --cache-clear` clears."""
    cache = getattr(config, "cache", None)
    folder = Path(cache.mkdir("balados-db")) if cache else Path(tempfile.gettempdir(), f"balados-db-{os.getuid()}")
    return folder / "server"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where to ask for the server: the process that began the run starts and stops it."""
    if manifest_of(node.config) is None:
        return
    stash = node.config.stash
    if _DESK not in stash:
        from balados_db.testing.desk import Desk

        stash[_DESK] = Desk(chosen_server(node.config))
    node.workerinput[ADDRESS] = stash[_DESK].address


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which server, and why, where there is a manifest."""
    manifest = manifest_of(config)
    if manifest is None or hasattr(config, "workerinput"):
        return []
    return [f"balados-db: {chosen_server(config).said}; manifest {os.path.relpath(manifest, config.rootpath)}"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server if a test had it started, after Ctrl-C too."""
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


def manifest_of(config: pytest.Config) -> Path | None:
    """The manifest of this run: the option, the ini key, or the nearest balados-db.toml above rootdir."""
    if named := config.getoption("--balados-manifest"):
        return Path(config.invocation_params.dir, named)
    if named := config.getini("balados_manifest"):
        return config.rootpath / str(named)
    from balados_db.example import MANIFEST

    folders = (config.rootpath, *config.rootpath.parents)
    return next((folder / MANIFEST for folder in folders if (folder / MANIFEST).is_file()), None)


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """What goes wrong before a test begins is told as the command tells it, without a traceback through our files."""
    try:
        yield
    except Exception as exc:
        from balados_db.errors import BaladosDbError

        if not isinstance(exc, BaladosDbError):
            raise
        said = "\n  → ".join(filter(None, (f"error[{exc.code}]: {exc.message}", exc.hint)))
        raise pytest.fail.Exception(said, pytrace=False) from None


# ── fixtures ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def balados_manifest(pytestconfig: pytest.Config) -> Path:
    """The manifest's path: --balados-manifest, else the ini key balados_manifest, else the nearest balados-db.toml.

    Override it to say otherwise.
    """
    with _in_words():
        manifest = manifest_of(pytestconfig)
        if manifest is None:
            from balados_db.errors import ManifestMissing

            looked_for = f"balados-db.toml in {pytestconfig.rootpath} or above, or --balados-manifest,"
            raise ManifestMissing(looked_for=looked_for)
        return manifest


@pytest.fixture(scope="session")
def balados_server(pytestconfig: pytest.Config) -> str:
    """The URL of the PostgreSQL server of this run, started now if it is ours; the run's header says which it is."""
    address = getattr(pytestconfig, "workerinput", {}).get(ADDRESS)
    with _in_words():
        if address is None:
            return chosen_server(pytestconfig).start()
        from balados_db.testing.desk import ask

        return ask(address)


@pytest.fixture(scope="session")
def balados_databases(balados_server: str, balados_manifest: Path) -> Iterator[Databases]:
    """Makes databases: `balados_databases.new()` is one more beside `balados_database`, dropped when the run ends."""
    from balados_db.testing.databases import Databases

    with _in_words():
        databases = Databases(balados_server, balados_manifest)
    with databases:
        yield databases


@pytest.fixture
def balados_database(balados_databases: Databases) -> Iterator[Database]:
    """A migrated database for this test alone, as `balados-db up` makes it; dropped after the test.

    Where the manifest declares several it is the main one, and `balados_database["events"]` is another of the same
    test; `.run` works on all of them.

    `.url` and `.name`; `.connect()`, an autocommit psycopg connection; `.execute(sql, parameters)`, the rows;
    `.value(sql, parameters)`, the first column of the first row;
    `.run("reset", "--projections", "--confirm", "DELETE")`, the command on this database, as a completed process.
    """
    with _in_words():
        database = balados_databases.new()
    yield database
    balados_databases.drop(database)


@pytest.fixture
def balados_events(balados_database: Database, balados_databases: Databases) -> Events:
    """Writes events and positions into `balados_database`, by the manifest's event-store layout.

    `.append("stream-1", "UserSubscribed", {"feed": "…"})` returns the event's number;
    `.checkpoint("SubscriptionsProjector", 17)` says that a projector has seen all events up to that number.
    """
    from balados_db.testing.events import Events

    return Events(balados_database, balados_databases.project.manifest)
