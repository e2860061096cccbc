"""A road to a server that breaks once, at COMMIT: before it arrives, or after it was carried out and before the answer."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

COMMIT = b"COMMIT\0"


@contextmanager
def holder(port: int, *, delivered: bool) -> Iterator[tuple[int, threading.Event]]:
    """The same, but nothing breaks: the first COMMIT, or the answer to it, is held back until the end of the block.

    The event says that it is.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held = threading.Event()
        threading.Thread(target=_accept, args=(listening, port, delivered, held, True), daemon=True).start()
        yield int(listening.getsockname()[1]), held


@contextmanager
def cutter(port: int, *, delivered: bool) -> Iterator[int]:
    """Listen in front of a port of this machine; what breaks is one connection, and only the first time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        cut = threading.Event()
        threading.Thread(target=_accept, args=(listening, port, delivered, cut), daemon=True).start()
        yield int(listening.getsockname()[1])
        assert cut.is_set(), "nobody sent COMMIT"


def _accept(listening: socket.socket, port: int, delivered: bool, cut: threading.Event, holds: bool = False) -> None:
    with suppress(OSError):
        while True:
            client = listening.accept()[0]
            server = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_carry, args=(client, server, delivered, cut, holds), daemon=True).start()


def _carry(client: socket.socket, server: socket.socket, delivered: bool, cut: threading.Event, holds: bool) -> None:
    with client, server, suppress(OSError):
        while True:
            for one in select.select([client, server], [], [])[0]:
                said = one.recv(65536)
                if not said:
                    return
                breaks = one is client and COMMIT in said and not cut.is_set()
                if not breaks or delivered:
                    (server if one is client else client).sendall(said)
                if breaks:
                    if delivered:
                        server.recv(65536)
                    cut.set()
                    if holds:
                        client.recv(1)  # until it goes away
                    return
