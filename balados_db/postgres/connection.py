"""Connect: where the URL comes from, the session's settings, errors in our own words, no password anywhere."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from balados_db.errors import (
    AuthenticationFailed,
    BaladosDbError,
    ConnectionLost,
    InvalidUrl,
    LockTimeout,
    NoDatabase,
    NotAllowed,
    NoUrl,
    ReadOnlyServer,
    RefusedByDatabase,
    StepFailed,
    TargetsDisagree,
    TooLarge,
    Unreachable,
)
from balados_db.model import Identity, Manifest

if TYPE_CHECKING:
    import psycopg
    from psycopg import Connection, sql

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
}
_NOT_LOCAL = ("default_transaction_isolation",)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A connection string and where it came from. The string may hold a password: it is never shown."""

    name: str
    conninfo: str

    def __repr__(self) -> str:
        return f"Source({self.name})"

    @property
    def parts(self) -> dict[str, Any]:
        """The string's parts, by libpq's keywords."""
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        try:
            return dict(conninfo_to_dict(self.conninfo))
        except (ProgrammingError, UnicodeError) as exc:
            # libpq quotes the string in its message, password included: none of it is passed on.
            raise InvalidUrl(source=self.name, problem="libpq cannot parse it") from (None if exc else exc)

    @property
    def database(self) -> str:
        """The database's name, as libpq would choose it."""
        parts = self.parts
        user = parts.get("user") or os.environ.get("PGUSER") or ""
        return str(parts.get("dbname") or os.environ.get("PGDATABASE") or user)

    @property
    def target(self) -> str:
        """Host, port and database for messages: no user, no password."""
        parts = self.parts
        host = parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
        port = parts.get("port") or os.environ.get("PGPORT") or "5432"
        return f"{host}:{port}/{self.database}"


# ── which URL ────────────────────────────────────────────────────────────────────────────────────────────

_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGSERVICEFILE")
_DRIVERS = re.compile(r"^(?:postgres|postgresql)(?:\+(?:psycopg|psycopg2|psycopg_async|asyncpg))?://")


def find_source(explicit: str | None, manifest: Manifest | None) -> Source:
    """Return the source that counts: --url, BALADOS_DB_URL, the manifest, DATABASE_URL, libpq's own.

    Raises NoUrl or InvalidUrl.
    """
    sources = _sources(explicit, manifest)
    if not sources:
        raise NoUrl()
    return sources[0]


def refuse_disagreement(explicit: str | None, manifest: Manifest | None) -> None:
    """Refuse, for a destructive command, when the implicit sources name different databases.

    Raises TargetsDisagree. An explicit --url decides by itself.
    """
    if explicit:
        return
    sources = _sources(None, manifest)
    stated = [(s.name, _stated(s)) for s in sources]
    for name, target in stated[1:]:
        first, chosen = stated[0]
        differing = [k for k in target if k in chosen and target[k] != chosen[k]]
        if differing:
            said = ", ".join(f"{k} is {chosen[k]} by {first}, {target[k]} by {name}" for k in differing)
            raise TargetsDisagree(targets=said)


def _stated(source: Source) -> dict[str, str]:
    """Host, port and database as far as a source says them; whoever names a host means a port of it."""
    parts = source.parts
    if parts.get("host") and not parts.get("port"):
        parts["port"] = os.environ.get("PGPORT", "5432")
    return {key: str(parts[key]) for key in ("host", "port", "dbname") if parts.get(key)}


def _sources(explicit: str | None, manifest: Manifest | None) -> list[Source]:
    candidates = [
        ("--url", explicit),
        ("BALADOS_DB_URL", os.environ.get("BALADOS_DB_URL")),
        ("the manifest", manifest.url if manifest else None),
        ("DATABASE_URL", os.environ.get("DATABASE_URL")),
    ]
    found = [Source(name=name, conninfo=_understood(name, url)) for name, url in candidates if url]
    if any(os.environ.get(name) for name in _LIBPQ):
        found.append(Source(name="libpq's environment", conninfo=_from_environment()))
    return found


def _understood(name: str, url: str) -> str:
    """Turn a URL with a driver's name into one that libpq knows; key=value strings stay."""
    if re.match(r"\s*\w+\s*=", url):
        return url
    if "://" not in url:
        raise InvalidUrl(source=name, problem="it is neither a URL nor key=value pairs")
    if not _DRIVERS.match(url):
        raise InvalidUrl(source=name, problem="it does not begin with postgresql://")
    # libpq would read the rest of such a password as host and database, and we would print it as those.
    place = re.split(r"[?#]", url.partition("://")[2])[0]
    if "@" in place.partition("/")[2] or place.count("@") > 1:
        raise InvalidUrl(source=name, problem="a reserved character in user or password is not percent-encoded")
    return _DRIVERS.sub("postgresql://", url)


