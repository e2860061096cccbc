"""Read a database URL as people and other libraries write it, and write it as libpq understands it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from balados_db.errors import InvalidUrl

_SCHEME = re.compile(r"^\s*(postgres(?:ql)?(?:\+\w+)?|ecto)://", re.IGNORECASE)
_KEY_VALUE = re.compile(r"\s*\w+\s*=")

# Words for pools and drivers that say nothing about the database: of SQLAlchemy, asyncpg, Django, Prisma, Ecto.
_NOT_OURS = frozenset(
    (
        *("async_fallback", "command_timeout", "executemany_batch_page_size", "executemany_mode", "isolation_level"),
        *("max_cacheable_statement_size", "max_cached_statement_lifetime", "native_inet_types", "plugin"),
        *("prepare_threshold", "prepared_statement_cache_size", "prepared_statement_name_func", "server_side_cursors"),
        *("statement_cache_size", "use_native_hstore", "use_native_unicode", "use_native_uuid"),
        *("conn_health_checks", "conn_max_age", "disable_server_side_cursors", "engine"),
        *("connection_limit", "pgbouncer", "pool_timeout", "schema", "socket_timeout"),
        *("pool_size", "queue_interval", "queue_target", "timeout"),
    )
)
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SSL = {**{mode: mode for mode in _MODES}, **dict.fromkeys(("true", "1", "on"), "require"), "false": "disable"}


def understood(written: str, source: str) -> str:
    """A URL, whatever library it was written for, as one for libpq; key=value pairs stay as they are.

    Raises InvalidUrl, which repeats nothing: what cannot be understood may be a password.
    """
    if written.strip()[:1] in ("'", '"'):
        raise InvalidUrl(
            source=source, problem="it stands in quotes, and they are a part of it", hint="leave the quotes out"
        )
    if _KEY_VALUE.match(written):
        return written
    if "://" not in written:
        raise InvalidUrl(source=source, problem="it is neither a URL nor key=value pairs")
    scheme = _SCHEME.match(written)
    if scheme is None:
        raise InvalidUrl(source=source, problem="it does not begin with postgresql://")
    login, place, query = _taken_apart(written[scheme.end() :].rstrip())
    if "@" in place:
        # libpq would read the rest of such a password as host and database, and we would print it as those.
        raise InvalidUrl(source=source, problem="a reserved character in user or password is not percent-encoded")
    said = "&".join(_parameters(query, source, foreign=scheme[1].lower() not in ("postgres", "postgresql")))
    return f"postgresql://{login}{place}{'?' if said else ''}{said}"


def _taken_apart(rest: str) -> tuple[str, str, str]:
    """The login with its `@`, host and path, and the query, where libpq sees them: its login ends at the first `@`."""
    authority = rest.partition("/")[0]
    login = authority[: authority.index("@") + 1] if "@" in authority else ""
    place, _, query = rest[len(login) :].partition("?")
    return login, place, query


def _parameters(query: str, source: str, *, foreign: bool) -> Iterator[str]:
    """The parameters that libpq knows; several hosts, as SQLAlchemy has them, become a list."""
    pairs = [tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair]
    hosts = [unquote(value) for key, value in pairs if key == "host"]
    if foreign and (len(hosts) > 1 or any(re.search(r"\w:\d+$", host) for host in hosts)):
        split = [re.match(r"(.*?)(?::(\d+))?$", host, re.DOTALL) for host in hosts]
        yield "host=" + ",".join(found[1] for found in split if found)
        yield "port=" + ",".join(found[2] or "" for found in split if found)
        pairs = [(key, value) for key, value in pairs if key not in ("host", "port")]
    for key, value in pairs:
        if key == "ssl":
            yield f"sslmode={_mode(value, source)}"
        elif key not in _NOT_OURS:
            yield f"{key}={value}"


def _mode(value: str, source: str) -> str:
    if value.lower() not in _SSL:
        raise InvalidUrl(source=source, problem=f"`ssl` is one of {', '.join(_SSL)}")
    return _SSL[value.lower()]
