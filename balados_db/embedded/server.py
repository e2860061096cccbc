"""Start and stop the server of one home."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from balados_db.embedded.binaries import explained, find_binaries, run, usable
from balados_db.embedded.cluster import (
    SUPERUSER,
    Postmaster,
    check_version,
    choose_port,
    forget_dead_server,
    initialise,
    is_alive,
    is_ready,
    read_postmaster,
    remove_leftovers,
)
from balados_db.embedded.home import Home, account_for, open_private
from balados_db.errors import EmbeddedFailed

# Seconds. A crashed server replays its log before it is ready; one that stops writes everything to disk first.
READY_PATIENCE, STOP_PATIENCE, RETRY_PATIENCE = 60.0, 30.0, 10.0

FIXED = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Refusals that pass: the children of a killed server are still leaving, or a free port was taken meanwhile.
PASSING = ("pre-existing shared memory block", "lock file", "Address already in use")
# The shell leaves at once, so that nobody here owns the server or has to reap it. Paths travel as arguments: pg_ctl
# would paste them into a command line, where a `$` or a quote is not safe.
DETACH = '"$@" >&2 & echo $!'


class EmbeddedServer:
    """A PostgreSQL server of our own, on 127.0.0.1 only.

    `durable=False` trades crash safety for speed (tests, demonstrations). `settings` are further server settings; they
    and `durable` count when the server is next started. Every method raises `EmbeddedFailed` when the home belongs to
    another account or cannot be used.
    """

    def __init__(
        self,
        home: Path,
        *,
        binaries: Path | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Touch nothing yet. Raises ValueError for a setting that could open the server to others."""
        self._home, self._binaries, self._durable = Home(home), binaries, durable
        self._settings = {"max_prepared_transactions": "10", **({} if durable else CARELESS), **(settings or {})}
        if fixed := {"port", *FIXED} & {name.lower().replace("-", "_") for name in self._settings}:
            raise ValueError(f"not to be set: {', '.join(sorted(fixed))}")

    def start(self, port: int | None = None) -> str:
        """Start the server unless it runs, and return its URL (database `postgres`, superuser `balados`).

        A running server keeps its port; without `port` a stopped one gets the port it had last, if that is free. Who
        calls at the same time waits (at most 180 s) and gets the same URL. Raises `EmbeddedMissing` without binaries,
        `EmbeddedFailed` when the port is taken or the server is not ready within 60 s.
        """
        with explained("home"):
            self._home.make()
            with self._home.locked():
                return self._start(port)

    def stop(self) -> bool:
        """Stop the server of this home; False if there was none. Raises `EmbeddedFailed` if it will not (60 s)."""
        with explained("home"):
            if not self._home.exists():
                return False
            with self._home.locked():
                return self._stop()

    def discard(self) -> None:
        """Stop the server and delete all that it left, here and elsewhere. Other files in the home stay."""
        with explained("home"):
            if self._home.exists():
                with self._home.locked():
                    self._stop()
                    self._home.delete()

    def url(self) -> str | None:
        """The URL of a server that accepts connections, else None."""
        with explained("home"):
            running = self._running()
            if running is None or not is_ready(running.port):
                return None
            password = quote(self._home.password(), safe="")
            return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{running.port}/postgres"

    def pid(self) -> int | None:
        """The process id of this home's server, ready or not, else None."""
        with explained("home"):
            running = self._running()
            return running.pid if running else None

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _running(self) -> Postmaster | None:
        folder = self._home.folder() if self._home.exists() else None
        return read_postmaster(folder / "data") if folder else None

    def _start(self, port: int | None) -> str:
        log, deadline = self._home.log, time.monotonic() + RETRY_PATIENCE
        while True:
            running, known = self.pid(), log.stat().st_size if log.exists() else 0
            if url := self._await(running or self._launch(port)):
                return url
            said = log.read_bytes()[known:].decode(errors="replace").strip()[-2000:]
            # One that ran before us was dying: look again.
            passing = running is not None or any(reason in said for reason in PASSING)
            if not passing or time.monotonic() > deadline:
                raise EmbeddedFailed(tool="postgres", output=said or "not ready in time", hint=f"see {log}")
            time.sleep(0.2)

    def _launch(self, port: int | None) -> int:
        """Begin to start the server, and return its process id."""
        folder = self._home.folder()
        account = account_for(folder)
        folder = folder or self._home.make_folder(account, durable=self._durable)
        installation = usable(find_binaries(self._binaries), account, folder)
        data = folder / "data"
        remove_leftovers(data)
        if not data.exists():
            initialise(data, self._home.make_password(), installation, durable=self._durable)
        check_version(data, installation)
        forget_dead_server(data)
        settings = [f"--{name}={value}" for name, value in {**self._settings, **FIXED}.items()]
        command = (installation.binaries / "postgres", "-D", data, "-p", choose_port(port, data), *settings)
        with open(open_private(self._home.log), "ab") as log:
            return int(run("/bin/sh", "-c", DETACH, "sh", *command, account=account, stderr=log))

    def _await(self, pid: int) -> str | None:
        """The URL as soon as the server accepts connections; None if it died, or takes too long."""
        _within(READY_PATIENCE, lambda: self.url() is not None or not is_alive(pid))
        return self.url()

    def _stop(self) -> bool:
        pid = self.pid()
        if pid is None:
            return False
        for shutdown in (signal.SIGINT, signal.SIGQUIT):  # PostgreSQL's fast shutdown, then its immediate one
            with suppress(ProcessLookupError):
                os.kill(pid, shutdown)
            if _within(STOP_PATIENCE, lambda: not is_alive(pid)):
                return True
        raise EmbeddedFailed(tool="postgres", output=f"process {pid} does not stop", hint=f"kill -9 {pid}")


def _within(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Wait until it is so; False if that takes longer than this."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
