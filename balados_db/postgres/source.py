"""Which database is meant: the places where its URL may stand, in their order, and what libpq makes of each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from urllib.parse import unquote

from balados_db.errors import InvalidUrl, NoUrl, NoUrlFor
from balados_db.manifest.names import url_variable
from balados_db.model import MAIN, Manifest
from balados_db.postgres.url import understood
from balados_db.redaction import SECRETS, remember, remember_password

ENVIRONMENT = "libpq's environment"
_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")
_LOGIN = re.compile(r"^(postgresql://[^:@/]*):[^@/]*@")
_IMPOSSIBLE = "balados-db"  # no channel_binding: libpq fills in what is not said, refuses, and connects to nobody


@dataclass(frozen=True, kw_only=True)
class Source:
    """A connection string for libpq, and where it came from. The string may hold a password: it is never shown."""

    name: str
    conninfo: str = field(repr=False)

    def __post_init__(self) -> None:
        remember(self.conninfo)

    @cached_property
    def parts(self) -> dict[str, str]:
        """What the string itself says, by libpq's keywords. Raises InvalidUrl."""
        found = _parsed(self.conninfo)
        if found is None:  # libpq quotes the string in its message, password included: none of it is passed on
            raise InvalidUrl(source=self.name, problem="libpq cannot parse it")
        return found

    @cached_property
    def resolved(self) -> dict[str, str]:
        """All that libpq takes for it: the string, the service file, PG* variables, defaults. Raises InvalidUrl.

        The password file is read too, for redaction alone: its password is not in the answer.
        """
        from psycopg import pq
        from psycopg.conninfo import make_conninfo

        said = make_conninfo("", **{**self.parts, "channel_binding": _IMPOSSIBLE})
        asked = pq.PGconn.connect_start(said.encode())
        found = {o.keyword.decode(): o.val.decode() for o in asked.info if o.val is not None}
        password, problem = asked.password.decode(errors="replace"), asked.error_message.decode(errors="replace")
        asked.finish()
        remember_password(password, found.get("user"), found.get("dbname"), found.get("host"))
        remember_password(found.get("sslpassword"))
        if _IMPOSSIBLE not in problem:
            raise InvalidUrl(source=self.name, problem=problem.strip(), hint=_SERVICE)
        if not all(port.isdigit() for port in found.get("port", "").split(",") if port):
            raise InvalidUrl(source=self.name, problem="the port is not a number")
        return {key: value for key, value in found.items() if key != "channel_binding" and value}

    @property
    def database(self) -> str:
        """The database's name, as libpq would choose it."""
        return self.resolved["dbname"]

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The servers that are tried, in their order."""
        return endpoints(self.resolved)

    @property
    def server(self) -> str:
        """Host and port for messages, of every server that is tried."""
        return ",".join(str(endpoint) for endpoint in self.endpoints)

    @property
    def target(self) -> str:
        """Host, port and database for messages: no user, no password."""
        return f"{self.server}/{self.database}"


_SERVICE = "check the service's name, PGSERVICEFILE, and that hosts and ports are as many"


def _parsed(conninfo: str) -> dict[str, str] | None:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}
    except (ProgrammingError, UnicodeError):
        return None


def without_password(written: str) -> str | None:
    """A connection string that may be said openly; None for one that cannot be understood: who knows what is one."""
    from psycopg.conninfo import make_conninfo

    try:
        found = understood(written, "")
    except InvalidUrl:
        return None
    if "://" not in found:
        parts = _parsed(found)
        said = {key: value for key, value in (parts or {}).items() if key not in SECRETS}
        return None if parts is None else make_conninfo("", **said)
    place, _, query = _LOGIN.sub(r"\1@", found).partition("?")
    rest = "&".join(pair for pair in query.split("&") if unquote(pair.partition("=")[0]) not in SECRETS)
    return f"{place}?{rest}" if rest else place


@dataclass(frozen=True)
class Endpoint:
    """One server that a source names: its host's name, its address where that is given, its port."""

    host: str
    address: str
    port: str

    def __str__(self) -> str:
        place = self.host or self.address or "the local socket"
        return f"[{place}]:{self.port}" if ":" in place else f"{place}:{self.port}"


def endpoints(said: dict[str, str]) -> tuple[Endpoint, ...]:
    """The servers of a connection's parameters; one port may be everybody's."""
    hosts, addresses, ports = (said.get(key, "").split(",") for key in ("host", "hostaddr", "port"))
    if len(ports) == 1:
        ports *= max(len(hosts), len(addresses))
    rows = zip_longest(hosts, addresses, ports, fillvalue="")
    return tuple(Endpoint(host, address, port or "5432") for host, address, port in rows)


# ── which URL ────────────────────────────────────────────────────────────────────────────────────────────


def find_source(explicit: str | None, manifest: Manifest | None) -> Source:
    """Return the source that counts: --url, BALADOS_DB_URL, the manifest, DATABASE_URL, libpq's own.

    For a part of the manifest that is not about the main database: --url NAME=URL, BALADOS_DB_URL_NAME, the manifest.

    Raises NoUrl, NoUrlFor or InvalidUrl.
    """
    for name, written in _written(explicit, manifest):
        return read_source(name, written)
    if beside := _beside(manifest):
        raise NoUrlFor(name=beside, variable=url_variable(beside))
    raise NoUrl()


def find_sources(manifest: Manifest | None) -> tuple[Source, ...]:
    """All that is set beside --url, the one that counts first. Raises InvalidUrl."""
    return tuple(read_source(name, written) for name, written in _written(None, manifest))


def read_source(name: str, written: str) -> Source:
    """A source from what is written in a place that has this name. Raises InvalidUrl."""
    remember(written)
    return Source(name=name, conninfo=understood(written, name) if written else "")


def _beside(manifest: Manifest | None) -> str | None:
    """The name of the database that a part of the manifest is about, unless that is the main one."""
    return manifest.database if manifest and manifest.database != MAIN else None


def _written(explicit: str | None, manifest: Manifest | None) -> list[tuple[str, str]]:
    """Names of the places where something is written, and what; libpq finds its own by itself."""
    stated = manifest.url if manifest else None
    if beside := _beside(manifest):  # what names the main database says nothing about this one
        variable = url_variable(beside)
        places = [
            (f"--url {beside}=", explicit),
            (variable, os.environ.get(variable)),
            (f"the manifest's [databases.{beside}]", stated),
        ]
        return [(name, written) for name, written in places if written]
    places = [
        ("--url", explicit),
        ("BALADOS_DB_URL", os.environ.get("BALADOS_DB_URL")),
        ("the manifest", stated),
        ("DATABASE_URL", os.environ.get("DATABASE_URL")),
    ]
    found = [(name, written) for name, written in places if written]
    return [*found, (ENVIRONMENT, "")] if any(os.environ.get(name) for name in _LIBPQ) else found
