"""Apply, note and take back migrations: yoyo's format and history, our transaction."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.errors import BaladosDbError, LockHeld, LockTimeout, MigrationFailed, MigrationHalfDone
from balados_db.model import Migration
from balados_db.postgres.connection import local_settings, raised, translation
from balados_db.postgres.queries import named, query

if TYPE_CHECKING:
    from psycopg import Connection

from balados_db.postgres.history import note_applied, note_taken_back

Progress = Callable[[Migration], None]


# ── applying ─────────────────────────────────────────────────────────────────────────────────────────────


def apply(
    conn: Connection[Any], schema: str, migrations: Sequence[Migration], progress: Progress | None = None
) -> None:
    """Apply migrations inside the caller's open transaction, and note them.

    Raises MigrationFailed with file, line and column. The server refuses COMMIT and its kin inside a file.
    """
    ensure_history(conn, schema)
    with plain_yoyo_kept_out(conn, schema):
        for migration in migrations:
            if progress:
                progress(migration)
            _run_one(conn, schema, migration, migrations, "apply")
        _between(conn)
        note_applied(conn, schema, migrations)


def take_back(
    conn: Connection[Any], schema: str, migrations: Sequence[Migration], siblings: Sequence[Migration]
) -> None:
    """Run rollback files inside the caller's open transaction, newest first, and note that."""
    with plain_yoyo_kept_out(conn, schema):
        for migration in migrations:
            _run_one(conn, schema, migration, siblings, "rollback")
            _between(conn)
            note_taken_back(conn, schema, migration)


def run_file(conn: Connection[Any], schema: str, file: str, source: str) -> None:
    """Send one SQL file whole, inside the caller's open transaction, with the schema as its search_path.

    Raises MigrationFailed.
    """
    _between(conn, schema)
    _run_sql(conn, file, source)
    _between(conn)


def _run_one(
    conn: Connection[Any], schema: str, migration: Migration, siblings: Sequence[Migration], direction: str
) -> None:
    _between(conn, schema)
    if not migration.is_sql:
        _run_python(conn, schema, migration, siblings, direction)
    elif direction == "apply":
        _run_sql(conn, str(migration.path), migration.source)
    else:
        _run_sql(conn, str(migration.rollback), migration.rollback_source or "")
    _settle(conn, str(migration.path))


def _between(conn: Connection[Any], schema: str | None = None) -> None:
    """Put back what a file may have changed in the session; then, for a file, its own search_path."""
    statements: list[sql.Composable] = [query("reset_session"), local_settings(conn)]
    if schema is not None:
        statements.append(query("set_search_path").format(schema=sql.Identifier(schema)))
    conn.execute(sql.SQL(";\n").join(statements))


def _run_sql(conn: Connection[Any], file: str, source: str) -> None:
    """Send the file whole. Wrapped in a DO block, so that the server itself refuses transaction commands."""
    block = query("run_file").format(source=_quoted(source, "file")).as_string(conn)
    try:
        conn.execute(query("run_block").format(block=_quoted(block, "run")))
    except psycopg.Error as exc:
        raise _failed(exc, file, source) from exc


def _quoted(text: str, tag: str) -> sql.SQL:
    """Dollar-quote with a tag that the text does not hold."""
    n = 0
    while f"${tag}{n}$" in text:
        n += 1
    return sql.SQL(f"${tag}{n}${text}\n${tag}{n}$")


def _failed(exc: psycopg.Error, file: str, source: str) -> BaladosDbError:
    if not raised(exc) and (exc.sqlstate is None or exc.sqlstate.startswith("57P")):
        return translation(exc, file)  # the server went away: not the file's fault, and worth another try
    where = file
    at = exc.diag.internal_position or exc.diag.statement_position
    if at and (exc.diag.internal_query or "").rstrip() == source.rstrip():
        before = source[: int(at) - 1]
        where = f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    if isinstance(exc, psycopg.errors.LockNotAvailable) and not raised(exc):
        return LockTimeout(blockers=f"{where} waits for a table that somebody else uses")
    return MigrationFailed(
        where=where,
        problem=_problem(exc),
        sqlstate=exc.sqlstate,
        hint=_ADVICE.get(exc.sqlstate or "", exc.diag.message_hint or ""),
    )


