"""Look: the whole picture of a database in one transaction that writes nothing."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from balados_db.errors import ServerTooOld
from balados_db.model import (
    OLDEST,
    OWN_SCHEMA,
    DatabaseState,
    Identity,
    Manifest,
    Record,
    Relation,
    RelationKind,
    Role,
    SchemaKind,
    SchemaState,
    Session,
    TableName,
    Ties,
)
from balados_db.planning.companions import with_partitions
from balados_db.postgres import eventstore
from balados_db.postgres.connection import local_settings
from balados_db.postgres.history import HISTORY_TABLES, read_applied
from balados_db.postgres.journal import read_journal
from balados_db.postgres.queries import query
from balados_db.postgres.rebuilds import read_measured
from balados_db.postgres.source import Endpoint

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")
COUNT_BOUND = 10_000  # rows that are counted exactly; more is left to the server's estimate
COUNTED_TABLES = 200
SMALL = 4 * 1024 * 1024  # bytes

# Histories of other migration tools, by the columns that prove them: they are nobody's projection.
OTHER_HISTORIES: Mapping[str, frozenset[str]] = {
    "schema_migrations": frozenset({"version"}),  # Ecto, Rails, dbmate, golang-migrate
    "ar_internal_metadata": frozenset({"key", "value"}),
    "alembic_version": frozenset({"version_num"}),
    "flyway_schema_history": frozenset({"installed_rank", "checksum"}),
    "databasechangelog": frozenset({"md5sum", "orderexecuted"}),
    "databasechangeloglock": frozenset({"locked", "lockgranted"}),
    "django_migrations": frozenset({"app", "name", "applied"}),
    "goose_db_version": frozenset({"version_id", "is_applied"}),
    "knex_migrations": frozenset({"name", "batch"}),
    "knex_migrations_lock": frozenset({"is_locked"}),
    "_prisma_migrations": frozenset({"checksum", "migration_name"}),
    "__EFMigrationsHistory": frozenset({"MigrationId"}),
    "sequelizemeta": frozenset({"name"}),
    "SequelizeMeta": frozenset({"name"}),
    "doctrine_migration_versions": frozenset({"version", "executed_at"}),
}
DROPPABLE = frozenset(
    {
        *("view", "materialized view", "foreign table", "table", "sequence", "composite type", "type", "domain"),
        *("function", "procedure", "aggregate", "operator", "operator class", "operator family", "collation"),
        *("conversion", "statistics object", "text search configuration", "text search dictionary"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A connection to look through, and the processes that are our own."""

    conn: Connection[Any]
    manifest: Manifest
    ours: tuple[int, ...] = ()
    records: bool = True  # whether this role may read our own records


@contextmanager
def looking(conn: Connection[Any]) -> Iterator[None]:
    """Open a READ ONLY transaction, unless the caller has one open that it looks in."""
    if conn.info.transaction_status is not TransactionStatus.IDLE:
        yield
        return
    conn.execute(query("begin_looking"))
    try:
        conn.execute(local_settings(conn))
        yield
    finally:
        if not conn.closed:
            conn.rollback()


def steadily(conn: Connection[Any], read: Callable[[], T]) -> T:
    """Read in one transaction; read again when the catalog moved meanwhile, as its functions are not MVCC."""
    for pause in (0.05, 0.2, 0.5):
        try:
            with looking(conn):
                return read()
        except _MOVED:
            if conn.info.transaction_status is not TransactionStatus.IDLE:
                raise
            time.sleep(pause)
    with looking(conn):
        return read()


_MOVED = (
    psycopg.errors.InternalError_,  # "cache lookup failed"
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedObject,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)


def read_identity(conn: Connection[Any], *, records: bool = True) -> Identity:
    """Ask the server which database this is; `records` says whether its stamp may be read.

    Raises ServerTooOld: such a server knows not even the catalogs that everything else is read from.
    """
    if conn.info.server_version < OLDEST * 10_000:
        raise ServerTooOld(version=conn.info.parameter_status("server_version"), oldest=OLDEST)
    row = conn.execute(query("select_identity")).fetchone()
    assert row is not None
    facts = row._asdict()
    address, port = facts.pop("address"), facts.pop("port")
    pooled = facts.pop("pid") != conn.info.backend_pid
    where = conn.info.host if address == "local socket" else address
    server = str(Endpoint(where, "", str(port or conn.info.port)))
    stamp = _environment(conn) if records else None
    source = getattr(conn, "source", "")
    return Identity(**facts, server=server, pooled=pooled, source=source, environment=stamp)


def _environment(conn: Connection[Any]) -> str | None:
    if not _own_tables(conn):
        return None
    row = conn.execute(query("select_environment").format(own=sql.Identifier(OWN_SCHEMA))).fetchone()
    return row.name if row else None


