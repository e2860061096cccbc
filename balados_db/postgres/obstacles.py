"""A closer look at what a reset is going to touch: what outside of it would fall, block or grow stale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from balados_db.model import DatabaseState, Need, Outsider, Role, TableName
from balados_db.planning.refusals import Obstacles
from balados_db.planning.shape import Shape
from balados_db.planning.steps import listed
from balados_db.postgres.catalog import Look, looking
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection


_TEMPORARY = "pg_temp_"


def read_obstacles(look: Look, state: DatabaseState, shape: Shape) -> Obstacles:
    """Read everything outside the shape that depends on it. Locks nothing, writes nothing."""
    with looking(look.conn):
        return _read(look.conn, state, shape)


def read_border(look: Look, state: DatabaseState, schemas: tuple[str, ...]) -> Obstacles:
    """Read everything outside these schemas that depends on what is in them, as if all of them were made anew."""
    return read_obstacles(look, state, Shape(recreated=schemas))


def _read(conn: Connection[Any], state: DatabaseState, shape: Shape) -> Obstacles:
    made_anew = [r for name in shape.recreated for r in state.schema(name).relations]
    recreated = [r.oid for r in made_anew if r.role in (Role.CONTENT, Role.MIGRATION_HISTORY)]
    emptied = [r.oid for r in shape.emptied]
    refreshed = [r.oid for r in shape.refreshed]
    doomed = [*recreated, *emptied]
    dependents = (
        *_dependents(conn, shape.recreated, [r.oid for r in made_anew if r.stays]),
        *_operators(conn, shape.recreated),
    )
    return Obstacles(
        dependents=tuple(o for o in dependents if not _temporary(o)),
        temporary=tuple(o for o in dependents if _temporary(o)),
        inheritance=(*_inheritance(conn, doomed), *_heirs(conn, state, shape, doomed)),
        references=(*_references(conn, emptied, doomed), *_sequences(conn, emptied, doomed)),
        lock_too=_lock_too(conn, recreated, doomed),
        foreign_keys=_pairs(conn, "select_foreign_keys", doomed),
        inside=_pairs(conn, "select_based_on", doomed),
        reading=_pairs(conn, "select_reading", refreshed),
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
    found = [_dependent(row) for row in rows]
    makers = {schema: _makers(conn, schema) for schema in {str(o.schema) for o in found if _temporary(o)}}
    return tuple(replace(o, pids=makers.get(str(o.schema), ())) for o in found)


def _dependent(row: Any) -> Outsider:
    needs = tuple(map(Need, row.need_types, row.need_identities, row.need_schemas))
    return Outsider(
        type=row.type,
        identity=row.identity,
        schema=row.schema,
        reason=f"needs {listed(needs, 3) or 'something inside'}",
        table=row.table,
        part=row.part,
        needs=needs,
        inside=row.inside,
        foreign_key=row.foreign_key,
    )


def _operators(conn: Connection[Any], schemas: tuple[str, ...]) -> tuple[Outsider, ...]:
    """Operators outside that would lose their commutator or negator."""
    rows = conn.execute(query("select_linked_operators"), {"schemas": list(schemas)}) if schemas else ()
    return tuple(
        Outsider(
            type="operator",
            identity=r.identity,
            schema=r.schema,
            reason=f"is the commutator or negator of operator {r.need}",
            needs=(Need("operator", r.need, r.need_schema),),
            inside=True,
        )
        for r in rows
    )


def _temporary(outsider: Outsider) -> bool:
    """Whether it belongs to a session, and goes with it."""
    return (outsider.schema or "").startswith(_TEMPORARY)


def _makers(conn: Connection[Any], schema: str) -> tuple[int, ...]:
    """The processes of the sessions that this temporary schema may belong to."""
    conn.execute(query("forget_statistics"))
    rows = conn.execute(query("select_makers"), {"number": int(schema.removeprefix(_TEMPORARY))})
    return tuple(row.pid for row in rows)


def _inheritance(conn: Connection[Any], doomed: list[int]) -> tuple[Outsider, ...]:
    rows = conn.execute(query("select_inheritance"), {"doomed": doomed})
    return tuple(_child(row) if row.parent_inside else _parent(row) for row in rows)


def _heirs(conn: Connection[Any], state: DatabaseState, shape: Shape, doomed: list[int]) -> tuple[Outsider, ...]:
    """Where positions are moved: tables that would lose rows with a table of positions."""
    if not (shape.projectors or shape.events_go):
        return ()
    tables = state.checkpoint_tables
    wanted = {"schemas": [t.schema for t in tables], "names": [t.name for t in tables], "doomed": doomed}
    return tuple(_child(row) for row in conn.execute(query("select_heirs"), wanted))


def _child(row: Any) -> Outsider:
    """A table outside whose parent is in the scope."""
    need = Need("partitioned table" if row.partition else "parent", row.parent)
    reason = f"is a {'partition' if row.partition else 'child'} of {row.parent}"
    return Outsider(type="table", identity=row.child, schema=row.schema, reason=reason, needs=(need,))


def _parent(row: Any) -> Outsider:
    """A table outside that has a child in the scope."""
    need = Need("partition" if row.partition else "child", row.child)
    reason = f"has the {need.type} {row.child} in the scope"
    return Outsider(type="table", identity=row.parent, schema=row.schema, reason=reason, needs=(need,))


def _references(conn: Connection[Any], emptied: list[int], doomed: list[int]) -> tuple[Outsider, ...]:
    rows = conn.execute(query("select_references"), {"emptied": emptied, "doomed": doomed})
    return tuple(
        Outsider(
            type="table",
            identity=r.from_table,
            schema=r.schema,
            reason=f"{r.name} references {r.to_table}",
            table=r.from_table,
            part=r.name,
            needs=(Need("table", r.to_table),),
            foreign_key=True,
        )
        for r in rows
    )


def _sequences(conn: Connection[Any], emptied: list[int], doomed: list[int]) -> tuple[Outsider, ...]:
    rows = conn.execute(query("select_shared_sequences"), {"emptied": emptied, "doomed": doomed})
    return tuple(
        Outsider(
            type=r.type,
            identity=r.used_by,
            schema=r.schema,
            reason=f"draws its keys from {r.sequence}",
            table=r.used_by if r.type == "table" else None,
            part=r.column,
            needs=(Need("identity sequence" if r.identity else "restarted sequence", r.sequence),),
        )
        for r in rows
    )


def _lock_too(conn: Connection[Any], recreated: list[int], doomed: list[int]) -> tuple[tuple[int, TableName], ...]:
    rows = conn.execute(query("select_lock_too"), {"recreated": recreated, "doomed": doomed})
    return tuple((r.oid, TableName(r.schema, r.name)) for r in rows)


def _pairs(conn: Connection[Any], name: str, touched: list[int]) -> tuple[tuple[int, int], ...]:
    return tuple((r.first, r.later) for r in conn.execute(query(name), {"touched": touched}))


def _names(conn: Connection[Any], name: str, **parameters: list[int]) -> tuple[str, ...]:
    return tuple(r.name for r in conn.execute(query(name), parameters))
