"""Make a cluster, and tell whether its server runs. No pid file is believed."""

from __future__ import annotations

import os
import re
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from balados_db.embedded.binaries import BINARIES_VARIABLE, Account, Installation, run
from balados_db.errors import EmbeddedFailed

SUPERUSER = "balados"
ON_LINUX = Path("/proc/self/cmdline").exists()


@dataclass(frozen=True, kw_only=True)
class Postmaster:
    """A server's first process."""

    pid: int
    port: int


def initialise(data: Path, password: str, installation: Installation, *, durable: bool) -> None:
    """Make the cluster `data`: complete, or not there at all."""
    speed = () if durable else ("--no-sync",)
    *preferred, last = _locales(installation.version)
    for locale in preferred:
        with suppress(EmbeddedFailed):
            return _initdb(data, password, installation, *locale, *speed)
    return _initdb(data, password, installation, *last, *speed)


def remove_leftovers(data: Path) -> None:
    """Delete what attempts to make this cluster left behind; one that is still at work fails, unseen."""
    for leftover in data.parent.glob(f"{data.name}.*"):
        rmtree(leftover, ignore_errors=True)


def _locales(version: int) -> tuple[tuple[str, ...], ...]:
    """UTF-8 that sorts by code point; before version 17 the operating system has to know it."""
    if version >= 17:
        return (("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),)
    return (("--locale=C.UTF-8",), ("--locale=C",))


def _initdb(data: Path, password: str, installation: Installation, *options: str) -> None:
    fresh, account = Path(tempfile.mkdtemp(prefix=f"{data.name}.", dir=data.parent)), installation.account
    if account:
        os.chown(fresh, account.uid, account.gid)
    with _pipe(password, account) as end:
        options = ("-U", SUPERUSER, "-E", "UTF8", "-A", "scram-sha-256", f"--pwfile=/dev/fd/{end}", *options)
        run(installation.binaries / "initdb", "-D", fresh, *options, account=account, pass_fds=(end,))
    fresh.rename(data)


@contextmanager
def _pipe(text: str, account: Account | None) -> Iterator[int]:
    """A pipe that holds the text: nobody sees it in a file or among a program's arguments."""
    end, start = os.pipe()
    try:
        with open(start, "w") as writer:
            writer.write(f"{text}\n")
        if account:
            os.fchown(end, account.uid, account.gid)  # to open /dev/fd/N is to open the pipe anew
        yield end
    finally:
        os.close(end)


def check_version(data: Path, installation: Installation) -> None:
    """Raise `EmbeddedFailed` if these binaries are too old or too new for the data."""
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by == str(installation.version):
        return
    problem = f"{data} was made by PostgreSQL {made_by}, {installation.binaries} is {installation.version}"
    raise EmbeddedFailed(tool="postgres", output=problem, hint=f"set {BINARIES_VARIABLE}, or use another home")


def read_postmaster(data: Path) -> Postmaster | None:
    """Read which process serves this data, if any does."""
    noted = _noted_postmaster(data)
    return noted if noted and _serves(noted, data) else None


def forget_dead_server(data: Path) -> None:
    """Remove the pid file of a server that is no more.

    PostgreSQL only asks whether the number is in use, and so gives up for a zombie or another program. Children of the
    dead server which are still at work stay safe: a second server refuses while they share the old one's memory.
    """
    noted = _noted_postmaster(data)
    if ON_LINUX and noted and not _serves(noted, data):
        (data / "postmaster.pid").unlink(missing_ok=True)


def _noted_postmaster(data: Path) -> Postmaster | None:
    with suppress(FileNotFoundError, ValueError, IndexError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        # A negative number is not a server's: somebody mends the data in single-user mode.
        return Postmaster(pid=int(lines[0]), port=int(lines[3])) if int(lines[0]) > 0 else None
    return None


def _serves(noted: Postmaster, data: Path) -> bool:
    """Whether that process is the server of this very data, and not another program that got its number."""
    if not ON_LINUX:
        return is_ready(noted.port)
    words = _command_line(noted.pid)
    if not words or Path(words[0]).name != "postgres":
        return False
    try:
        return os.path.samefile(f"/proc/{noted.pid}/cwd", data)
    except OSError:  # in a container, root may not look at another account's processes so closely
        return str(data) in words


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead but not yet reaped does not."""
    if ON_LINUX:
        return bool(_command_line(pid))
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def _command_line(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    return []


def is_ready(port: int) -> bool:
    """Ask for a login: a server that still starts, or already stops, answers 57P03 (cannot_connect_now)."""
    wish = struct.pack("!i", 3 << 16) + f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(struct.pack("!i", 4 + len(wish)) + wish)
        answer = connection.recv(1024)
        return answer[:1] in (b"R", b"E") and b"57P03" not in answer
    return False


def choose_port(wanted: int | None, data: Path) -> int:
    """The port that is wanted; else the one the server had last; else any. Raises `EmbeddedFailed` if it is taken."""
    if wanted is None:
        return _last_port(data) or _any_port()
    if _is_free(wanted):
        return wanted
    raise EmbeddedFailed(tool="postgres", output=f"port {wanted} is taken", hint="name another one, or none")


def _last_port(data: Path) -> int | None:
    with suppress(FileNotFoundError):
        found = re.search(r'"-p" "(\d+)"', (data / "postmaster.opts").read_text())
        if found and _is_free(int(found[1])):
            return int(found[1])
    return None


def _any_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False
