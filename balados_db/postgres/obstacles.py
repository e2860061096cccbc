"""A closer look at what a reset is going to touch: what outside of it would fall, block or grow stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balados_db.model import DatabaseState, Outsider, Role, TableName
from balados_db.planning.refusals import Obstacles
from balados_db.planning.shape import Shape
from balados_db.postgres.catalog import Look, looking
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection


def read_obstacles(look: Look, state: DatabaseState, shape: Shape) -> Obstacles:
    """Read everything outside the shape that depends on it. Locks nothing, writes nothing."""
    with looking(look.conn):
        return _read(look.conn, state, shape)


def _read(conn: Connection[Any], state: DatabaseState, shape: Shape) -> Obstacles:
    made_anew = [r for name in shape.recreated for r in state.schema(name).relations]
    recreated = [r.oid for r in made_anew if r.role in (Role.CONTENT, Role.MIGRATION_HISTORY)]
    emptied = [r.oid for r in shape.emptied]
    refreshed = [r.oid for r in shape.refreshed]
    doomed = [*recreated, *emptied]
    dependents = _dependents(conn, shape.recreated, [r.oid for r in made_anew if r.stays])
    return Obstacles(
        dependents=tuple(o for o in dependents if not _temporary(o)),
        temporary=tuple(f"{o.type} {o.identity}" for o in dependents if _temporary(o)),
        inheritance=_inheritance(conn, doomed),
        references=(*_references(conn, emptied, doomed), *_sequences(conn, emptied, doomed)),
        lock_too=_lock_too(conn, recreated, doomed),
        published=_names(conn, "select_published", emptied=emptied),
        stale=_names(conn, "select_stale", doomed=doomed, refreshed=refreshed),
        triggers=_names(
            conn, "select_truncate_triggers", emptied=[r.oid for r in shape.emptied if r.role is Role.CONTENT]
        ),
    )


def _dependents(conn: Connection[Any], schemas: tuple[str, ...], kept: list[int]) -> tuple[Outsider, ...]:
    if not schemas:
        return ()
    rows = conn.execute(query("select_dependents"), {"schemas": list(schemas), "kept": kept})
    return tuple(
        Outsider(type=r.type, identity=r.identity, schema=r.schema, reason=f"needs {r.needs or 'something inside'}")
        for r in rows
    )


def _temporary(outsider: Outsider) -> bool:
    """Whether it belongs to a session, and goes with it."""
    return (outsider.schema or "").startswith("pg_temp")


def _inheritance(conn: Connection[Any], doomed: list[int]) -> tuple[Outsider, ...]:
    rows = conn.execute(query("select_inheritance"), {"doomed": doomed})
    return tuple(
        Outsider(type="table", identity=r.child, reason=f"is a child of {r.parent}")
        if r.parent_inside
        else Outsider(type="table", identity=r.parent, reason=f"has the child {r.child} in the scope")
        for r in rows
    )


def _references(conn: Connection[Any], emptied: list[int], doomed: list[int]) -> tuple[Outsider, ...]:
    rows = conn.execute(query("select_references"), {"emptied": emptied, "doomed": doomed})
    return tuple(
        Outsider(type="table", identity=r.from_table, schema=r.schema, reason=f"{r.name} references {r.to_table}")
        for r in rows
    )


def _sequences(conn: Connection[Any], emptied: list[int], doomed: list[int]) -> tuple[Outsider, ...]:
    rows = conn.execute(query("select_shared_sequences"), {"emptied": emptied, "doomed": doomed})
    return tuple(
        Outsider(type="table", identity=r.used_by, schema=r.schema, reason=f"draws its keys from {r.sequence}")
        for r in rows
    )


def _lock_too(conn: Connection[Any], recreated: list[int], doomed: list[int]) -> tuple[TableName, ...]:
    rows = conn.execute(query("select_lock_too"), {"recreated": recreated, "doomed": doomed})
    return tuple(TableName(r.schema, r.name) for r in rows)


def _names(conn: Connection[Any], name: str, **parameters: list[int]) -> tuple[str, ...]:
    return tuple(r.name for r in conn.execute(query(name), parameters))
