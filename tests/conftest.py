"""One real PostgreSQL a test run, one throw-away database a test, the installed command as a subprocess.

The server is `--dsn` or BALADOS_DB_TEST_DSN, else a container where an engine and an image are at hand (`tests/engine.sh`
sees to that), else the PostgreSQL binaries of this machine; the header of the run says which, and why.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from balados_db import redaction
from balados_db.testing.plugin import use_server
from balados_db.testing.server import Embedded, choose
from tests import contract, listening, pooler, shells
from tests.stores import node_modules
from tests.torture.outcomes import Outcomes

pytest_plugins = ["balados_db.testing.plugin"]  # for an editable install that is older than its entry point
ROOT = Path(__file__).resolve().parent.parent
IMAGE = "postgres:15"
PASSWORD = "sesame/open:w@rd#42%'\"\\&=?"  # our server's: nothing that is printed may hold it, in any spelling
SETTINGS = {"max_prepared_transactions": "10", "max_connections": "100", "wal_level": "logical"}
OURS = ("PG", "BALADOS_DB_", "DATABASE_URL")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--dsn", help="a PostgreSQL server on which databases may be created")
    parser.addoption(
        "--thorough", action="store_true", help="as `make torture` has it: hundreds of crashes, minutes of loops"
    )


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run chooses the server, and hears what all tests report."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what it puts into the background so; the commands that are tested would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # Under nohup: this process goes on ignoring it, by a handler, which is not inherited.
        signal.signal(signal.SIGHUP, lambda *_: None)
    if config.getoption("--dsn"):
        os.environ["BALADOS_DB_TEST_DSN"] = config.getoption("--dsn")
    listening.install(config)
    if hasattr(config, "workerinput"):
        return
    config.pluginmanager.register(Outcomes())
    home = config.stash[_HOME] = Path(tempfile.mkdtemp(prefix="balados-db-tests-"))
    _choose_password(home / "server")
    url = os.environ.get("BALADOS_DB_TEST_DSN")
    chosen = choose(url=url, image=IMAGE, home=home / "server", settings=SETTINGS, keep=False)
    if os.environ.get("ENGINE_REQUIRED") == "1" and isinstance(chosen, Embedded):
        raise pytest.UsageError(f"ENGINE_REQUIRED=1, and there would be no container: {chosen.why}")
    use_server(config, chosen)


def _choose_password(home: Path) -> None:
    """Lay the password where the embedded server would lay one of its own, and where testcontainers looks for one."""
    home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
    (home / "secret").touch(0o600)
    (home / "secret").write_text(PASSWORD)
    os.environ["POSTGRES_PASSWORD"] = PASSWORD


_HOME = pytest.StashKey[Path]()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """After our own plugin has stopped the server."""
    if _HOME in config.stash:
        shutil.rmtree(config.stash[_HOME], ignore_errors=True)


def pytest_report_header() -> list[str]:
    missing = "NOT INSTALLED, tests/integration/test_pooler.py proves nothing"
    without = ", ".join(shells.missing())
    return [
        f"pgbouncer: {pooler.binary() or missing}",
        f"shells: {', '.join(shells.SHELLS)}{f'; NOT INSTALLED, not tried: {without}' if without else ''}",
        f"node: {_node()}",
    ]


def _node() -> str:
    lacking = node_modules.missing()
    if lacking is None:
        return "a service in it is tried, and the event stores of npm, from the cache or the registry"
    those = "tests/acceptance/test_service.py, tests/stores/test_emmett.py and test_message_db.py"
    return f"{lacking} NOT INSTALLED, {those} prove nothing"


@pytest.fixture(scope="session", autouse=True)
def _contract() -> Iterator[None]:
    """Whatever the command prints for programs, in any test, follows its JSON Schema."""
    with contract.checked_outputs():
        yield


@pytest.fixture(autouse=True)
def _forget_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has seen as a password is a common word in another."""
    monkeypatch.setattr(redaction, "_known", set())


@pytest.fixture(scope="session")
def server(balados_server: str) -> str:
    """The URL of a server on which this run may create databases."""
    listening.never_say(balados_server)
    return balados_server


