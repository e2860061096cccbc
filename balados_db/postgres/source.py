"""Which database is meant: the places where its URL may stand, in their order, and whether they agree."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from balados_db.errors import InvalidUrl, NoUrl, NoUrlFor, TargetsDisagree
from balados_db.manifest import url_variable
from balados_db.model import MAIN, Manifest


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

    For a part of the manifest that is not about the main database: --url NAME=URL, BALADOS_DB_URL_NAME, the manifest.

    Raises NoUrl, NoUrlFor or InvalidUrl.
    """
    sources = _sources(explicit, manifest)
    if not sources and (beside := _beside(manifest)):
        raise NoUrlFor(name=beside, variable=url_variable(beside))
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


def _beside(manifest: Manifest | None) -> str | None:
    """The name of the database that a part of the manifest is about, unless that is the main one."""
    return manifest.database if manifest and manifest.database != MAIN else None


def _sources(explicit: str | None, manifest: Manifest | None) -> list[Source]:
    if beside := _beside(manifest):
        return _sources_beside(beside, explicit, manifest.url if manifest else None)
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


def _sources_beside(database: str, explicit: str | None, written: str | None) -> list[Source]:
    """Those of a database beside the main one: what names the main one says nothing about it."""
    variable = url_variable(database)
    candidates = [
        (f"--url {database}=", explicit),
        (variable, os.environ.get(variable)),
        (f"the manifest's [databases.{database}]", written),
    ]
    return [Source(name=name, conninfo=_understood(name, url)) for name, url in candidates if url]


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
