"""URLs as people and libraries write them, and what libpq makes of them. No server, no connection."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from balados_db.errors import InvalidUrl, TargetsDisagree
from balados_db.postgres.agreement import refuse_disagreement
from balados_db.postgres.source import find_source, read_source
from balados_db.postgres.url import understood

SECRET = "hunter2-Kx9"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine has a say, and no file of this account."""
    import os

    for name in [name for name in os.environ if name.startswith(("PG", "BALADOS_DB_", "DATABASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passwords"))


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("postgres://app@db:5433/shop", {"user": "app", "host": "db", "port": "5433", "dbname": "shop"}),
        ("postgresql+psycopg2://test:test@localhost:32768/test", {"host": "localhost", "password": "test"}),
        ("postgresql+psycopg://app@db/shop", {"host": "db"}),
        ("postgresql+psycopg_async://app@db/shop", {"host": "db"}),
        ("postgresql+pg8000://app@db/shop", {"host": "db"}),
        ("ecto://app:x@db/shop?pool_size=10&ssl=true", {"host": "db", "sslmode": "require"}),
        ("postgresql+asyncpg://db/shop?ssl=verify-full&prepared_statement_cache_size=0", {"sslmode": "verify-full"}),
        ("postgresql+asyncpg://db/shop?ssl=false", {"sslmode": "disable"}),
        ("postgresql://db/shop?schema=users&connection_limit=1&sslmode=require", {"sslmode": "require"}),
        ("postgresql+psycopg2://app@/shop?host=a:5433&host=b:5434", {"host": "a,b", "port": "5433,5434"}),
        ("postgresql+psycopg2://app@/shop?host=a&host=b&port=5433", {"host": "a,b"}),
        ("postgresql://a:1,b:2/shop", {"host": "a,b", "port": "1,2"}),
        ("postgresql://[::1]:5433/shop", {"host": "::1", "port": "5433"}),
        ("postgresql://%2Fvar%2Frun%2Fpg:5433/shop", {"host": "/var/run/pg", "port": "5433"}),
        ("postgresql:///shop?host=/var/run/pg", {"host": "/var/run/pg", "dbname": "shop"}),
        ("postgresql://app@?host=/var/run/pg", {"user": "app", "host": "/var/run/pg"}),
        ("postgresql://app:p%40s%3As%2Fw%23%25@db/shop", {"password": "p@s:s/w#%"}),
        ("postgresql://app:a:b#c?d@db/shop", {"password": "a:b#c?d", "host": "db"}),
        ("postgresql://db/shop?user=me@here", {"user": "me@here"}),
        (r"host=db password='it\'s \\ here' dbname=shop", {"password": r"it's \ here"}),
        (" dbname = shop ", {"dbname": "shop"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_usual_way_to_write_it_is_understood(written: str, parts: dict[str, str]) -> None:
    """Drivers' names, pools' parameters, several hosts, sockets: libpq is told what it knows of them."""
    found = read_source("--url", written).parts

    assert {key: found.get(key) for key in parts} == parts


@pytest.mark.parametrize(
    "written",
    [
        f"mysql://app:{SECRET}@db/shop",
        f"postgresql://app:%zz{SECRET}@db/shop",
        f"postgresql://app:{SECRET}@[::1/shop",
        f"postgresql://app:x@{SECRET}@db/shop",
        f"postgresql://app:x?y@{SECRET}@db/shop",
        f"postgresql://app:x#y@{SECRET}@db/shop",
        f"postgresql://app:x/{SECRET}@db/shop",
        f"postgresql://app:{SECRET}/x@db/shop",
        f"postgresql://app:{SECRET}/x?y@db/shop",
        f"postgresql://app:{SECRET}/shop",
        f"postgresql://db/shop?{SECRET}=1",
        f"postgresql://db/shop?ssl={SECRET}",
        f"host=db password='{SECRET}",
        f"host=db nothing={SECRET}",
        f"host=db port={SECRET}",
        f"db/{SECRET}",
        SECRET,
    ],
)
def test_what_cannot_be_understood_is_not_repeated(written: str) -> None:
    """Whatever the mistake, neither the message nor a traceback holds a part that may be the password."""
    with pytest.raises(InvalidUrl) as caught:
        _ = read_source("--url", written).resolved

    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told + repr(caught.value) + repr(caught.value.facts)
    assert caught.value.__context__ is None


def test_a_source_does_not_show_its_url() -> None:
    """Whoever prints one by accident prints a name."""
    assert SECRET not in repr(read_source("DATABASE_URL", f"postgresql://app:{SECRET}@db/shop"))


def test_a_pools_parameter_is_no_misspelt_one() -> None:
    """What libpq would refuse and no library is known to write stays refused: it may be a mistyped sslmode."""
    assert understood("postgresql+asyncpg://db/shop?sslmod=verify-full", "--url").endswith("?sslmod=verify-full")
    with pytest.raises(InvalidUrl):
        _ = read_source("--url", "postgresql+asyncpg://db/shop?sslmod=verify-full").parts


# ── what libpq adds ──────────────────────────────────────────────────────────────────────────────────────


def test_a_service_file_is_read_as_libpq_reads_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Named in a URL, in key=value pairs or by PGSERVICE; what the string says itself goes first."""
    (tmp_path / "services").write_text("[shop]\nhost=db.example\nport=6000\ndbname=shop\n")

    assert read_source("--url", "service=shop").target == "db.example:6000/shop"
    assert read_source("--url", "postgresql:///other?service=shop").target == "db.example:6000/other"
    monkeypatch.setenv("PGSERVICE", "shop")
    assert find_source(None, None).target == "db.example:6000/shop"


def test_a_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Exit 2, before anything is connected to."""
    with pytest.raises(InvalidUrl, match="service file"):
        _ = read_source("--url", "service=shop").target
    (tmp_path / "services").write_text("[other]\n")
    with pytest.raises(InvalidUrl, match="shop"):
        _ = read_source("--url", "service=shop").target


def test_variables_fill_in_what_a_url_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """As libpq does it, and the words for people say where it really goes."""
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGPORT", "6000")

    assert read_source("--url", "postgresql:///shop").target == "db.example:6000/shop"
    assert read_source("--url", "host=a,b dbname=shop").server == "a:6000,b:6000"
    assert read_source("--url", "postgresql://a,b/shop").server == "a:5432,b:5432"  # an empty port is the default one
    assert read_source("--url", "postgresql://[::1]:5/shop").server == "[::1]:5"


# ── whether they agree ───────────────────────────────────────────────────────────────────────────────────

SERVICES = "[here]\nhost=localhost\ndbname=shop\n[place]\nhost=db.example\n"


@pytest.mark.parametrize(
    ("url", "others"),
    [
        ("postgresql://localhost/shop", {"DATABASE_URL": "postgresql://localhost:5432/shop"}),
        ("postgresql://localhost/shop", {"DATABASE_URL": "postgresql://someone@127.0.0.1/shop"}),
        ("postgresql:///shop", {"DATABASE_URL": "postgresql+asyncpg://localhost/shop"}),
        ("postgresql:///shop?host=/var/run/postgresql", {"DATABASE_URL": "dbname=shop"}),
        ("postgresql://[::1]/shop", {"DATABASE_URL": "postgresql://127.0.0.1/shop"}),
        ("host=db.example hostaddr=127.0.0.1 dbname=shop", {"DATABASE_URL": "postgresql://127.0.0.1/shop"}),
        ("postgresql://b,a/shop", {"DATABASE_URL": "postgresql://a,b/shop"}),
        ("postgresql://localhost/shop", {"DATABASE_URL": "service=here"}),
        ("postgresql://localhost/shop", {"PGSERVICE": "here"}),
        ("postgresql:///shop", {"PGSERVICE": "place"}),
        ("postgresql://db.example/shop", {"PGSERVICE": "place"}),
        ("postgresql://db.example/shop", {"PGUSER": "someone", "PGPASSWORD": "word"}),
        ("postgresql://localhost/shop", {"PGHOST": "127.0.0.1", "PGDATABASE": "shop"}),
        ("postgresql://localhost/shop", {"PGHOSTADDR": "127.0.0.1"}),
        ("postgresql://db.example:6000/shop", {"PGPORT": "6000"}),
        ("postgresql://localhost/shop", {"PGPORT": "6000"}),
    ],
)
def test_what_means_the_same_is_no_disagreement(
    url: str, others: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Written in another way, or left open where the other one fills it in."""
    (tmp_path / "services").write_text(SERVICES)
    for name, value in {"BALADOS_DB_URL": url, **others}.items():
        monkeypatch.setenv(name, value)

    refuse_disagreement(None, None)


@pytest.mark.parametrize(
    ("url", "others", "says"),
    [
        (
            "postgresql://localhost/shop",
            {"DATABASE_URL": "postgresql://localhost/other"},
            "database is shop by BALADOS",
        ),
        ("postgresql:///shop", {"DATABASE_URL": "postgresql://198.51.100.7/shop"}, "198.51.100.7:5432 by DATABASE_URL"),
        ("postgresql://localhost/shop", {"DATABASE_URL": "postgresql://localhost:5433/shop"}, "localhost:5433"),
        ("host=127.0.0.1 dbname=shop", {"DATABASE_URL": "host=localhost hostaddr=198.51.100.7 dbname=shop"}, "server"),
        ("postgresql:///shop?host=/tmp/a", {"DATABASE_URL": "postgresql:///shop?host=/tmp/b"}, "/tmp/b:5432"),
        ("postgresql://127.0.0.1/shop", {"DATABASE_URL": "postgresql://127.0.0.1,127.0.0.2:6/shop"}, "server"),
        ("postgresql://127.0.0.1/shop", {"PGSERVICE": "elsewhere"}, "198.51.100.7:5432 by libpq's environment"),
        ("postgresql://127.0.0.1/other", {"PGSERVICE": "here"}, "database is other"),
        ("postgresql://127.0.0.1:5432/shop", {"PGPORT": "6000"}, "6000 by libpq's environment"),
        ("postgresql://127.0.0.1/shop", {"PGHOST": "198.51.100.7"}, "198.51.100.7"),
        ("postgresql://127.0.0.1/shop", {"PGDATABASE": "other"}, "other by libpq's environment"),
    ],
)
def test_what_means_another_is_refused(
    url: str, others: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both are named, and where each comes from; an explicit URL decides."""
    (tmp_path / "services").write_text(SERVICES + "[elsewhere]\nhost=198.51.100.7\n")
    for name, value in {"BALADOS_DB_URL": url, **others}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(TargetsDisagree) as caught:
        refuse_disagreement(None, None)

    assert says in caught.value.message
    refuse_disagreement(url, None)


def test_the_one_that_counts_is_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DATABASE_URL that belongs to something else is nobody's business, until something is to be destroyed."""
    monkeypatch.setenv("DATABASE_URL", "mysql://app@db/shop")

    assert find_source("postgresql:///shop", None).database == "shop"
    refuse_disagreement("postgresql:///shop", None)
    monkeypatch.setenv("BALADOS_DB_URL", "postgresql:///shop")
    assert find_source(None, None).name == "BALADOS_DB_URL"
    with pytest.raises(InvalidUrl, match="DATABASE_URL") as caught:
        refuse_disagreement(None, None)
    assert "--url" in caught.value.hint
