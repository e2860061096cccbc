"""Drop what a schema contains, never with CASCADE; afterwards give back owners, grants and publication membership."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.errors import DropRefused
from balados_db.model import TableName
from balados_db.planning.culprits import of_undropped
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection


# ── dropping ─────────────────────────────────────────────────────────────────────────────────────────────


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
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.UndefinedObject, psycopg.errors.UndefinedTable):
        return False
    return True


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


# ── giving back ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What hung on the contents of a schema and is not in its migrations."""

    relations: tuple[Any, ...]
    routines: tuple[Any, ...]
    memberships: tuple[Any, ...]


def read_rights(conn: Connection[Any], schema: str, keep: Sequence[str]) -> Rights:
    """Read owners, grants and publication members of a schema's contents."""
    here = {"schema": schema, "keep": list(keep)}
    return Rights(
        relations=tuple(conn.execute(query("select_rights"), here)),
        routines=tuple(conn.execute(query("select_routine_rights"), here)),
        memberships=tuple(conn.execute(query("select_memberships"), here)),
    )


def give_back(conn: Connection[Any], schema: str, before: Rights, keep: Sequence[str]) -> tuple[str, ...]:
    """Make rights and memberships what they were. Returns what could not be given back.

    An object that the migrations no longer make is passed over; a new one keeps what it was made with.
    """
    after = read_rights(conn, schema, keep)
    lost: list[str] = []
    lost += _relations(conn, schema, before.relations, after.relations)
    lost += _routines(conn, before.routines, after.routines)
    lost += _memberships(conn, schema, before.memberships, after)
    return tuple(lost)


def _relations(conn: Connection[Any], schema: str, before: Sequence[Any], after: Sequence[Any]) -> Iterable[str]:
    now = _by_object(after)
    for (name, column), rows in _by_object(before).items():
        if (name, None) not in now:
            continue
        kind = rows[0].kind
        object_ = sql.SQL("{} {}").format(_word(kind), sql.Identifier(schema, name))
        current = now.get((name, column), [])
        if column is None and current and current[0].owner != rows[0].owner:
            yield from _owner(conn, _owner_word(kind), sql.Identifier(schema, name), rows[0].owner)
        if rows[0].explicit or column is not None:
            yield from _grants(conn, object_, rows, current, column)


def _by_object(rows: Sequence[Any]) -> dict[tuple[str, str | None], list[Any]]:
    found: dict[tuple[str, str | None], list[Any]] = {}
    for row in rows:
        found.setdefault((row.name, row.column), []).append(row)
    return found


def _word(kind: str) -> sql.SQL:
    return sql.SQL("sequence") if kind == "S" else sql.SQL("table")


def _owner_word(kind: str) -> sql.SQL:
    words = {"S": "sequence", "v": "view", "m": "materialized view", "f": "foreign table"}
    return sql.SQL(words.get(kind, "table"))


def _owner(conn: Connection[Any], word: sql.SQL, object_: sql.Composable, owner: str) -> Iterable[str]:
    statement = query("give_owner").format(type=word, object=object_, owner=sql.Identifier(owner))
    if not _allowed(conn, statement):
        yield f"{object_.as_string(conn)}: owner {owner}"


def _grants(
    conn: Connection[Any], object_: sql.Composable, before: Sequence[Any], after: Sequence[Any], column: str | None
) -> Iterable[str]:
    """Grant what is missing, revoke what nobody had granted. The owner's own rights come with ownership."""
    wanted = {(r.grantee, r.privilege, r.grantable) for r in before if r.privilege and r.grantee != r.owner}
    have = {(r.grantee, r.privilege, r.grantable) for r in after if r.privilege and r.grantee != r.owner}
    for grantee, privilege, _ in sorted(have - wanted, key=str):
        if not any((g, p) == (grantee, privilege) for g, p, _ in wanted):
            statement = query("revoke_right").format(
                privilege=_privilege(privilege, column), object=object_, grantee=_grantee(grantee)
            )
            _allowed(conn, statement)
    for grantee, privilege, grantable in sorted(wanted - have, key=str):
        statement = query("grant_right").format(
            privilege=_privilege(privilege, column),
            object=object_,
            grantee=_grantee(grantee),
            option=sql.SQL(" with grant option" if grantable else ""),
        )
        if not _allowed(conn, statement):
            yield f"{object_.as_string(conn)}: {privilege} for {grantee or 'public'}"


def _privilege(privilege: str, column: str | None) -> sql.Composable:
    word = sql.SQL(privilege)  # one of the server's own words
    return word if column is None else sql.SQL("{} ({})").format(word, sql.Identifier(column))


def _grantee(name: str | None) -> sql.Composable:
    return sql.SQL("public") if name is None else sql.Identifier(name)


def _routines(conn: Connection[Any], before: Sequence[Any], after: Sequence[Any]) -> Iterable[str]:
    now: dict[str, list[Any]] = {}
    for row in after:
        now.setdefault(row.identity, []).append(row)
    then: dict[str, list[Any]] = {}
    for row in before:
        then.setdefault(row.identity, []).append(row)
    for identity, rows in then.items():
        if identity not in now:
            continue
        word, name = sql.SQL(rows[0].type), sql.SQL(identity)
        if now[identity][0].owner != rows[0].owner:
            yield from _owner(conn, word, name, rows[0].owner)
        if rows[0].explicit:
            yield from _grants(conn, sql.SQL("{} {}").format(word, name), rows, now[identity], None)


def _memberships(conn: Connection[Any], schema: str, before: Sequence[Any], after: Rights) -> Iterable[str]:
    there = {row.name for row in after.relations}
    have = {(m.publication, m.name) for m in after.memberships}
    for member in before:
        if member.name not in there or (member.publication, member.name) in have:
            continue
        statement = query("publish_table").format(
            publication=sql.Identifier(member.publication),
            table=sql.Identifier(schema, member.name),
            columns=_columns(member.columns),
            filter=sql.SQL(f" where ({member.filter})" if member.filter else ""),
        )
        if not _allowed(conn, statement):
            yield f"publication {member.publication}: member {schema}.{member.name}"


def _columns(columns: Sequence[str] | None) -> sql.Composable:
    if columns is None:
        return sql.SQL("")
    return sql.SQL(" ({})").format(sql.SQL(", ").join(sql.Identifier(c) for c in columns))


def _allowed(conn: Connection[Any], statement: sql.SQL | sql.Composed) -> bool:
    """Run one statement in a savepoint; False when this role may not."""
    try:
        with conn.transaction():
            conn.execute(statement)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedColumn):
        return False
    return True
