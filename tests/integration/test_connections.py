"""Every way in which libpq finds a server, against a real one: TCP on IPv4 and IPv6, a socket, services, several hosts."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from balados_db.embedded import EmbeddedServer
from balados_db.embedded import server as embedded
from balados_db.errors import (
    AuthenticationFailed,
    BaladosDbError,
    EncryptionFailed,
    InvalidUrl,
    NoDatabase,
    ServerTooOld,
    Unreachable,
)
from balados_db.model import Identity
from balados_db.postgres import catalog, connection
from balados_db.postgres.catalog import read_identity
from balados_db.postgres.connection import connect
from balados_db.postgres.source import find_source
from balados_db.redaction import remember_password
from tests.conftest import OURS, PASSWORD
from tests.listening import spellings

ENCODED = quote(PASSWORD, safe="")


@dataclass(frozen=True)
class Served:
    """A server of this module's own, which also listens on a socket and, where there is one, on IPv6."""

    port: int
    folder: str  # of its socket
    ipv6: bool
    dead: int  # a port on which nobody listens


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Started with what the embedded server otherwise never has: a socket that others may use."""
    with tempfile.TemporaryDirectory(prefix="bdb-", dir="/tmp") as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "socket").mkdir()
        (folder / "socket").chmod(0o777)  # the server may run as another account
        home = folder / "home"
        home.mkdir(0o711)
        (home / "secret").write_text(PASSWORD)
        ipv6 = _has_ipv6()
        addresses = "127.0.0.1,::1" if ipv6 else "127.0.0.1"
        fixed = {"listen_addresses": addresses, "unix_socket_directories": str(folder / "socket")}
        patch.setattr(embedded, "FIXED", fixed)
        server = EmbeddedServer(home, durable=False)
        url = server.start()
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("create database shop")
            port = conn.info.port
        try:
            with socket.create_server(("127.0.0.1", 0)) as taken:
                dead = taken.getsockname()[1]
            yield Served(port, str(folder / "socket"), ipv6, dead)
        finally:
            server.discard()
            shutil.rmtree(home, ignore_errors=True)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture
def place(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Served:
    """Nothing of this machine has a say; files for passwords and services are the test's own."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passwords"))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return served


def reached(explicit: str | None = None, database: str | None = None) -> Identity:
    """Connect as a command does, and ask the server what it is."""
    with connect(find_source(explicit, None), command="test", database=database) as conn:
        return read_identity(conn)


def passwords(folder: Path, *lines: str) -> None:
    """A password file that libpq takes: nobody else may read it. In it, `:` and `\\` have a backslash before them."""
    file = folder / "passwords"
    file.touch(0o600)
    file.write_text("\n".join(lines).format(word=PASSWORD.replace("\\", "\\\\").replace(":", "\\:")))


# ── ways that lead there ─────────────────────────────────────────────────────────────────────────────────

WAYS = {
    "a URL": "postgresql://balados:{word}@127.0.0.1:{port}/shop",
    "postgres://": "postgres://balados:{word}@127.0.0.1:{port}/shop",
    "testcontainers": "postgresql+psycopg2://balados:{word}@localhost:{port}/shop",
    "SQLAlchemy's psycopg": "postgresql+psycopg://balados:{word}@localhost:{port}/shop",
    "SQLAlchemy's asyncpg": "postgresql+asyncpg://balados:{word}@localhost:{port}/shop?prepared_statement_cache_size=0&ssl=prefer",
    "Ecto": "ecto://balados:{word}@localhost:{port}/shop?pool_size=10",
    "Prisma": "postgresql://balados:{word}@localhost:{port}/shop?schema=users&connection_limit=1",
    "key=value": "host=127.0.0.1 port={port} dbname=shop user=balados password='{escaped}'",
    "a query": "postgresql:///shop?host=127.0.0.1&port={port}&user=balados&password={word}",
    "hostaddr": "host=nobody.example hostaddr=127.0.0.1 port={port} dbname=shop user=balados password='{escaped}'",
    "a socket": "postgresql://balados:{word}@{folder}:{port}/shop",
    "a socket in the query": "postgresql://balados:{word}@/shop?host={folder}&port={port}",
    "a socket as a pair": "host={plain} port={port} dbname=shop user=balados password='{escaped}'",
    "the first one dead": "postgresql://balados:{word}@127.0.0.1:{dead},127.0.0.1:{port}/shop",
    "the first one unknown": "postgresql://balados:{word}@nobody.invalid,127.0.0.1:{port}/shop",
    "SQLAlchemy's hosts": "postgresql+psycopg2://balados:{word}@/shop?host=127.0.0.1:{dead}&host=127.0.0.1:{port}",
    "the one that writes": "postgresql://balados:{word}@127.0.0.1:{dead},localhost:{port}/shop?target_session_attrs=read-write",
    "any, standby first": "postgresql://balados:{word}@127.0.0.1:{port}/shop?target_session_attrs=prefer-standby",
}