@dataclass
class Database:
    """A throw-away database."""

    name: str
    url: str = field(repr=False)  # it holds the password

    @property
    def password(self) -> str:
        """What its server asks for; nothing where it asks for none."""
        return str(psycopg.conninfo.conninfo_to_dict(self.url).get("password") or "")

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """An autocommit connection."""
        return psycopg.connect(self.url, autocommit=True, **options)

    def execute(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run statements; returns the last one's rows, if it has any."""
        with self.connect() as conn:
            cursor = conn.execute(text, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, text: str, *parameters: Any) -> Any:
        """The first column of the first row."""
        return self.execute(text, *parameters)[0][0]

    def rows(self, table: str) -> int:
        """How many rows a table holds."""
        return int(self.value(f"select count(*) from {table}"))

    def snapshot(self, *schemas: str) -> dict[str, str]:
        """Content of every table and definition of every object, in these schemas or in all but PostgreSQL's own."""
        with self.connect() as conn:
            conn.execute("set search_path = pg_catalog; set row_security = off")
            found = {
                f"{kind} {name}": fact
                for kind, name, fact in conn.execute(
                    "select 'relation', c.oid::regclass::text, to_jsonb(c) - '{relpages,reltuples,relallvisible,"
                    "relallfrozen,relfrozenxid,relminmxid}'::text[] || jsonb_build_object('columns', (select jsonb_agg("
                    "to_jsonb(a) - '{attcacheoff,attmissingval}'::text[] order by attnum) from pg_attribute a where attrelid = c.oid))"
                    " from pg_class c join pg_namespace n on n.oid = relnamespace where nspname !~ '^pg_' and "
                    "nspname <> 'information_schema' and relkind <> 'i'"
                    " and (%(all)s or nspname = any (%(schemas)s))"
                    " union all select 'constraint', c.oid::text, to_jsonb(c) from pg_constraint c join pg_namespace n on"
                    " n.oid = connamespace where nspname !~ '^pg_' and nspname <> 'information_schema' and (%(all)s or nspname = any (%(schemas)s))"
                    " union all select 'function', p.oid::regprocedure::text, to_jsonb(p) from pg_proc p join pg_namespace n"
                    " on n.oid = pronamespace where nspname !~ '^pg_' and nspname <> 'information_schema' and (%(all)s or nspname = any (%(schemas)s))"
                    " union all select 'trigger', t.oid::text, to_jsonb(t) from pg_trigger t join pg_class c on c.oid = tgrelid"
                    " join pg_namespace n on n.oid = relnamespace where nspname !~ '^pg_' and (%(all)s or nspname = any (%(schemas)s))"
                    " union all select 'schema', nspname, to_jsonb(n) from pg_namespace n where nspname !~ '^pg_' and (%(all)s or nspname = any (%(schemas)s))",
                    {"all": not schemas, "schemas": list(schemas)},
                )
            }
            tables = conn.execute(
                "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'r'"
                " and nspname !~ '^pg_' and nspname <> 'information_schema' and (%s or nspname = any (%s))",
                (not schemas, list(schemas)),
            ).fetchall()
            for (table,) in tables:
                row = conn.execute(
                    f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t"
                )
                found[f"rows {table}"] = row.fetchone()[0]  # type: ignore[index]
        return {key: str(fact) for key, fact in found.items()}


def _url(server: str, name: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(server)
    login = ":".join(quote(str(parts[key]), safe="") for key in ("user", "password") if parts.get(key))
    return f"postgresql://{login}@{parts.get('host', '127.0.0.1')}:{parts.get('port', 5432)}/{quote(name, safe='')}"


@pytest.fixture(scope="session")
def new_database(server: str) -> Iterator[Callable[..., Database]]:
    """Make databases, empty or from a template; all are dropped when the worker ends."""
    made: list[str] = []

    def make(template: str = "template0", prefix: str = "t") -> Database:
        name = f"{prefix}_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        made.append(name)
        return Database(name, _url(server, name))

    yield make
    recorded = listening.search(made, lambda name: psycopg.connect(_url(server, name), autocommit=True))
    drop_databases(server, made)
    assert not recorded, f"a password stands in the records of {recorded}"


def drop_databases(server: str, names: list[str]) -> None:
    """Drop databases of a server that goes on living; one of our own goes as a whole, which is much quicker."""
    if "BALADOS_DB_TEST_DSN" not in os.environ:
        return
    with psycopg.connect(server, autocommit=True) as conn:
        for name in names:
            conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database(new_database: Callable[..., Database]) -> Database:
    """An empty database."""
    return new_database()


# ── the installed command ────────────────────────────────────────────────────────────────────────────────


@dataclass
class Result:
    """How a run of the command ended."""

    status: int
    out: str
    err: str
    arguments: tuple[str, ...] = field(default=())

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        return json.loads(self.out)

    @property
    def following(self) -> list[list[str]]:
        """What is to be run next, without the words that say with which manifest and on which database."""
        placed = {"--manifest", "--url"}
        actions = self.json["next_actions"]
        return [
            [w for before, w in zip(["", *words], words, strict=False) if not {before, w} & placed] for words in actions
        ]

    @property
    def code(self) -> str:
        """The first error's code, from JSON or from the words."""
        if self.out.startswith("{"):
            return self.json["errors"][0]["code"]
        return self.err.partition("error[")[2].partition("]")[0]


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without anything that names a database, and no colours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    return {**kept, "NO_COLOR": "1", **extra}


COMMAND = (sys.executable, "-m", "balados_db")
EXAMPLE = ROOT / "balados-db.toml"
FILLED = ROOT / "tests" / "filled.sql"  # rows everywhere for it


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., Result]:
    """Run the command as a subprocess without a terminal; `database` becomes --url."""

    def run(
        *arguments: str,
        database: Database | None = None,
        manifest: Path | None = EXAMPLE,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
        timeout: float = 60,
        cwd: Path | None = None,
    ) -> Result:
        words = [*(["--manifest", str(manifest)] if manifest else []), *(["--url", database.url] if database else [])]
        done = subprocess.run(
            [*COMMAND, *words, *arguments],
            capture_output=True,
            text=True,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env=clean_environment(**(env or {})),
            cwd=cwd or tmp_path,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr, arguments)

    return run


# ── the example ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def balados_template(new_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database made by `balados-db up`, to be cloned."""
    database = new_database(prefix="template")
    done = subprocess.run(
        [*COMMAND, "--manifest", str(EXAMPLE), "--url", database.url, "up"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        cwd=tmp_path_factory.mktemp("template"),
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return database.name


@pytest.fixture
def balados(balados_template: str, new_database: Callable[..., Database]) -> Database:
    """Balados Sync's database: everything installed and migrated, empty."""
    return new_database(balados_template)


@pytest.fixture
def filled(balados: Database) -> Database:
    """Balados Sync's database with rows everywhere: users, events, projections, positions at the head."""
    balados.execute(FILLED.read_text())
    return balados
