"""Yoyo's PostgreSQL backend on a borrowed connection. The only room that knows yoyo's inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row
from yoyo import exceptions, internalmigrations
from yoyo import migrations as yoyo
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

from balados_db.errors import MigrationInvalid
from balados_db.model import Migration
from balados_db.postgres.history import HISTORY, HISTORY_TABLES
from balados_db.postgres.queries import named, query


class Borrowed(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """Works inside the caller's open transaction: it neither commits nor opens connections."""

    has_transactional_ddl = True

    def __init__(self, conn: Connection[Any], schema: str) -> None:
        self._borrowed, self._schema = conn, schema
        super().__init__(DatabaseURI("postgresql+psycopg", None, None, None, None, conn.info.dbname, {}), HISTORY)
        self.has_transactional_ddl = True

    def connect(self, dburi: Any) -> Connection[Any]:
        """The caller's own."""
        return self._borrowed

    def init_database(self) -> None:
        """No probing: this is PostgreSQL."""

    def init_connection(self, connection: Any) -> None:
        """The caller has set the search_path, quoted."""

    def cursor(self) -> Any:
        """Yoyo reads rows by number, whatever the caller's rows look like."""
        return self._borrowed.cursor(row_factory=tuple_row)

    def copy(self) -> Any:
        """Yoyo would open a connection per migration here."""
        return self

    def __exit__(self, *exc: object) -> None:
        """The connection is not ours to close."""

    @contextmanager
    def transaction(self, rollback_on_exit: bool = False) -> Iterator[Any]:
        """A savepoint, and one that is released."""
        with self._borrowed.transaction(force_rollback=rollback_on_exit):
            yield self

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """The run's own mutex keeps others out."""
        yield

    def quote_identifier(self, s: str) -> str:
        """The one hook that all of yoyo's own SQL goes through: its tables get their schema."""
        quoted = named(self._schema, s) if s in HISTORY_TABLES else named(s)
        return quoted.as_string(self._borrowed)

    def list_tables(self, **kwargs: Any) -> list[str]:
        """From the catalog: independent of search_path and of grants."""
        rows = self.cursor().execute(query("select_table_names"), {"schema": self._schema})
        return [row[0] for row in rows]

    def ensure_internal_schema_updated(self) -> None:
        """Create or upgrade yoyo's tables with yoyo's own code."""
        if "yoyo_lock" not in self.list_tables():
            self.execute(self.format_sql(self.create_lock_table_sql))
        if internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)
        self._internal_schema_updated = True


def run_python(
    conn: Connection[Any], schema: str, migration: Migration, siblings: Sequence[Migration], direction: str
) -> None:
    """Run a Python migration's steps, or its rollback steps.

    Raises MigrationInvalid where it cannot be loaded, psycopg.Error where a step fails.
    """
    # Yoyo resolves dependencies in a dict of the whole process: put this schema's files there first.
    for sibling in siblings:
        yoyo.Migration(sibling.id, str(sibling.path), str(sibling.path.parent))
    loaded = yoyo.Migration(migration.id, str(migration.path), str(migration.path.parent))
    try:
        loaded.process_steps(Borrowed(conn, schema), direction)
    except exceptions.BadMigration as exc:
        raise MigrationInvalid(file=str(migration.path), problem=f"cannot be loaded: {exc.args[-1]}") from exc
