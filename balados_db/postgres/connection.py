"""Connect: the session's settings, errors in our own words, no password anywhere."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from balados_db.errors import (
    AuthenticationFailed,
    BaladosDbError,
    ConnectionLost,
    EncryptionFailed,
    InvalidUrl,
    LockTimeout,
    ManifestInvalid,
    NoDatabase,
    NotAllowed,
    NotInPool,
    ReadOnlyServer,
    RefusedByDatabase,
    ServerTooOld,
    StepFailed,
    TooLarge,
    Unreachable,
    UnreadableText,
)
from balados_db.model import OLDEST, Identity
from balados_db.planning.culprits import of_denied, of_guard, of_reference
from balados_db.planning.cures import advice
from balados_db.postgres.source import Endpoint, Source
from balados_db.redaction import redacted

if TYPE_CHECKING:
    import psycopg
    from psycopg import Connection, sql

    from balados_db.postgres.guest import Guest

MAINTENANCE = "postgres"

# As start-up options they survive RESET ALL. `row_security = off` makes forced row security an error
# instead of a DELETE that skips rows without a word.
SETTINGS: Mapping[str, str] = {
    "search_path": "pg_catalog,pg_temp",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "1000",
    "client_min_messages": "notice",
    "datestyle": "ISO",
    "default_transaction_isolation": "read committed",
    "check_function_bodies": "on",
    "exit_on_error": "off",
    "transform_null_equals": "off",
}
_NOT_LOCAL = ("default_transaction_isolation",)


# ── connecting ───────────────────────────────────────────────────────────────────────────────────────────


def connect(
    source: Source, *, command: str, database: str | None = None, wait: float = 0.0, lock_timeout: float = 10.0
) -> Connection[Any]:
    """Open an autocommit session with our own settings; `wait` seconds for the server to accept connections.

    `lock_timeout`, in seconds, bounds the wait for each single lock, whatever a migration sets and resets, and the wait
    for a pooler's connection to the server.

    Raises InvalidUrl, Unreachable, AuthenticationFailed, EncryptionFailed, NoDatabase, and what a pooler in between
    makes impossible.
    """
    from balados_db.postgres.guest import greet

    _hush_driver()
    deadline = time.monotonic() + wait
    while True:
        try:
            conn = _connect(source, command, database, lock_timeout)
            with translated("connect"):
                greet(conn, lock_timeout)
                _be_nobodys_replica(conn, lock_timeout)
            return conn
        except (AuthenticationFailed, EncryptionFailed, NoDatabase):
            raise
        except Unreachable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.2)


def _be_nobodys_replica(conn: Guest, seconds: float) -> None:
    """Where the database or the role makes sessions replicas, no trigger fires and no foreign key is looked after.

    Only then it is set, for each transaction: it takes a right that most roles do not have.
    """
    from balados_db.postgres.guest import send
    from balados_db.postgres.queries import query

    if send(conn, query("show_replication_role"), seconds) != "origin":
        conn.settings = {**conn.settings, "session_replication_role": "origin"}


def _hush_driver() -> None:
    """What the driver logs while it cleans up a lost connection: that it is lost is said by our own error.

    Whoever set up logging hears it nevertheless.
    """
    logger = logging.getLogger("psycopg")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


# The driver itself tries one host after the other, so it must be told what only libpq reads in a service file.
_FOR_THE_DRIVER = ("host", "hostaddr", "port", "target_session_attrs", "load_balance_hosts", "connect_timeout")


def _connect(source: Source, command: str, database: str | None, lock_timeout: float) -> Guest:
    import psycopg

    found = source.resolved
    parts: dict[str, Any] = {"connect_timeout": "10", **source.parts}
    parts.update({key: found[key] for key in _FOR_THE_DRIVER if key in found})
    parts["dbname"] = database or found["dbname"]
    patience = f"{max(1, int(lock_timeout * 1000))}ms"
    settings = {**SETTINGS, "lock_timeout": patience}
    ours = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
    theirs = found.get("options", "")
    parts["options"] = f"{theirs} {ours}".strip()
    parts.update(application_name=f"balados-db/{command}", client_encoding="utf8")
    try:
        return _opened(source, parts, patience)
    except psycopg.ProgrammingError as exc:  # the driver itself refuses a value, before it talks to anybody
        raise InvalidUrl(source=source.name, problem=redacted(_last_line(str(exc)))) from None
    except psycopg.OperationalError as exc:
        pooler = "startup parameter" in str(exc)
        if not (pooler or any(name in str(exc) for name in SETTINGS)):
            raise _unreachable(exc, source, parts) from None
    parts["options"] = theirs  # a pooler takes none of ours: every transaction sets them for itself
    try:
        conn = _opened(source, parts, patience)
    except psycopg.OperationalError as exc:
        raise _unreachable(exc, source, parts) from None
    if not pooler:
        _refuse_old(conn)  # it does not know all of them, and would not later
    return conn


def _refuse_old(conn: Guest) -> None:
    if conn.info.server_version < OLDEST * 10_000:
        version = conn.info.parameter_status("server_version")
        conn.close()
        raise ServerTooOld(version=version, oldest=OLDEST)


def _opened(source: Source, parts: dict[str, Any], lock_timeout: str) -> Guest:
    from psycopg.rows import namedtuple_row

    from balados_db.postgres.guest import Guest

    conn = interruptibly(
        lambda: Guest.connect(**parts, autocommit=True, prepare_threshold=None, row_factory=namedtuple_row)
    )
    conn.source = source.name
    conn.settings = {"lock_timeout": lock_timeout, "application_name": parts["application_name"]}
    return conn


def interruptibly(connect: Callable[[], Guest]) -> Guest:
    """Connect in a thread of its own: names are resolved by the system, which no signal interrupts.

    Whoever stops waiting leaves it behind; a connection that it still gets is closed.
    """
    if threading.current_thread() is not threading.main_thread():
        return connect()
    found: list[Guest] = []
    failed: list[BaseException] = []
    left = False

    def run() -> None:
        try:
            conn = connect()
        except BaseException as exc:  # whatever it is, it is raised where it is waited for
            failed.append(exc)
            return
        found.append(conn)
        if left:
            conn.close()

    thread = threading.Thread(target=run, name="connect", daemon=True)
    thread.start()
    try:
        thread.join()
    except BaseException:
        left = True
        raise
    if failed:
        raise failed[0]
    return found[0]


def pooled(conn: Connection[Any]) -> bool:
    """Whether a pooler is in between: then the process of the handshake is not the one that answers."""
    from balados_db.postgres.queries import query

    row = conn.execute(query("backend_pid")).fetchone()
    return row is not None and bool(row[0] != conn.info.backend_pid)


def _unreachable(exc: psycopg.Error, source: Source, parts: dict[str, Any]) -> Unreachable:
    """Which of the ways not to get in it is. Decided by what libpq said: a password may be one of its words."""
    raw = _last_line(str(exc))
    text = redacted(raw)
    database, target = parts["dbname"], source.server
    if re.search(r'database ".*" does not exist', raw):
        return NoDatabase(database=database, target=target)
    if "no such database" in raw:
        return NotInPool(database=database, target=target)
    if re.search(r"does not support SSL|no encryption|certificate|sslmode", raw):
        return EncryptionFailed(target=target, problem=text)
    if re.search(r"password|authentication|role \".*\" does not exist|no pg_hba", raw):
        return AuthenticationFailed(target=target, problem=text)
    return Unreachable(target=f"{target}/{database}", problem=redacted(_each_attempt(str(exc))) or text)


def _last_line(text: str) -> str:
    """libpq names host and port before the reason; the reason is what is new."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    first = lines[0] if lines else "no reason given"
    return re.sub(r"^(?:.*?failed: )+(?:FATAL: +|ERROR: +)?", "", first)


