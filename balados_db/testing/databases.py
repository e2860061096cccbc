"""Databases for tests: a template that is made once, clones of it, and nothing left behind.

Where the manifest declares several databases, there is a template of each and a test gets a clone of each.
Only databases whose names begin with the project's prefix are ever made or dropped. What an earlier run left because
it was killed is known by a lock that each run holds while it lives.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import Error, errors, sql

from balados_db.errors import BaladosDbError, NotForTests, TemplateFailed
from balados_db.postgres.catalog import read_identity
from balados_db.postgres.connection import connect, translated
from balados_db.postgres.queries import query
from balados_db.postgres.source import Source, find_source
from balados_db.testing.database import Database, url_of
from balados_db.testing.project import Project

if TYPE_CHECKING:
    from psycopg import Connection

PATIENCE = 600.0  # seconds to wait for somebody else's template


class Databases:
    """The databases of one run, or of one worker of a run under xdist."""

    def __init__(self, url: str, manifest: Path) -> None:
        """Connect to the server of `url`, and clear up after runs that were killed.

        Raises what reading the manifest and connecting raise, and NotForTests where the database of `url` is protected.
        """
        self.project = Project(manifest)
        self._source = Source(name="the test server's URL", conninfo=find_source(url, None).conninfo)
        self._conn = self._connect()
        self._run = secrets.token_hex(4)
        self._template = ""
        self._failed = ("", "")  # the template that could not be made, and why
        self._made = 0
        try:
            self._refuse_protected()
            self._execute("lock_key", key=self.project.prefix + self._run)
            self._sweep()
        except BaseException:
            self._conn.close()
            raise

    def new(self) -> Database:
        """Make a migrated database, and those beside it; the first of the manifest is the answer.

        Raises TemplateFailed with what `balados-db up` said.
        """
        self._made += 1
        database = self._named(f"{self.project.prefix}{self._run}_{self._made}")
        self._template = self._template or self._complete()
        try:
            self._clone(database)
        except errors.InvalidCatalogName:  # a run with newer files took this template for a stale one
            self.drop(database)
            self._template = self._complete()
            self._clone(database)
        return database

    def drop(self, database: Database) -> None:
        """Drop one of ours and those beside it, whoever is connected to them."""
        assert database.name.startswith(f"{self.project.prefix}{self._run}_")
        self._drop_all(_names(database))

    def close(self) -> None:
        """Drop what this run made, but for the template."""
        with contextlib.suppress(Error, BaladosDbError), contextlib.closing(self._conn):
            for name in self._existing(f"{self.project.prefix}{self._run}_"):
                self._do("drop_database", database=name)

    def __enter__(self) -> Databases:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── the template ─────────────────────────────────────────────────────────────────────────────────────

    def _complete(self) -> str:
        """The name of a template that is there and was made from the files as they are; others are dropped."""
        with self._alone():
            name = self._newest()
            kept = self.project.named(name).values()
            self._drop_all(other for other in self._existing(self.project.templates) if other not in kept)
            return name

    def _newest(self) -> str:
        while not set(self.project.named(name := self.project.template).values()) <= set(self._existing(name)):
            self._build()
            if name == self.project.template:  # and no file has changed meanwhile
                self._finish(name)
        return name

    def _finish(self, name: str) -> None:
        built, wanted = (self.project.named(stem).values() for stem in (self.project.building, name))
        for building, template in zip(built, wanted, strict=True):
            self._do("drop_database", database=template)  # one of several, where not all of them were there
            self._do("finish_template", building=building, template=template)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep out whoever else makes or drops templates of this project."""
        self._execute("lock_key", key=self.project.building)
        try:
            yield
        finally:
            self._execute("unlock_key", key=self.project.building)

    def _build(self) -> None:
        """Make it under another name, so that what was left half-built is never mistaken for it.

        What failed is not tried again for every test, as long as its files are the same.
        """
        name = self.project.template
        if name == self._failed[0]:
            raise TemplateFailed(problem=self._failed[1])
        building = self._named(self.project.building)
        self._drop_all(_names(building))
        for each in _names(building):
            self._do("create_database", database=each)
        up = building.run("up")
        if up.returncode:
            self._drop_all(_names(building))
            self._failed = (name, up.stderr.strip() or up.stdout.strip())
            raise TemplateFailed(problem=self._failed[1])
        for each in _names(building):
            self._do("close_template", building=each)

    # ── the server ───────────────────────────────────────────────────────────────────────────────────────

    def _connect(self) -> Connection[Any]:
        return connect(self._source, command="testing", wait=10.0, lock_timeout=PATIENCE)

    def _refuse_protected(self) -> None:
        identity = read_identity(self._conn, records=True)
        if identity.environment in self.project.manifest.protected:
            raise NotForTests(database=identity.database, server=identity.server, environment=identity.environment)

    def _sweep(self) -> None:
        """Drop what runs left that were killed: nobody holds their lock."""
        mine = self.project.prefix
        runs = {name[len(mine) :].partition("_")[0] for name in self._existing(mine)}
        for run in runs - {"template", "building", self._run}:
            if self._execute("try_key", key=mine + run)[0].taken:
                self._drop_all(self._existing(f"{mine}{run}_"))
                self._execute("unlock_key", key=mine + run)

    def _named(self, stem: str) -> Database:
        system: dict[str, Database] = {}
        for part, name in self.project.named(stem).items():
            system[part] = Database(name, url_of(self._source.parts, name), self.project.manifest.file, system)
        return next(iter(system.values()))

    def _clone(self, database: Database) -> None:
        for name, template in zip(_names(database), self.project.named(self._template).values(), strict=True):
            self._do("clone_database", database=name, template=template)

    def _drop_all(self, names: Iterable[str]) -> None:
        for name in names:
            self._do("drop_database", database=name)

    def _existing(self, prefix: str) -> list[str]:
        return [row.name for row in self._execute("select_databases", prefix=prefix)]

    def _execute(self, block: str, **parameters: str) -> list[Any]:
        with translated(block):
            return self._conn.execute(query(block), parameters).fetchall()

    def _do(self, block: str, **names: str) -> None:
        self._conn.execute(query(block).format(**{key: sql.Identifier(name) for key, name in names.items()}))


def _names(database: Database) -> list[str]:
    """Those of all databases of the same test."""
    return [each.name for each in database.system.values()]
