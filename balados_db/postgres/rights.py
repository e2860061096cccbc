"""What hangs on a schema's contents and is not in its migrations: owners, grants, publication membership.

Read before the contents are dropped, given back after they were made anew, and read once more: what still differs
then could not be given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

Key = tuple[str, str | None]  # an object as it is written in SQL, and its column
Right = tuple[str | None, str, bool]  # who (None is everybody), which privilege, whether it may be passed on
OWNER = "\0owner"  # the owner's own rights go with ownership, whoever that is; no role has such a name


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Rows of select_rights and select_memberships; `promised` names what cannot be given back, as the preview did."""

    objects: tuple[Any, ...]
    memberships: tuple[Any, ...]
    promised: tuple[str, ...] = ()


def read_rights(conn: Connection[Any], schema: str, keep: Sequence[str]) -> Rights:
    """Read owners, effective grants and publication members of a schema's contents, but for the relations `keep`."""
    here = {"schema": schema, "keep": list(keep)}
    return Rights(
        objects=tuple(conn.execute(query("select_rights"), here)),
        memberships=tuple(conn.execute(query("select_memberships"), here)),
    )


def give_back(conn: Connection[Any], schema: str, before: Rights, keep: Sequence[str]) -> tuple[str, ...]:
    """Make rights and memberships what they were. Returns what is not, in the words of the preview.

    An object that the migrations no longer make is passed over; a new one keeps what it was made with.
    """
    made = read_rights(conn, schema, keep)
    # Publishing takes owning the table: whoever made it does, and may become its owner without acting as one.
    # Then owners: grants are the owner's, and a grant to whoever becomes the owner would be merged into its own.
    for statement in (*_memberships(before, made), *_owners(before, made)):
        _allowed(conn, statement)
    for statement in _grants(before, read_rights(conn, schema, keep)):
        _allowed(conn, statement)
    _pass_on(conn, before, read_rights(conn, schema, keep))
    return tuple(_differences(before, read_rights(conn, schema, keep)))


def _objects(rights: Rights) -> dict[Key, list[Any]]:
    found: dict[Key, list[Any]] = {}
    for row in rights.objects:
        found.setdefault((row.object, row.column), []).append(row)
    return found


def _both(before: Rights, after: Rights) -> Iterator[tuple[list[Any], list[Any], Any]]:
    """Each object or column that is there again: its rows before, after, and a row that says whose it is now."""
    now = _objects(after)
    for (object_, column), rows in _objects(before).items():
        if (object_, None) in now:
            yield rows, now.get((object_, column), []), now[object_, None][0]


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────


def _owners(before: Rights, after: Rights) -> Iterator[sql.Composed]:
    """A sequence that goes with its table's column follows that table's owner."""
    for rows, _, now in _both(before, after):
        first = rows[0]
        if first.column is None and first.owner_word and now.owner != first.owner:
            yield query("give_owner").format(
                type=sql.SQL(first.owner_word), object=sql.SQL(first.object), owner=sql.Identifier(first.owner)
            )


def _grants(before: Rights, after: Rights) -> Iterator[sql.Composed]:
    """Revoke what nobody had granted, grant what is missing."""
    for rows, new, now in _both(before, after):
        wanted, have = _rights(rows, rows[0].owner, now.owner), _rights(new, rows[0].owner, now.owner)
        parts = {"object": sql.SQL(f"{rows[0].word} {rows[0].object}")}
        passed_on = {right for right, _ in _passed_on(rows)} - {_right(r) for r in rows if not r.grantor}
        for who, privilege, _ in sorted(have - wanted, key=str):
            passing = (who, privilege, False) in wanted
            option = sql.SQL("grant option for " if passing else "")
            yield query("revoke_right").format(
                **parts, option=option, privilege=_privilege(privilege, rows[0]), grantee=_grantee(who, now.owner)
            )
        for who, privilege, grantable in sorted(wanted - have - passed_on, key=str):
            option = sql.SQL(" with grant option" if grantable else "")
            yield query("grant_right").format(
                **parts, option=option, privilege=_privilege(privilege, rows[0]), grantee=_grantee(who, now.owner)
            )


def _pass_on(conn: Connection[Any], before: Rights, after: Rights) -> None:
    """Let each right be given by whoever gave it, in rounds: who passes it on must have got it himself.

    What nobody may give for another is given by the owner.
    """
    left = [(s, instead) for rows, _, now in _both(before, after) for s, instead in _by_others(rows, now.owner)]
    while done := [pair for pair in left if _allowed(conn, pair[0])]:
        left = [pair for pair in left if pair not in done]
    for _, instead in left:
        _allowed(conn, instead)


