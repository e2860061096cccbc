"""One server for all processes of a run: whoever needs it asks the process that began the run.

A worker that started a container itself would take it away from the others when it ends. So the first process keeps a
desk: it starts the server when the first worker asks, and stops it when the run ends, however that ends.
"""

from __future__ import annotations

import contextlib
import secrets
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from threading import Thread
from typing import Any

from balados_db.testing.server import Server

Address = tuple[Any, str]


class Desk:
    """Answers workers on this machine with the server's URL, as long as this process lives."""

    def __init__(self, server: Server) -> None:
        self._server, self._key = server, secrets.token_hex(16)
        self._listener = Listener(backlog=64, authkey=self._key.encode())
        Thread(target=self._answer, name="balados-db desk", daemon=True).start()

    @property
    def address(self) -> Address:
        """What a worker has to know; pass it to `ask`."""
        return self._listener.address, self._key

    def _answer(self) -> None:
        while True:
            # Somebody without the key, or who left at once, is nobody's problem.
            with contextlib.suppress(OSError, EOFError, AuthenticationError), self._listener.accept() as caller:
                caller.send(self._answered())

    def _answered(self) -> tuple[str, str]:
        try:
            return self._server.start(), ""
        except Exception as exc:
            return "", f"{type(exc).__name__}: {exc}"


def ask(address: Address) -> str:
    """Ask the desk for the server's URL, and wait until it runs. Raises RuntimeError where it cannot be started."""
    place, key = address
    with Client(place, authkey=key.encode()) as desk:
        url, problem = desk.recv()
    if problem:
        raise RuntimeError(f"the test server did not start: {problem}")
    return str(url)
