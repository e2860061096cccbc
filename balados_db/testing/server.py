"""Choose the PostgreSQL of a test run: one that is named, else a container, else the embedded one.

Choosing starts nothing: a run whose tests need no database pays for none.
"""

from __future__ import annotations

import contextlib
import gc
import secrets
import warnings
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from testcontainers.community.postgres import PostgresContainer

    from balados_db.embedded import EmbeddedServer


class Server(Protocol):
    """A server on which a run may make databases."""

    said: str  # which one it is, and why, for the header of the run

    def start(self) -> str:
        """Start it, unless it runs, and return its URL. Threads may call at once."""

    def stop(self) -> None:
        """Stop it if `start` started it, and start it no more. Whoever is in `start` meanwhile is waited for."""


def choose(*, url: str | None, image: str, home: Path, settings: Mapping[str, str], keep: bool) -> Server:
    """The server that counts: `url`, else a container of `image`, else the embedded one in `home`.

    `settings` are the server's, where it is ours; `keep` leaves the embedded one's data for the next run.
    """
    if url:
        return Named(url)
    problem = container_problem(image)
    if problem is None:
        return Container(image, settings)
    return Embedded(home, settings, keep=keep, why=problem)


def container_problem(image: str) -> str | None:
    """Say why no container of this image can be started; None when one can. An image is never pulled."""
    if find_spec("testcontainers") is None:
        return "testcontainers is not installed"
    if find_spec("testcontainers.community") is None:
        return "testcontainers is older than 4.15"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        if problem := _problem_of_engine(image):
            gc.collect()  # where nobody answers, docker's client leaves a socket open that is collected later
    return problem


def _problem_of_engine(image: str) -> str | None:
    from docker.errors import DockerException, ImageNotFound
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.docker_client import DockerClient

    try:
        client = DockerClient(timeout=10).client
    except DockerException:
        return "no Docker engine answers"
    try:
        client.images.get(testcontainers_config.hub_image_name_prefix + image)
    except ImageNotFound:
        return f"the Docker engine has no image {image}: docker pull {image}"
    except (DockerException, OSError):
        return "no Docker engine answers"
    finally:
        client.close()
    return None


class Named:
    """A server that somebody else starts and stops."""

    said = "the server that was named"

    def __init__(self, url: str) -> None:
        self._url = url

    def start(self) -> str:
        """Return its URL."""
        return self._url

    def stop(self) -> None:
        """It is not ours."""


class _Ours:
    """A server that the first who asks starts."""

    def __init__(self) -> None:
        self._lock, self._url, self._over = Lock(), "", False

    def start(self) -> str:
        """Start it, unless it runs, and return its URL."""
        with self._lock:
            if self._over:
                raise RuntimeError("the run is over")
            self._url = self._url or self._start()
            return self._url

    def stop(self) -> None:
        """Stop it if it was started, for good."""
        with self._lock:
            if self._url:
                self._stop()
            self._url, self._over = "", True

    def _start(self) -> str:
        raise NotImplementedError

    def _stop(self) -> None:
        raise NotImplementedError


class Container(_Ours):
    """A container, by testcontainers; gone with its data when the run ends."""

    def __init__(self, image: str, settings: Mapping[str, str]) -> None:
        super().__init__()
        self.said = f"a container of {image}, by testcontainers"
        self._image, self._settings = image, settings
        self._container: PostgresContainer | None = None

    def _start(self) -> str:
        from testcontainers.community.postgres import PostgresContainer

        from balados_db.embedded.cluster import SUPERUSER
        from balados_db.embedded.server import CARELESS

        settings = {**CARELESS, **self._settings}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        container = PostgresContainer(
            self._image, username=SUPERUSER, password=secrets.token_urlsafe(24), dbname="postgres", driver=None
        ).with_command(["postgres", *options])
        self._container = container.__enter__()  # which removes what did not become ready
        return str(self._container.get_connection_url())

    def _stop(self) -> None:
        assert self._container is not None
        self._container.stop()


class Embedded(_Ours):
    """Binaries of this machine, or of `balados-db[embedded]`. With `keep`, its data is there for the next run."""

    def __init__(self, home: Path, settings: Mapping[str, str], *, keep: bool, why: str) -> None:
        super().__init__()
        self.said, self.why = f"embedded, from the PostgreSQL binaries at hand ({why})", why
        self._home, self._settings, self._keep = home, settings, keep

    @cached_property
    def _server(self) -> EmbeddedServer:
        from balados_db.embedded import EmbeddedServer

        return EmbeddedServer(self._home, durable=False, settings=self._settings)

    def _start(self) -> str:
        import fcntl

        self._home.parent.mkdir(parents=True, exist_ok=True)
        self._in_use = (self._home.parent / "in-use").open("a")
        fcntl.flock(self._in_use, fcntl.LOCK_SH)
        return self._server.start()

    def _stop(self) -> None:
        import fcntl

        with self._in_use, contextlib.suppress(BlockingIOError):  # another run uses it: the last one stops it
            fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._keep:
                self._server.stop()
            else:
                self._server.discard()