_ATTEMPT = re.compile(
    r"^- host: (?:'(.*?)'|None), port: (?:'(.*?)'|None), hostaddr: (?:'(.*?)'|None): (.*)", re.MULTILINE
)


def _each_attempt(text: str) -> str:
    """Of several servers that were tried in vain, each with its reason."""
    tried = [(Endpoint(*found.group(1, 3, 2)), _last_line(found[4])) for found in _ATTEMPT.finditer(text)]
    return "; ".join(f"{place}: {reason}" for place, reason in tried)


# ── talking ──────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def translated(step: str, identity: Identity | None = None, *, fires: bool = False) -> Iterator[None]:
    """Turn the driver's errors into ours; anything of ours passes. `fires`: whether triggers of others run meanwhile.

    Raises NotAllowed, LockTimeout, TooLarge, ReadOnlyServer, ConnectionLost or StepFailed.
    """
    from psycopg import Error, InterfaceError, OperationalError

    try:
        yield
    except BaladosDbError:
        raise
    except Error as exc:
        if exc.sqlstate is None and not isinstance(exc, OperationalError | InterfaceError):
            raise  # the driver's own complaint about us: a bug
        raise translation(exc, step, identity, fires=fires) from exc


_MISTAKEN = ("21", "22", "25", "42")  # classes of SQLSTATE: too many rows, wrong values, writes, names and syntax