def written(text: str, place: Served) -> str:
    """A way with this server's facts."""
    escaped = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    folder = quote(place.folder, safe="")
    facts = {"word": ENCODED, "escaped": escaped, "folder": folder, "plain": place.folder}
    return text.format(**facts, port=place.port, dead=place.dead)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_to_write_it_leads_to_the_database(way: str, place: Served) -> None:
    """And the server says which one it is; the source says where it was written."""
    found = reached(written(way, place))

    assert (found.database, found.role, found.source) == ("shop", "balados", "--url")
    assert found.pooled is False


def test_a_server_that_is_too_old_is_named(place: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is asked of it, for it lacks the catalogs to answer from; one day, each of ours will be too old."""
    monkeypatch.setattr(catalog, "OLDEST", 99)
    with pytest.raises(ServerTooOld, match=r"The server is PostgreSQL 1\d\.\d+.*; balados-db needs 99 or newer"):
        reached(written("postgresql://balados:{word}@127.0.0.1:{port}/shop", place))


def test_a_server_that_does_not_even_know_our_settings_is_named(place: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the connection before it says who it is (PostgreSQL 13 does)."""
    monkeypatch.setattr(connection, "SETTINGS", {**connection.SETTINGS, "of_tomorrow": "on"})
    monkeypatch.setattr(connection, "OLDEST", 99)
    with pytest.raises(ServerTooOld, match="balados-db needs 99 or newer"):
        reached(written("postgresql://balados:{word}@127.0.0.1:{port}/shop", place))


def test_a_socket_is_named_by_its_folder(place: Served) -> None:
    """There is no address then: the folder and the port say which server it is."""
    assert reached(written(WAYS["a socket"], place)).server == f"{place.folder}:{place.port}"
    assert reached(written(WAYS["a URL"], place)).server == f"127.0.0.1:{place.port}"


def test_an_ipv6_literal_is_written_in_brackets(place: Served) -> None:
    """In the URL, and in what is said of it."""
    if not place.ipv6:
        pytest.skip("this machine has no IPv6 on its loopback")

    found = reached(f"postgresql://balados:{ENCODED}@[::1]:{place.port}/shop")

    assert found.server == f"[::1]:{place.port}"


def test_the_variables_of_libpq_lead_there(place: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGHOST, PGHOSTADDR, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGOPTIONS, PGAPPNAME: as for psql, but for the name."""
    given = {"PGHOST": "nobody.example", "PGHOSTADDR": "127.0.0.1", "PGPORT": str(place.port), "PGDATABASE": "shop"}
    given |= {"PGUSER": "balados", "PGPASSWORD": PASSWORD, "PGOPTIONS": "-c work_mem=7MB", "PGAPPNAME": "mine"}
    given |= {"PGCONNECT_TIMEOUT": "5", "PGSSLMODE": "prefer", "PGTARGETSESSIONATTRS": "read-write"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with connect(find_source(None, None), command="test") as conn:
        shown = [conn.execute(f"show {name}").fetchone()[0] for name in ("work_mem", "application_name", "search_path")]  # type: ignore[index]

    assert shown == ["7MB", "balados-db/test", "pg_catalog,pg_temp"]
    assert reached().source == "libpq's environment"
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    with pytest.raises(Unreachable, match="standby"):
        reached()


@pytest.mark.parametrize(
    "way", ["service=shop", "postgresql:///?service=shop", "postgresql+psycopg2:///?service=shop", None]
)
def test_a_service_leads_there(way: str | None, place: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PGSERVICEFILE and PGSERVICE, or `service` in the URL; its hosts are tried in turn, its options kept."""
    lines = [
        "[shop]",
        f"host=127.0.0.1,{place.folder}",
        f"port={place.dead},{place.port}",
        "dbname=shop",
        "user=balados",
    ]
    lines += [f"password={PASSWORD}", "options=-c work_mem=7MB", "connect_timeout=5"]
    (tmp_path / "services").write_text("\n".join(lines))
    if way is None:
        monkeypatch.setenv("PGSERVICE", "shop")

    with connect(find_source(way, None), command="test") as conn:
        found = read_identity(conn)
        shown = [conn.execute(f"show {name}").fetchone()[0] for name in ("work_mem", "search_path")]  # type: ignore[index]

    assert (found.database, found.server) == ("shop", f"{place.folder}:{place.port}")
    assert shown == ["7MB", "pg_catalog,pg_temp"]
    assert reached(way, "postgres").database == "postgres"


def test_a_password_file_is_asked(place: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGPASSFILE, ~/.pgpass, or `passfile` in the string; what it holds is never said."""
    url = f"postgresql://balados@127.0.0.1:{place.port}/shop"
    passwords(tmp_path, "127.0.0.1:1:*:*:wrong", f"127.0.0.1:{place.port}:shop:balados:{{word}}")
    assert reached(url).database == "shop"

    monkeypatch.delenv("PGPASSFILE")
    (tmp_path / "passwords").rename(tmp_path / ".pgpass")
    assert reached(url).database == "shop"

    (tmp_path / ".pgpass").rename(tmp_path / "elsewhere")
    assert reached(f"{url}?passfile={tmp_path / 'elsewhere'}").database == "shop"


# ── ways that do not ─────────────────────────────────────────────────────────────────────────────────────

DEAD_ENDS: dict[str, tuple[str, type[BaladosDbError], str]] = {
    "nobody listens": ("postgresql://balados:{word}@127.0.0.1:{dead}/shop", Unreachable, "127.0.0.1:{dead}"),
    "no such host": ("postgresql://balados:{word}@nobody.invalid:{port}/shop", Unreachable, "nobody.invalid:{port}"),
    "no such socket": ("postgresql://balados:{word}@{folder}:{dead}/shop", Unreachable, "{plain}:{dead}"),
    "a wrong password": (
        "postgresql://balados:{word}x@127.0.0.1:{port}/shop",
        AuthenticationFailed,
        "127.0.0.1:{port}",
    ),
    "a wrong user": ("postgresql://nobody:{word}@127.0.0.1:{port}/shop", AuthenticationFailed, "127.0.0.1:{port}"),
    "no password": ("postgresql://balados@127.0.0.1:{port}/shop", AuthenticationFailed, "no password supplied"),
    "no such database": ("postgresql://balados:{word}@127.0.0.1:{port}/none", NoDatabase, "127.0.0.1:{port}"),
    "TLS that is not there": (
        "postgresql://balados:{word}@127.0.0.1:{port}/shop?sslmode=require",
        EncryptionFailed,
        "127.0.0.1:{port}",
    ),
    "asyncpg's TLS": ("postgresql+asyncpg://balados:{word}@127.0.0.1:{port}/shop?ssl=require", EncryptionFailed, "SSL"),
    "every one dead": (
        "postgresql://balados:{word}@127.0.0.1:{dead},{folder}:{dead}/shop",
        Unreachable,
        "127.0.0.1:{dead}: Connection refused",
    ),
    "a standby": (
        "postgresql://balados:{word}@127.0.0.1:{port}/shop?target_session_attrs=standby",
        Unreachable,
        "{port}",
    ),
    "a port that is none": ("postgresql://balados:{word}@127.0.0.1:x{port}/shop", InvalidUrl, "not a number"),
    "more ports than hosts": ("host=127.0.0.1 port={port},{dead} password='{escaped}'", InvalidUrl, "match"),
    "no such mode": (
        "postgresql://balados:{word}@127.0.0.1:{port}/shop?sslmode=sometimes",
        EncryptionFailed,
        "sslmode",
    ),
}


@pytest.mark.parametrize(("way", "error", "says"), DEAD_ENDS.values(), ids=DEAD_ENDS)
def test_what_leads_nowhere_is_told_without_the_password(
    way: str, error: type[BaladosDbError], says: str, place: Served
) -> None:
    """Host and port are named, the reason too; the password in none of its spellings."""
    with pytest.raises(error) as caught:
        reached(written(way, place))

    told = f"{caught.value.message} {caught.value.hint} {caught.value.facts}"
    assert says.format(port=place.port, dead=place.dead, plain=place.folder) in told
    assert type(caught.value) is error
    assert [form for form in spellings(PASSWORD) if form in told] == []


def test_a_password_that_is_a_word_of_libpqs_changes_no_verdict(place: Served) -> None:
    """It is hidden in what is said, and what is said is still about authentication."""
    remember_password("password")

    with pytest.raises(AuthenticationFailed) as caught:
        reached(written("postgresql://balados@127.0.0.1:{port}/shop", place))

    assert "no *** supplied" in caught.value.message
