"""Where a database is, and what there is to see in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from psycopg import Connection

from balados_db.errors import OneDatabase, UsageError, in_database
from balados_db.migration_files import read_all
from balados_db.model import MAIN, DatabaseState, Manifest, Migration
from balados_db.planning.status import Status, assess
from balados_db.planning.together import refuse_same, together
from balados_db.postgres import connection
from balados_db.postgres.catalog import Look
from balados_db.postgres.catalog import read_state as _read_state
from balados_db.postgres.locking import looked_at
from balados_db.postgres.source import Source, find_source


@dataclass(frozen=True)
class Database:
    """A database of a manifest. `name` says which, where the manifest declares several.

    `url` decides; without it BALADOS_DB_URL, the manifest, DATABASE_URL, libpq's own, as for the command. `wait`: for
    the server to accept connections; `lock_timeout`: for all locks together.
    """

    manifest: Manifest
    url: str | None = field(default=None, repr=False)
    name: str | None = None
    lock_timeout: float = 10.0
    wait: float = 0.0

    @cached_property
    def part(self) -> Manifest:
        """What the manifest says of this database. Raises OneDatabase where it does not say which of several."""
        names = self.manifest.parts
        if self.name is None and len(names) > 1:
            hint = "say which: Database(manifest, name=…), or mean all of them: Databases(manifest)"
            raise OneDatabase(command="Database(manifest)", names=", ".join(names), hint=hint)
        if self.name not in (None, *names):
            raise UsageError(problem=f"no schema of the manifest lies in a database {self.name!r}")
        return self.manifest if names == (MAIN,) else self.manifest.part(self.name or names[0])

    @property
    def parts(self) -> tuple[Database, ...]:
        """This one alone, as `Databases` has several."""
        return (self,)

    @cached_property
    def source(self) -> Source:
        """Where the URL comes from; shows no password. Raises NoUrl, NoUrlFor, InvalidUrl, UsageError."""
        if self.url is not None and not self.url.strip():
            raise UsageError(problem="url is empty", hint="leave it out, and the other sources count; or give one")
        return find_source(self.url, self.part)

    @cached_property
    def migrations(self) -> Mapping[str, tuple[Migration, ...]]:
        """The migrations of each declared schema, in order, by the schema's name. Raises what is wrong with a file."""
        return read_all(self.part)


@dataclass(frozen=True)
class Databases:
    """All databases of a manifest, for what concerns several at once; `databases["events"]` is one of them.

    `urls` decide, by the names of the databases, "main" for the one under [database]; without one the same sources
    count as for the command. `wait` and `lock_timeout` are those of each.
    """

    manifest: Manifest
    urls: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    lock_timeout: float = 10.0
    wait: float = 0.0

    def __iter__(self) -> Iterator[Database]:
        return iter(self.parts)

    def __getitem__(self, name: str) -> Database:
        """The one of this name. Raises UsageError where no schema lies in such a database."""
        found = next((database for database in self.parts if database.name == name), None)
        if found is None:
            raise UsageError(problem=f"no schema of the manifest lies in a database {name!r}")
        return found

    @cached_property
    def parts(self) -> tuple[Database, ...]:
        """Each, in the manifest's order, the main one first. Raises UsageError for a URL of none of them."""
        for name in self.urls:
            if name not in self.manifest.parts:
                raise UsageError(problem=f"urls: no schema of the manifest lies in a database {name!r}")
        return tuple(
            Database(self.manifest, self.urls.get(name), name, self.lock_timeout, self.wait)
            for name in self.manifest.parts
        )

    @property
    def part(self) -> Manifest:
        """What the manifest says of all of them: the whole of it."""
        return self.manifest

    @cached_property
    def migrations(self) -> Mapping[str, tuple[Migration, ...]]:
        """The migrations of each declared schema, as a database alone has them."""
        return read_all(self.manifest)


def connect(database: Database, *, dbname: str | None = None) -> Connection[Any]:
    """Open a connection of your own, in autocommit, with this library's settings; close it yourself.

    `dbname` names another database of the same server. Raises Unreachable and what it has below it.
    """
    wait, lock_timeout = database.wait, database.lock_timeout
    return connection.connect(database.source, command="library", database=dbname, wait=wait, lock_timeout=lock_timeout)


def read_state(database: Database | Databases) -> DatabaseState:
    """Everything that a plan may depend on, as it is at one moment; takes no lock above a reader's.

    Of several databases it is one picture, each seen at a moment of its own. Raises SameDatabase.
    """
    states = {part.name or MAIN: _state(part) for part in database.parts}
    refuse_same({name: state.identity for name, state in states.items()})
    return together(tuple(states.values()))


def _state(database: Database) -> DatabaseState:
    with in_database(database.name), looked_at(lambda: connect(database)) as conn:
        return _read_state(Look(conn=conn, manifest=database.part))


def status(database: Database | Databases) -> Status:
    """Per schema what is applied, pending and drifted, per projector how far it is, and what there is to say of it."""
    files = database.migrations
    return assess(read_state(database), database.part, files)


def opened(where: Database, database: str | None = None) -> Connection[Any]:
    """`connect`, as the executor calls it."""
    return connect(where, dbname=database)