def translation(
    exc: psycopg.Error, step: str, identity: Identity | None = None, *, fires: bool = False
) -> BaladosDbError:
    """Say in our words what the server said."""
    from psycopg import InterfaceError, OperationalError

    state = exc.sqlstate or ""
    said = exc.diag.message_primary or _last_line(str(exc))
    if hasattr(exc, "said_in") and state[:2] in _MISTAKEN and state != "42501":
        file, key = exc.said_in
        return ManifestInvalid(file=file, key=key, problem=said, hint="mend what it says, or the layout that says it")
    if raised(exc):
        return _refused(exc, step, said)
    if state == "42501":
        role = identity.role if identity else ""
        denied = of_denied(said, role)
        return NotAllowed(role=role, problem=f"{step}: {said}", objects=[denied], hint=denied["cure"])
    if state in ("55P03", "57014", "40P01"):
        return LockTimeout(blockers=f"{step}: {said}")
    if state == "53200":
        room = identity.lock_room if identity else 0
        return TooLarge(needed="more than fit", room=room, advice="twice what it is")
    if state == "25006":
        return ReadOnlyServer(problem=said)
    if state.startswith(("08", "57P")) or (isinstance(exc, OperationalError | InterfaceError) and not state):
        target = identity.server if identity else "the server"
        return ConnectionLost(
            target=target, problem=said, outcome="What was not committed was rolled back by the server."
        )
    if state == "22021":
        return UnreadableText(problem=said)
    # 42601 is a mistake in a statement of ours: no trigger makes one.
    refused = fires and state and state != "42601"
    if refused or state == "P0001" or (state == "0A000" and "function" in (exc.diag.context or "")):
        return _refused(exc, step, said)
    return StepFailed(step=step, problem=said, sqlstate=state)


def raised(exc: psycopg.Error) -> bool:
    """Whether somebody's PL/pgSQL said RAISE: then its SQLSTATE is that function's choice, and proves nothing."""
    return exc.diag.source_function == "exec_stmt_raise"


def _refused(exc: psycopg.Error, step: str, said: str) -> RefusedByDatabase:
    diag = exc.diag
    if exc.sqlstate == "23503" and diag.schema_name and diag.table_name and diag.constraint_name:
        guard = of_reference(diag.schema_name, diag.table_name, diag.constraint_name, said)
    else:
        guard = of_guard(diag.context or "", said, diag.message_hint or "")
    # Only where it stops the dropping is emptying another way.
    instead = ("reset with --empty, which drops nothing",) if step.startswith("drop ") else ()
    return RefusedByDatabase(step=step, problem=said, objects=[guard], hint=advice([guard], *instead))


def _since(conn: Connection[Any]) -> dict[str, str]:
    """Settings that older servers do not know."""
    return {"transaction_timeout": "0"} if conn.info.server_version >= 170000 else {}


def local_settings(conn: Connection[Any]) -> sql.Composed:
    """Our settings for the connection's current transaction: behind a pooler there are no others.

    Plain SET LOCAL takes no snapshot, so it may come before LOCK TABLE.
    """
    from psycopg import sql

    def value(name: str, text: str) -> sql.Composable:
        return sql.SQL("pg_catalog, pg_temp") if name == "search_path" else sql.Literal(text)

    settings = {**SETTINGS, "client_encoding": "UTF8", **_since(conn), **getattr(conn, "settings", {})}
    each = [
        sql.SQL("set local {} = {}").format(sql.Identifier(name), value(name, text))
        for name, text in settings.items()
        if name not in _NOT_LOCAL
    ]
    return sql.SQL("; ").join(each)
