"""Keep a server's files where only those who need them can reach them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from balados_db.embedded.binaries import Account
from balados_db.errors import EmbeddedFailed

PATIENCE = 180.0  # seconds; whoever holds the lock may be making a cluster and then starting it


class Home:
    """The folder of one server."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.log, self._secret = self.path / "server.log", self.path / "secret"
        self._elsewhere = self.path / "elsewhere"

    def exists(self) -> bool:
        """Whether it is there. Raises `EmbeddedFailed` if it is another account's."""
        if not self.path.is_dir():
            return False
        owner = self.path.stat().st_uid
        if owner == os.geteuid():
            return True
        hint = "become that account, or use another home"
        raise EmbeddedFailed(tool="home", output=f"{self.path} belongs to user {owner}", hint=hint)

    def make(self) -> None:
        """Make it, if need be; what is there keeps its mode."""
        if self.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.path.mkdir()
        except FileExistsError:  # two first starts at once: the other one made it
            return
        # Root's other account has to pass through, not to look around.
        self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everyone else from starting or stopping this server. Raises `EmbeddedFailed` after 180 s."""
        deadline = time.monotonic() + PATIENCE
        while (lock := _try_lock(self.path / "lock")) is None:
            if time.monotonic() > deadline:
                raise EmbeddedFailed(tool="lock", output=f"somebody has held {self.path / 'lock'} for {PATIENCE:g} s")
            time.sleep(0.02)
        try:
            yield
        finally:
            os.close(lock)

    def folder(self) -> Path | None:
        """Where data/ is, or None while there is none. Raises `EmbeddedFailed` if it cannot be trusted."""
        if (self.path / "data").exists():
            return self.path
        if not self._elsewhere.exists():
            return None
        folder = Path(self._elsewhere.read_text())
        # The name tells a home that was copied from the original, whose server it must not take over.
        if folder.name.startswith(self.prefix) and _only_we_can_change(folder):
            return folder
        problem = f"{folder} is gone, or was not made for this home"
        raise EmbeddedFailed(tool="home", output=problem, hint=f"remove {self._elsewhere} to begin anew")

    def make_folder(self, account: Account | None, *, durable: bool) -> Path:
        """Choose where data/ will be: here, unless the account cannot come here."""
        if account is None or account.can_enter(self.path):
            return self.path
        folder = _make_folder_elsewhere(self.prefix, account, durable=durable)
        _write_private(self._elsewhere, str(folder))
        return folder

    @property
    def prefix(self) -> str:
        """How the name begins of a folder that stands in for this home."""
        return f"balados-db-{hashlib.sha256(str(self.path).encode()).hexdigest()[:12]}-"

    def make_password(self) -> str:
        """Make the superuser's password. Made once, so that a first start which was cut short can be repeated."""
        if not self._secret.exists():
            _write_private(self._secret, secrets.token_urlsafe(24))
        return self.password()

    def password(self) -> str:
        """Read the superuser's password."""
        return self._secret.read_text()

    def delete(self) -> None:
        """Delete what the server left, here and elsewhere, and the home itself if nothing else is in it."""
        folder = self.folder()
        if folder not in (None, self.path):
            shutil.rmtree(folder)
        for pattern in ("data", "data.*", "pg", "pg.*"):
            for tree in self.path.glob(pattern):
                shutil.rmtree(tree)
        for file in (self._elsewhere, self._secret, self.log, self.path / "lock"):
            file.unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()


def account_for(folder: Path | None) -> Account | None:
    """Choose whom to run as: None unless we are root; else whoever owns the data, or will."""
    if os.geteuid() != 0:
        return None
    if folder and (folder / "data").exists():
        status = (folder / "data").stat()
        return Account(status.st_uid, status.st_gid)
    for name in (os.environ.get("SUDO_USER", ""), "postgres", "nobody"):
        with suppress(KeyError):
            if (entry := pwd.getpwnam(name)).pw_uid:
                return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedFailed(tool="setuid", output="root cannot run PostgreSQL, and there is no other account")


def open_private(path: Path) -> int:
    """Open a file of ours, and make it if need be, to append to."""
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW, 0o600)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we can read: the whole text or nothing."""
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    with open(descriptor, "w") as file:
        file.write(text)
    os.replace(unfinished, path)


def _try_lock(path: Path) -> int | None:
    descriptor = open_private(path)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):  # and not one that `delete` has just removed
            return descriptor
    os.close(descriptor)
    return None


def _make_folder_elsewhere(prefix: str, account: Account, *, durable: bool) -> Path:
    temporary = (Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve())
    # Machines sweep their temporary folders: not the place for data that is to last.
    for shelf in (Path("/var/lib"), *temporary) if durable else temporary:
        if not _only_we_can_change(shelf):
            continue
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=shelf))  # a new name: nobody can have been there before
            folder.chmod(0o711)
            if account.can_enter(folder):
                return folder
            folder.rmdir()
    raise EmbeddedFailed(tool="home", output=f"user {account.uid} can enter neither the home nor any other folder")


def _only_we_can_change(folder: Path) -> bool:
    """Whether nobody but root and us can replace what is ours in the folder."""
    with suppress(FileNotFoundError):
        status = folder.lstat()
        closed = not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or bool(status.st_mode & stat.S_ISVTX)
        return stat.S_ISDIR(status.st_mode) and status.st_uid in (0, os.geteuid()) and closed
    return False
