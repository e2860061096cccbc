"""Whether the places where a database's URL may stand mean the same database."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address

from balados_db.errors import InvalidUrl, TargetsDisagree
from balados_db.model import Manifest
from balados_db.postgres.source import ENVIRONMENT, Endpoint, Source, endpoints, find_sources

HERE = "this machine"
_DEFAULT_FOLDERS = ("/tmp", "/run/postgresql", "/var/run/postgresql")


def refuse_disagreement(explicit: str | None, manifest: Manifest | None) -> None:
    """Refuse, for a destructive command, when the implicit sources name different databases.

    Raises TargetsDisagree, or InvalidUrl for one that cannot be read. An explicit --url decides by itself.
    """
    if explicit:
        return
    try:
        first, *others = find_sources(manifest) or (None,)
        said = [text for other in others if first for text in _differences(first, other)]
    except InvalidUrl as exc:
        raise InvalidUrl(**exc.facts, hint="mend or unset it, or say which database is meant with --url") from None
    if said:
        raise TargetsDisagree(targets="; ".join(said))


def _differences(first: Source, other: Source) -> Iterator[str]:
    database, servers, ports = _stated(other)
    if database is not None and database != first.database:
        yield f"database is {first.database} by {first.name}, {database} by {other.name}"
    if servers and not same_servers(first.endpoints, servers):
        yield f"server is {first.server} by {first.name}, {','.join(map(str, servers))} by {other.name}"
    if ports and ports != [endpoint.port for endpoint in first.endpoints]:
        yield f"port is {first.server} by {first.name}, {','.join(ports)} by {other.name}"


def _stated(source: Source) -> tuple[str | None, tuple[Endpoint, ...], list[str]]:
    """Database, servers, or ports alone, as far as a source says them.

    A URL means all of them. PG* variables and a service may say a part: what they leave open, the URL says.
    """
    if source.name != ENVIRONMENT:
        return source.database, source.endpoints, []
    source.resolved  # noqa: B018  # raises for a service that is not there
    from psycopg import pq

    said = {o.keyword.decode(): o.val.decode() for o in pq.Conninfo.get_defaults() if o.val}
    servers = endpoints(said) if said.get("host") or said.get("hostaddr") else ()
    alone = not servers and ("PGPORT" in os.environ or said.get("port") != "5432")
    return said.get("dbname"), servers, said["port"].split(",") if alone else []


def same_servers(some: tuple[Endpoint, ...], others: tuple[Endpoint, ...]) -> bool:
    """Whether each of one list is in the other, whatever their order."""
    return all(any(_same(a, b) for b in others) for a in some) and all(any(_same(a, b) for a in some) for b in others)


def _same(one: Endpoint, other: Endpoint) -> bool:
    if one.port != other.port:
        return False
    if one.host == other.host and one.address == other.address:
        return True
    return bool(_addresses(one) & _addresses(other))


def _addresses(endpoint: Endpoint) -> set[str]:
    """Where a connection would go: an address says it; names are looked up; every default is this machine."""
    if endpoint.address:
        return {_canonical(endpoint.address)}
    host = endpoint.host
    if not host or host in _DEFAULT_FOLDERS:
        return {HERE}
    if host.startswith(("/", "@")):
        return {host}
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return {host.lower()}
    return {host.lower(), *(_canonical(str(address[0])) for *_, address in found)}


def _canonical(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return HERE if found.is_loopback else str(found)