def _own_tables(conn: Connection[Any]) -> bool:
    wanted = {"schemas": [OWN_SCHEMA] * 3, "names": ["environment", "structure", "receipt"]}
    return len(conn.execute(query("select_tables_named"), wanted).fetchall()) == 3


def read_state(look: Look) -> DatabaseState:
    """Read everything a planner may know, in one transaction that writes nothing."""
    return steadily(look.conn, lambda: _read_state(look))


def _read_state(look: Look) -> DatabaseState:
    conn, manifest = look.conn, look.manifest
    names = [schema.name for schema in manifest.schemas]
    there = {row.name: row for row in conn.execute(query("select_schemas"))}
    own = look.records and _own_tables(conn)
    state = DatabaseState(
        identity=read_identity(conn, records=look.records),
        own_schema=own,
        journal=read_journal(conn) if own else None,
        measured=read_measured(conn) if own else (),
        sessions=_sessions(conn),
        undeclared=tuple(n for n, row in there.items() if n not in names and n != OWN_SCHEMA and not row.born_empty),
    )
    state = eventstore.read_store(look.conn, manifest, look.ours, state)
    ties = _ties(conn, names)
    relations = summed(_relations(conn, manifest, state), ties)
    schemas = _schemas(conn, manifest, there, relations, _records(conn) if own else {})
    return replace(state, schemas=schemas, ties=ties)


def _sessions(conn: Connection[Any]) -> tuple[Session, ...]:
    rows = conn.execute(query("select_sessions"), {"me": "balados-db"})
    return tuple(Session(pid=r.pid, user=r.user, application=r.application, client=r.client) for r in rows)


def _records(conn: Connection[Any]) -> dict[str, Record]:
    rows = conn.execute(query("select_records").format(own=sql.Identifier(OWN_SCHEMA)))
    return {r.schema: Record(structure=r.structure, migrations=r.migrations, seeded=tuple(r.seeded)) for r in rows}


# ── relations ────────────────────────────────────────────────────────────────────────────────────────────


def _relations(conn: Connection[Any], manifest: Manifest, state: DatabaseState) -> dict[str, list[Relation]]:
    wanted = {"schemas": [s.name for s in manifest.schemas], "histories": list(OTHER_HISTORIES)}
    rows = conn.execute(query("select_relations"), wanted).fetchall()
    found: dict[str, list[Relation]] = defaultdict(list)
    for row, (rows_, exact) in zip(rows, _counts(conn, rows), strict=True):
        found[row.schema].append(
            Relation(
                schema=row.schema,
                name=row.name,
                oid=row.oid,
                kind=RelationKind(row.kind),
                role=_role(row, manifest, state),
                rows=rows_,
                exact=exact,
                bytes=row.bytes,
                indexes=row.indexes,
                toast=row.toast,
                sequences=row.sequences,
                is_partition=row.is_partition,
                owned=row.owned,
                populated=row.populated,
                lockable=row.lockable,
                may_empty=row.may_empty,
                may_drop=row.may_drop,
            )
        )
    return found


def summed(relations: Mapping[str, list[Relation]], ties: Ties) -> dict[str, list[Relation]]:
    """A partitioned table holds what its partitions do: nobody counts that for it."""
    known = {relation.table: relation for of_schema in relations.values() for relation in of_schema}
    return {schema: [_summed(r, known, ties) for r in of_schema] for schema, of_schema in relations.items()}


def _summed(relation: Relation, known: Mapping[TableName, Relation], ties: Ties) -> Relation:
    if relation.kind is not RelationKind.PARTITIONED:
        return relation
    names = with_partitions(ties, (relation.table,)) - {relation.table}
    leaves = [
        known.get(name) for name in names if name not in known or known[name].kind is not RelationKind.PARTITIONED
    ]
    rows = [leaf.rows if leaf else None for leaf in leaves]
    return replace(
        relation,
        rows=None if None in rows else sum(r for r in rows if r is not None),
        exact=all(leaf.exact for leaf in leaves if leaf),
        bytes=sum(leaf.bytes for leaf in leaves if leaf),
    )


def _role(row: Any, manifest: Manifest, state: DatabaseState) -> Role:
    if row.extension:
        return Role.EXTENSION
    declared = manifest.schema(row.schema)
    if TableName(row.schema, row.name) in state.event_tables:
        return Role.EVENTS
    if TableName(row.schema, row.name) in {c.table for c in manifest.checkpoints}:
        return Role.CHECKPOINTS
    if row.name in HISTORY_TABLES:
        return Role.MIGRATION_HISTORY
    if declared and declared.kind is SchemaKind.PROJECTION and _is_other_history(row):
        return Role.OTHER_HISTORY
    return Role.CONTENT