def _problem(exc: psycopg.Error) -> str:
    """What is wrong; of what cannot be dropped, also what needs it."""
    said = exc.diag.message_primary or str(exc).strip()
    detail = exc.diag.message_detail if isinstance(exc, psycopg.errors.DependentObjectsStillExist) else None
    return f"{said}: {'; '.join(detail.splitlines())}" if detail else said


_OWN_SCHEMA_ONLY = "a migration finds what is in its own schema; write other names with theirs, extensions' types too"
_ADVICE = {
    "2BP01": "drop or move what depends on it; never with CASCADE, which takes along whatever that is",
    "0A000": "a migration is part of one transaction: take COMMIT, BEGIN, ROLLBACK, SAVEPOINT or COPY out of it",
    "25001": "put `-- transactional: false` at the top of a file that cannot run in a transaction",
    "55P04": "a new enum value cannot be used in the transaction that adds it: apply the two files one after the other",
    "53200": "raise max_locks_per_transaction and restart the server",
    "42501": "grant what is missing to this role, or run as the owner",
    "42704": _OWN_SCHEMA_ONLY,
    "42883": _OWN_SCHEMA_ONLY,
    "42P01": _OWN_SCHEMA_ONLY,
    "42P07": "if something else made it, take it over first: balados-db adopt",
    "3F000": "write names with their schema, or create the schema first",
}


def _settle(conn: Connection[Any], file: str) -> None:
    """Check deferred constraints as a COMMIT between two files would have done."""
    try:
        conn.execute(query("settle_deferrable"))
    except psycopg.Error as exc:
        raise _failed(exc, file, "") from exc


# ── outside a transaction ────────────────────────────────────────────────────────────────────────────────


def apply_alone(conn: Connection[Any], schema: str, migration: Migration) -> None:
    """Apply one `transactional: false` file, statement by statement, on an autocommit connection.

    What ran before a failure stays, and the message says so.
    """
    import sqlparse

    with conn.transaction():
        ensure_history(conn, schema)
    conn.execute(query("set_session_search_path").format(schema=sql.Identifier(schema)))
    try:
        for statement in sqlparse.split(migration.source):
            if sqlparse.format(statement, strip_comments=True).strip():
                conn.execute(statement)
    except psycopg.Error as exc:
        raise MigrationHalfDone(where=str(migration.path), problem=exc.diag.message_primary or str(exc)) from exc
    finally:
        conn.execute(query("reset_session"))
    with conn.transaction():
        note_applied(conn, schema, [migration])


# ── yoyo ─────────────────────────────────────────────────────────────────────────────────────────────────


def ensure_history(conn: Connection[Any], schema: str) -> None:
    """Create or upgrade yoyo's own tables in a schema, by yoyo's own code."""
    from balados_db.postgres.yoyo_backend import Borrowed  # yoyo is loaded only when something is pending

    Borrowed(conn, schema).ensure_internal_schema_updated()


@contextmanager
def plain_yoyo_kept_out(conn: Connection[Any], schema: str) -> Iterator[None]:
    """Hold an uncommitted row in yoyo's lock table: a plain `yoyo` waits for it, a crash removes it."""
    taken = conn.execute(query("take_yoyo_lock").format(table=named(schema, "yoyo_lock")), {"pid": os.getpid()})
    if taken.rowcount == 0:
        raise LockHeld(
            holder=f"a yoyo process, by its row in {schema}.yoyo_lock",
            hint="wait for it; if it died, `yoyo break-lock` removes the row",
        )
    yield
    conn.execute(query("release_yoyo_lock").format(table=sql.Identifier(schema, "yoyo_lock")))


def _run_python(
    conn: Connection[Any], schema: str, migration: Migration, siblings: Sequence[Migration], direction: str
) -> None:
    from balados_db.postgres.yoyo_backend import run_python

    try:
        run_python(conn, schema, migration, siblings, direction)
    except psycopg.Error as exc:
        raise _failed(exc, str(migration.path), migration.source) from exc
