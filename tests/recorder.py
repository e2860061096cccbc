"""A road to a server that writes down every statement which a client sends, one conversation a connection."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Conversation = list[str]


@contextmanager
def recorded(url: str) -> Iterator[tuple[str, list[Conversation]]]:
    """The URL to go by, and what was said on it. Only for servers that are reached by host and port."""
    parts = conninfo_to_dict(url)
    said: list[Conversation] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = (str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432))
        threading.Thread(target=_accept, args=(listening, server, said), daemon=True).start()
        port = listening.getsockname()[1]
        plain = {"host": "127.0.0.1", "port": port, "sslmode": "disable", "gssencmode": "disable"}
        yield make_conninfo("", **{**parts, **plain}), said


def _accept(listening: socket.socket, server: tuple[str, int], said: list[Conversation]) -> None:
    with suppress(OSError):
        while True:
            client = listening.accept()[0]
            conversation: Conversation = []
            said.append(conversation)
            behind = socket.create_connection(server)
            threading.Thread(target=_carry, args=(client, behind, conversation), daemon=True).start()


def _carry(client: socket.socket, server: socket.socket, conversation: Conversation) -> None:
    heard = bytearray()
    started = False
    with client, server, suppress(OSError):
        while True:
            for one in select.select([client, server], [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                if one is client:
                    heard += data
                    started = _statements(heard, conversation, started)
                (server if one is client else client).sendall(data)


def _statements(heard: bytearray, conversation: Conversation, started: bool) -> bool:
    """Take whole messages off: the first has no type; Q is a statement, P one to be prepared, after its name."""
    while len(heard) >= 5:
        kind = heard[:1] if started else b""
        length = int.from_bytes(heard[len(kind) : len(kind) + 4], "big") + len(kind)
        if len(heard) < length:
            break
        body = bytes(heard[len(kind) + 4 : length])
        del heard[:length]
        started = True
        if kind == b"Q":
            conversation.append(body.rstrip(b"\0").decode())
        elif kind == b"P":
            conversation.append(body.split(b"\0")[1].decode())
    return started