def _is_other_history(row: Any) -> bool:
    return row.kind == "r" and row.columns is not None and OTHER_HISTORIES[row.name] <= set(row.columns)


def _counts(conn: Connection[Any], rows: list[Any]) -> list[tuple[int | None, bool]]:
    """Estimates, and exact counts of small tables; a table that is locked keeps its estimate."""
    estimates: list[tuple[int | None, bool]] = [(r.estimate if r.estimate >= 0 else None, False) for r in rows]
    chosen = [n for n, r in enumerate(rows) if _worth_counting(r)][:COUNTED_TABLES]
    if not chosen:
        return estimates
    counts = sql.SQL(" union all ").join(
        sql.SQL("({})").format(
            query("count_rows").format(
                table=sql.Identifier(rows[n].schema, rows[n].name), bound=sql.Literal(COUNT_BOUND + 1)
            )
        )
        for n in chosen
    )
    try:
        with conn.transaction():
            conn.execute(query("short_patience"))
            counted = [row[0] for row in conn.execute(counts)]
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        return estimates
    for n, count in zip(chosen, counted, strict=True):
        if count <= COUNT_BOUND:
            estimates[n] = (count, True)
    return estimates


def _worth_counting(row: Any) -> bool:
    """Small, or never analysed: then the estimate is no help, and the count is bounded."""
    return bool(row.countable and row.kind == "r" and (row.bytes <= SMALL or row.estimate < 0))


def _ties(conn: Connection[Any], schemas: list[str]) -> Ties:
    found: dict[str, list[tuple[TableName, TableName]]] = defaultdict(list)
    for r in conn.execute(query("select_ties"), {"schemas": schemas}):
        found[r.tie].append((TableName(r.schema, r.name), TableName(r.other_schema, r.other_name)))
    return Ties(**{name: tuple(pairs) for name, pairs in found.items()})


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────


def _schemas(
    conn: Connection[Any],
    manifest: Manifest,
    there: Mapping[str, Any],
    relations: Mapping[str, list[Relation]],
    records: Mapping[str, Record],
) -> tuple[SchemaState, ...]:
    names = [s.name for s in manifest.schemas if s.name in there]
    plain = [s.name for s in manifest.schemas if s.name in there and s.kind is not SchemaKind.EVENT_STORE]
    others = _grouped(conn, "select_other_objects", names)
    extensions = _grouped(conn, "select_extensions", names)
    lost = _grouped(conn, "select_not_restorable", plain)
    applied = read_applied(conn, plain)
    structures = read_structures(conn, names, skipped(relations))
    return tuple(
        SchemaState(
            name=name,
            exists=name in there,
            owner=there[name].owner if name in there else None,
            relations=tuple(relations.get(name, ())),
            other_objects=len(others[name]),
            extensions=tuple(e.name for e in extensions[name]),
            undroppable=tuple(f"{o.type} {o.identity}" for o in others[name] if o.type not in DROPPABLE),
            not_restorable=tuple(f"{r.name}: {r.fact}" for r in lost[name]),
            cannot_empty=tuple(r.name for r in relations.get(name, ()) if r.role is Role.CONTENT and not r.may_empty),
            cannot_drop=tuple(r.name for r in relations.get(name, ()) if r.role is Role.CONTENT and not r.may_drop),
            structure=digest_of(structures[name]) if name in there else "",
            history=name in applied,
            applied=applied.get(name, ()),
            record=records.get(name),
        )
        for name in (s.name for s in manifest.schemas)
    )


def _grouped(conn: Connection[Any], name: str, schemas: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in conn.execute(query(name), {"schemas": schemas}):
        found[row.schema].append(row)
    return found


def skipped(relations: Mapping[str, list[Relation]]) -> list[int]:
    """Relations that are no part of a schema's own structure."""
    return [r.oid for rs in relations.values() for r in rs if r.role not in (Role.CONTENT, Role.EVENTS)]


Structure = dict[str, str]


def read_structures(conn: Connection[Any], schemas: list[str], skip: list[int]) -> dict[str, Structure]:
    """Every structural fact of these schemas, by name."""
    found: dict[str, Structure] = {name: {} for name in schemas}
    for row in conn.execute(query("select_structure"), {"schemas": schemas, "skip": skip}):
        found[row.schema][row.name] = row.fact or ""
    return found


def digest_of(structure: Structure) -> str:
    """One value for a whole structure."""
    digest = hashlib.sha256()
    for name in sorted(structure):
        digest.update(f"{name}\0{structure[name]}\0".encode())
    return "sha256:" + digest.hexdigest()
