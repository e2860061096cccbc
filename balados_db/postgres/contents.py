"""Drop what a schema contains, never with CASCADE: at once, or some of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.errors import DropRefused
from balados_db.model import TableName
from balados_db.planning.culprits import of_undropped
from balados_db.postgres.connection import raised
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection


def drop_contents(conn: Connection[Any], schemas: Sequence[str], keep: Sequence[TableName]) -> int:
    """Drop everything in these schemas but `keep`, extensions and their members. Returns the number of rounds.

    Everything is dropped with RESTRICT: what somebody made meanwhile on top of it stops us instead of falling.
    """
    here = {"schemas": list(schemas), "keep": _oids(conn, keep)}
    rounds = 0
    while contents := conn.execute(query("select_contents"), here).fetchall():
        rounds += 1
        if _drop_round(conn, contents):
            continue
        if not _untie(conn, here):
            raise _stuck(conn, contents)
    return rounds


def drop_relations(conn: Connection[Any], relations: Sequence[TableName], schemas: Sequence[str]) -> int:
    """Drop these relations, with RESTRICT; what others still need is left. Returns how many are gone.

    A foreign key that points at one of them is taken off, where it belongs to `schemas`: they are dropped as well.
    """
    here = {"schemas": [r.schema for r in relations], "names": [r.name for r in relations], "inside": list(schemas)}
    untied = False
    while left := conn.execute(query("select_relation_drops"), here).fetchall():
        if _drop_round(conn, left):
            continue
        if untied or not [k for k in conn.execute(query("select_foreign_keys_into"), here).fetchall() if _cut(conn, k)]:
            break
        untied = True
    return len(relations) - len(left)


def _cut(conn: Connection[Any], knot: Any) -> bool:
    return _try(conn, sql.SQL(knot.statement))


def _oids(conn: Connection[Any], tables: Sequence[TableName]) -> list[int]:
    wanted = {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]}
    return [row.oid for row in conn.execute(query("select_tables_named"), wanted)]


def _drop_round(conn: Connection[Any], contents: list[Any]) -> bool:
    """Try all tables at once, then one after the other; True when anything was dropped."""
    tables = [c for c in contents if c.type == "table"]
    progress = len(tables) > 1 and _try(conn, _all_tables(tables))
    left = [c for c in contents if not (progress and c.type == "table")]
    dropped = [_try(conn, sql.SQL(c.statement)) for c in left]
    return progress or any(dropped)


def _all_tables(tables: list[Any]) -> sql.Composed:
    """One statement for all: foreign keys among them, in circles too, go with it."""
    return query("drop_tables").format(tables=sql.SQL(", ").join(sql.SQL(t.identity) for t in tables))


def _untie(conn: Connection[Any], here: dict[str, Any]) -> bool:
    """Take constraints, defaults, triggers, policies and rules off; True when that changed anything."""
    knots = conn.execute(query("select_knots"), here).fetchall()
    untied = [_cut(conn, knot) for knot in knots]
    return any(untied)


def _try(conn: Connection[Any], statement: sql.SQL | sql.Composed) -> bool:
    """Run one statement in a savepoint; False when something still depends on the object."""
    try:
        with conn.transaction():
            conn.execute(statement)
    except _NOT_YET as exc:
        if raised(exc):
            raise
        return False
    return True


_NOT_YET = (
    psycopg.errors.DependentObjectsStillExist,
    psycopg.errors.UndefinedObject,
    psycopg.errors.UndefinedTable,
)


def _stuck(conn: Connection[Any], contents: list[Any]) -> DropRefused:
    """Ask for the reason of the first object that nothing gets rid of."""
    try:
        with conn.transaction():
            conn.execute(contents[0].statement)
    except psycopg.Error as exc:
        detail = exc.diag.message_detail or exc.diag.message_primary or str(exc)
        stuck = of_undropped(contents[0].type, contents[0].identity, detail)
        return DropRefused(object=f"{contents[0].type} {contents[0].identity}", problem=detail, objects=[stuck])
    return DropRefused(object="what the schema contains", problem="it changed meanwhile")