def _from_environment() -> str:
    """Spell out what libpq would take, so that it can be compared; the password stays where it is."""
    from psycopg.conninfo import make_conninfo

    keys = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGSERVICE": "service"}
    return make_conninfo("", **{key: os.environ[name] for name, key in keys.items() if os.environ.get(name)})


def password_of(source: Source) -> str | None:
    """The password that a source spells out, for redaction alone."""
    try:
        return source.parts.get("password") or urlsplit(source.conninfo).password
    except (InvalidUrl, ValueError):
        return None


# ── connecting ───────────────────────────────────────────────────────────────────────────────────────────


def connect(
    source: Source, *, command: str, database: str | None = None, wait: float = 0.0, lock_timeout: float = 10.0
) -> Connection[Any]:
    """Open an autocommit session with our own settings; `wait` seconds for the server to accept connections.

    `lock_timeout`, in seconds, bounds the wait for each single lock, whatever a migration sets and resets.

    Raises Unreachable, AuthenticationFailed or NoDatabase.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            return _connect(source, command, database, lock_timeout)
        except (AuthenticationFailed, NoDatabase):
            raise
        except Unreachable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.2)


def _connect(source: Source, command: str, database: str | None, lock_timeout: float) -> Connection[Any]:
    import psycopg
    from psycopg.rows import namedtuple_row

    parts = source.parts
    if database is not None:
        parts["dbname"] = database
    settings = {**SETTINGS, "lock_timeout": f"{max(1, int(lock_timeout * 1000))}ms"}
    ours = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
    parts["options"] = f"{parts.get('options') or os.environ.get('PGOPTIONS', '')} {ours}".strip()
    parts.update(application_name=f"balados-db/{command}", client_encoding="utf8")
    parts.setdefault("connect_timeout", os.environ.get("PGCONNECT_TIMEOUT", "10"))
    try:
        return _opened(parts, namedtuple_row)
    except psycopg.OperationalError as exc:
        if "startup parameter" not in str(exc):
            raise _unreachable(exc, source, parts) from None
    parts.pop("options")  # a pooler takes none: every transaction sets them for itself
    try:
        return _opened(parts, namedtuple_row)
    except psycopg.OperationalError as exc:
        raise _unreachable(exc, source, parts) from None


def _opened(parts: dict[str, Any], row_factory: Any) -> Connection[Any]:
    import psycopg

    return psycopg.connect(**parts, autocommit=True, prepare_threshold=None, row_factory=row_factory)


def _unreachable(exc: psycopg.Error, source: Source, parts: dict[str, Any]) -> Unreachable:
    text = redacted(_last_line(str(exc)), parts.get("password"))
    target = source.target.rpartition("/")[0]
    if re.search(r'database ".*" does not exist', text):
        return NoDatabase(database=str(parts.get("dbname") or source.database), target=target)
    if re.search(r"password|authentication|role \".*\" does not exist|no pg_hba", text):
        return AuthenticationFailed(target=target, problem=text)
    return Unreachable(target=source.target, problem=text)


def _last_line(text: str) -> str:
    """libpq names host and port before the reason; the reason is what is new."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    first = lines[0] if lines else "no reason given"
    return re.sub(r"^.*?failed: (?:FATAL: +|ERROR: +)?", "", first)


def redacted(text: str, password: str | None) -> str:
    """Take a password out of a message."""
    return text.replace(password, "***") if password and len(password) > 3 else text


# ── talking ──────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def translated(step: str, identity: Identity | None = None) -> Iterator[None]:
    """Turn the driver's errors into ours; anything of ours passes.

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
        raise translation(exc, step, identity) from exc


def translation(exc: psycopg.Error, step: str, identity: Identity | None = None) -> BaladosDbError:
    """Say in our words what the server said."""
    from psycopg import InterfaceError, OperationalError

    state = exc.sqlstate or ""
    said = exc.diag.message_primary or _last_line(str(exc))
    if state == "42501":
        return NotAllowed(role=identity.role if identity else "", problem=f"{step}: {said}")
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
    if state == "P0001" or (state == "0A000" and "function" in (exc.diag.context or "")):
        return RefusedByDatabase(step=step, problem=said)
    return StepFailed(step=step, problem=said, sqlstate=state)


def local_settings() -> sql.Composed:
    """Our settings for the current transaction: behind a pooler there are no others.

    Plain SET LOCAL takes no snapshot, so it may come before LOCK TABLE.
    """
    from psycopg import sql

    def value(name: str, text: str) -> sql.Composable:
        return sql.SQL("pg_catalog, pg_temp") if name == "search_path" else sql.Literal(text)

    each = [
        sql.SQL("set local {} = {}").format(sql.Identifier(name), value(name, text))
        for name, text in SETTINGS.items()
        if name not in _NOT_LOCAL
    ]
    return sql.SQL("; ").join(each)
