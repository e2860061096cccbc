"""What would the migrations make? Tried in a scratch database, else in a transaction that is rolled back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.errors import NotAllowed, NotInPool
from balados_db.execution.orders import Open
from balados_db.execution.run import has_rows
from balados_db.migration_files import read_install
from balados_db.model import DatabaseState, Files, Manifest, Role, SchemaKind
from balados_db.planning.adopt import Comparison, Difference
from balados_db.postgres import eventstore, migrations
from balados_db.postgres.catalog import Look, Structure, digest_of, looking, read_state, read_structures, skipped
from balados_db.postgres.connection import MAINTENANCE, local_settings
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True, kw_only=True)
class Made:
    """What migrations made of one schema."""

    structure: Structure
    seeded: tuple[str, ...]


def compare(
    open_: Open, manifest: Manifest, files: Files, schemas: Sequence[str], *, reading: bool = False
) -> tuple[Comparison, ...]:
    """Compare what is there with what the migrations would make. No migration is run for real.

    `reading`: nothing but a scratch database will do, for in this one nothing may be locked.
    Raises MigrationFailed where a migration cannot even be tried, NotAllowed where this role may not try it.
    """
    with open_() as conn:
        with looking(conn):
            there = _structures(conn, read_state(Look(conn=conn, manifest=manifest)), schemas)
        made = _try_in_scratch(open_, conn, manifest, files, schemas)
        if made is None and reading:
            raise NotAllowed(role=conn.info.user, problem=_NO_SCRATCH, hint=_SCRATCH)
        if made is None:
            made = _try_and_roll_back(conn, manifest, files, schemas)
    return tuple(
        Comparison(
            schema=name,
            structure=digest_of(made[name].structure),
            seeded=made[name].seeded,
            differences=differences(name, there[name], made[name].structure),
        )
        for name in schemas
    )


_NO_SCRATCH = "looking alone compares in a scratch database, and it may not make one with all that this one needs"
_SCRATCH = (
    "let it create databases (createdb), give --url straight to the server where a pooler is in between, or leave"
    " --dry-run out: then the migrations are tried here, in a transaction that is rolled back"
)


def differences(schema: str, there: Structure, expected: Structure) -> tuple[Difference, ...]:
    """Every fact that is not the same on both sides, by name."""

    def kind(name: str) -> str:
        return "missing" if name not in there else "extra" if name not in expected else "other"

    return tuple(
        Difference(kind=kind(name), name=f"{schema}: {name}", there=there.get(name), expected=expected.get(name))
        for name in sorted({*there, *expected})
        if there.get(name) != expected.get(name)
    )


def _structures(conn: Connection[Any], state: DatabaseState, schemas: Sequence[str]) -> dict[str, Structure]:
    relations = {s.name: list(s.relations) for s in state.schemas}
    return read_structures(conn, list(schemas), skipped(relations))


# ── a scratch database ───────────────────────────────────────────────────────────────────────────────────


def _try_in_scratch(
    open_: Open, conn: Connection[Any], manifest: Manifest, files: Files, schemas: Sequence[str]
) -> dict[str, Made] | None:
    """None where this role may not create a database or reach it, or not create the extensions that this one has."""
    try:
        with _scratch(open_, conn) as scratch:
            _copy_extensions(conn, scratch)
            scratch.execute(query("begin_migrating"))
            try:
                return _make(scratch, manifest, files, schemas)
            finally:
                scratch.rollback()
    except (psycopg.errors.InsufficientPrivilege, NotInPool):
        return None


@contextmanager
def _scratch(open_: Open, conn: Connection[Any]) -> Iterator[Connection[Any]]:
    """A database of our own on the same server; gone when the block ends."""
    row = conn.execute(query("select_encoding")).fetchone()
    assert row is not None
    name = f"balados_db_scratch_{row.oid}_{secrets.token_hex(6)}"
    with open_(database=MAINTENANCE) as maintenance:
        maintenance.execute(
            query("create_scratch").format(
                database=sql.Identifier(name),
                encoding=sql.Literal(row.encoding),
                collate=sql.Literal(row.collate),
                ctype=sql.Literal(row.ctype),
            )
        )
        try:
            with open_(database=name) as scratch:
                yield scratch
        finally:
            maintenance.execute(query("drop_scratch").format(database=sql.Identifier(name)))


def _copy_extensions(conn: Connection[Any], scratch: Connection[Any]) -> None:
    """Migrations may lean on extensions that are there: the same ones, in the same schemas."""
    for row in conn.execute(query("select_all_extensions")):
        scratch.execute(query("create_missing_schema").format(schema=sql.Identifier(row.schema)))
        scratch.execute(
            query("create_missing_extension").format(
                extension=sql.Identifier(row.name), schema=sql.Identifier(row.schema)
            )
        )


def _make(conn: Connection[Any], manifest: Manifest, files: Files, schemas: Sequence[str]) -> dict[str, Made]:
    """Make every declared schema: one may lean on another."""
    conn.execute(local_settings(conn))
    for declared in manifest.schemas:
        conn.execute(query("create_missing_schema").format(schema=sql.Identifier(declared.name)))
    store = manifest.event_store
    for file in eventstore.install_files(store):
        assert store is not None
        text = eventstore.in_store(read_install(file), store.name).as_string(conn)
        migrations.run_file(conn, store.name, str(file), text)
    for declared in manifest.schemas:
        if declared.kind is not SchemaKind.EVENT_STORE and files.get(declared.name):
            migrations.apply(conn, declared.name, files[declared.name])
    return _made(conn, manifest, schemas)


def _made(conn: Connection[Any], manifest: Manifest, schemas: Sequence[str]) -> dict[str, Made]:
    state = read_state(Look(conn=conn, manifest=manifest))
    structures = _structures(conn, state, schemas)
    return {
        name: Made(
            structure=structures[name],
            seeded=tuple(
                r.name
                for r in state.schema(name).relations
                if r.holds_rows and r.role is Role.CONTENT and has_rows(conn, r.table)
            ),
        )
        for name in schemas
    }


# ── a transaction that is rolled back ────────────────────────────────────────────────────────────────────


def _try_and_roll_back(
    conn: Connection[Any], manifest: Manifest, files: Files, schemas: Sequence[str]
) -> dict[str, Made]:
    """Put the schemas aside by renaming them, make them anew, read, take everything back."""
    conn.execute(query("begin_migrating"))
    try:
        conn.execute(local_settings(conn))
        conn.execute(query("short_patience"))
        for n, name in enumerate(schemas):
            aside = sql.Identifier(f"balados_db_aside_{n}")
            conn.execute(query("put_schema_aside").format(schema=sql.Identifier(name), aside=aside))
            conn.execute(query("create_schema").format(schema=sql.Identifier(name)))
        for name in schemas:
            migrations.apply(conn, name, files[name])
        return _made(conn, manifest, schemas)
    finally:
        conn.rollback()