def _by_others(rows: list[Any], owner: str) -> Iterator[tuple[sql.Composed, sql.Composed]]:
    """Each right that somebody else than the owner gave: as he gives it, and as the owner does."""
    for (who, privilege, grantable), grantor in _passed_on(rows):
        parts = {
            "object": sql.SQL(f"{rows[0].word} {rows[0].object}"),
            "privilege": _privilege(privilege, rows[0]),
            "grantee": _grantee(who, owner),
            "option": sql.SQL(" with grant option" if grantable else ""),
        }
        yield (
            query("pass_right_on").format(grantor=sql.Identifier(grantor), **parts),
            query("grant_right").format(**parts),
        )


def _passed_on(rows: Iterable[Any]) -> list[tuple[Right, str]]:
    """Grants that are not the owner's, each with its grantor."""
    return [(_right(r), r.grantor) for r in rows if r.grantor and not r.is_owner]


def _right(row: Any) -> Right:
    return row.grantee, row.privilege, row.grantable


def _rights(rows: Iterable[Any], former: str, owner: str) -> set[Right]:
    """The grants. An owner's own count where the owner is the former one; who owns it now needs none besides."""
    return {
        (OWNER if r.is_owner else r.grantee, r.privilege, r.grantable)
        for r in rows
        if r.privilege and (former == owner or not (r.is_owner or r.grantee == owner))
    }


def _privilege(privilege: str, row: Any) -> sql.Composable:
    word = sql.SQL(privilege)  # one of the server's own words
    return word if row.column is None else sql.SQL("{} ({})").format(word, sql.Identifier(row.column))


def _grantee(who: str | None, owner: str) -> sql.Composable:
    return sql.SQL("public") if who is None else sql.Identifier(owner if who == OWNER else who)


def _memberships(before: Rights, after: Rights) -> Iterator[sql.Composed]:
    there = {row.object for row in after.objects}
    have = {(m.publication, m.object) for m in after.memberships}
    for member in before.memberships:
        if member.object in there and (member.publication, member.object) not in have:
            yield query("publish_table").format(
                publication=sql.Identifier(member.publication),
                table=sql.SQL(member.object),
                columns=_columns(member.columns),
                filter=sql.SQL(f" where ({member.filter})" if member.filter else ""),
            )


def _columns(columns: Sequence[str] | None) -> sql.Composable:
    if columns is None:
        return sql.SQL("")
    return sql.SQL(" ({})").format(sql.SQL(", ").join(sql.Identifier(c) for c in columns))


def _allowed(conn: Connection[Any], statement: sql.Composed) -> bool:
    """Run it in a savepoint. What this role may not do, or what no longer fits, is seen afterwards."""
    try:
        with conn.transaction():
            conn.execute(statement)
    except psycopg.Error as exc:
        if exc.sqlstate is None or exc.sqlstate.startswith(_PASSING):
            raise
        return False
    return True


_PASSING = ("08", "40", "53", "55P03", "57")  # lost connections, locks, room: worth another try, so no verdict


# ── what still differs ───────────────────────────────────────────────────────────────────────────────────


def _differences(before: Rights, after: Rights) -> Iterator[str]:
    for rows, new, now in _both(before, after):
        first = rows[0]
        if first.column is None and first.owner != now.owner and first.owner_word:
            yield f"{first.name}: owner {first.owner}"
        wanted, have = _rights(rows, rows[0].owner, now.owner), _rights(new, rows[0].owner, now.owner)
        column = f".{first.column}" if first.column else ""
        for who, privilege, _ in sorted(wanted ^ have, key=str):
            word = "" if (who, privilege) in {(w, p) for w, p, _ in wanted} else "no "
            yield f"{first.name}{column}: {word}{privilege} for {_said(who, now.owner)}"
    yield from _unpublished(before, after)


def _said(who: str | None, owner: str) -> str:
    return "public" if who is None else owner if who == OWNER else who


def _unpublished(before: Rights, after: Rights) -> Iterator[str]:
    there = {row.object for row in after.objects}
    now = {(m.publication, m.object): (m.columns, m.filter) for m in after.memberships}
    for m in before.memberships:
        if m.object in there and now.get((m.publication, m.object)) != (m.columns, m.filter):
            yield f"{m.name}: membership in publication {m.publication}"
