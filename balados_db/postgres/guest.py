"""A guest at a pooler's: bounded waits for a server connection, and that connection left as it was found."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg.pq import TransactionStatus

from balados_db.errors import NoTransactions, PoolersConsole, PoolExhausted
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composable

TRY = 1.0  # seconds that a run which holds one server connection may wait for its second one


class Guest(psycopg.Connection[Any]):
    """A connection that remembers what a pooler forgets or hides."""

    source = ""  # where the URL came from
    settings: Mapping[str, str] = MappingProxyType({})  # this run's own; start-up settings do not reach a pooled server
    pooled = False
    found: tuple[dict[str, str], str, str] | None = None  # the session's settings, role and user before us


def greet(conn: Guest, seconds: float) -> None:
    """Get a first answer, and with it the certainty that transactions are possible.

    Raises PoolersConsole, NoTransactions, or PoolExhausted when a pooler has no server connection for us in time.
    """
    if "bouncer" in (conn.info.parameter_status("server_version") or ""):
        name = conn.info.dbname
        conn.close()
        raise PoolersConsole(database=name)
    answered = send(conn, query("backend_pid"), seconds)
    conn.pooled = answered != str(conn.info.backend_pid)
    if not conn.pooled:
        return
    try:
        send(conn, query("forget_application"), seconds)
        send(conn, query("begin_looking"), seconds)
        if conn.info.transaction_status is not TransactionStatus.INTRANS:
            raise NoTransactions(problem="it begins none")
        conn.rollback()
    except psycopg.errors.ProtocolViolation as exc:
        conn.close()
        raise NoTransactions(problem=exc.diag.message_primary) from exc


def send(conn: Connection[Any], statement: Composable, seconds: float) -> str | None:
    """Send what begins a transaction, and wait no longer than this: a pooler may queue us for minutes.

    Returns the first value of the answer. Raises PoolExhausted, and closes the connection.
    """
    server = conn.pgconn
    server.send_query(statement.as_bytes(conn))
    if not _answers(conn, seconds):
        conn.close()
        raise PoolExhausted(seconds=seconds)
    result = server.get_result()
    while server.get_result() is not None:
        pass
    assert result is not None
    if result.error_message:
        raise psycopg.errors.error_from_result(result)
    value = result.get_value(0, 0) if result.ntuples else None
    return None if value is None else value.decode()


def _answers(conn: Connection[Any], seconds: float) -> bool:
    """Whether a whole answer arrives in time."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(conn.pgconn.socket, selectors.EVENT_READ)
        while conn.pgconn.is_busy():
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
            conn.pgconn.consume_input()
    return True


# ── the session that others will use after us ────────────────────────────────────────────────────────────


def remember_session(conn: Connection[Any]) -> None:
    """Note a pooled session's settings right after BEGIN. SHOW takes no snapshot, so it may come before LOCK TABLE."""
    if not getattr(conn, "pooled", False):
        return
    settings = {row.name: row.setting for row in conn.execute(query("show_settings"))}
    (role,), (user,) = (conn.execute(query(name)).fetchone() or ("",) for name in ("show_role", "show_user"))
    cast(Guest, conn).found = (settings, role, user)


def give_back_session(conn: Connection[Any]) -> None:
    """Put a pooled session's settings back, as the last deed before COMMIT: they would stay for whoever comes next.

    RESET ALL alone is not it: what the pooler set when it opened the session would be lost too.
    """
    found = getattr(conn, "found", None)
    if found is None:
        return
    settings, role, user = found
    conn.execute(query("reset_session"))
    values = {"names": list(settings), "settings": list(settings.values()), "role": role, "user": user}
    conn.execute(query("give_back_user"), values)
    conn.execute(query("give_back_settings"), values)
    cast(Guest, conn).found = None
