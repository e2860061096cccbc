"""A real pgbouncer in front of the test server: transaction mode unless told otherwise, on 127.0.0.1, never as root."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg

if TYPE_CHECKING:
    from tests.conftest import Database

REQUIRED = "POOLER_REQUIRED"  # the environment variable of a run in which the tests must not be skipped
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
PATIENCE = 10.0  # seconds


def binary() -> str | None:
    """Where pgbouncer is: Debian puts it where only root looks."""
    return shutil.which("pgbouncer", path=PLACES)


@dataclass
class Pooler:
    """A running pgbouncer."""

    process: subprocess.Popen[bytes]
    port: int
    login: dict[str, Any]

    def url(self, name: str) -> str:
        """A database's URL through it."""
        user, password = self.login["user"], quote(self.login.get("password", ""), safe="")
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{name}"

    def in_front_of(self, database: Database) -> Database:
        """The same database, reached through it."""
        return replace(database, url=self.url(database.name))


@contextmanager
def pooler(server: str, *, only: str = "*", connect_query: str = "", **settings: object) -> Iterator[Pooler]:
    """Run one until the block ends, for every database or `only` one; `settings` are pgbouncer's own.

    `connect_query` is what it runs first in every session.
    """
    program = binary()
    assert program is not None, "pgbouncer is not installed"
    folder = Path(tempfile.mkdtemp(prefix="balados-db-pooler-"))
    login = psycopg.conninfo.conninfo_to_dict(server)
    port = _free_port()
    databases = _databases(login, only, connect_query)
    file = _configured(folder, login, port, databases, settings)
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([program, file], stderr=log, **_account(folder))
    try:
        running = Pooler(process, port, login)
        _await(running, folder)
        yield running
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _configured(folder: Path, login: dict[str, Any], port: int, databases: str, settings: dict[str, object]) -> Path:
    """Write its file and its users: with the server's own password it can prove itself to both sides."""
    password = login.get("password", "").replace('"', '""')
    (folder / "users.txt").write_text(f'"{login["user"]}" "{password}"\n')
    all_settings: dict[str, object] = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256" if login.get("password") else "trust",
        "auth_file": folder / "users.txt",
        "admin_users": login["user"],
        "pool_mode": "transaction",
        "server_login_retry": 1,
        **settings,
    }
    lines = [f"{name} = {value}" for name, value in all_settings.items()]
    file = folder / "pgbouncer.ini"
    file.write_text("\n".join(["[databases]", databases, "[pgbouncer]", *lines, ""]))
    return file


def _databases(login: dict[str, Any], only: str, connect_query: str) -> str:
    place = f"{only} = host={login.get('host', '127.0.0.1')} port={login.get('port', 5432)}"
    return f"{place} connect_query='{connect_query}'" if connect_query else place


def _account(folder: Path) -> dict[str, Any]:
    """Whom to run it as: it refuses to be root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await(running: Pooler, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", running.port), 1).close()
            return
        except OSError:
            said = (folder / "pgbouncer.log").read_text()
            assert running.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.02)
