"""Prove what was kept: captured before, compared after, in the same REPEATABLE READ transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.sql import Identifier

from balados_db.errors import PromiseBroken
from balados_db.model import OWN_SCHEMA, CheckpointTable
from balados_db.planning.culprits import of_broken
from balados_db.planning.cures import advice
from balados_db.planning.steps import listed
from balados_db.postgres.eventstore import condition, expression
from balados_db.postgres.queries import named, query

if TYPE_CHECKING:
    from psycopg import Connection

MOST_SEQUENCES = 500  # reading one takes a lock
Key = tuple[str, str]
Fact = tuple[str, str]  # identity, for messages; digest of the facts


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """What does not count as kept: contents of `recreated` schemas, storage of `emptied` relations."""

    recreated: tuple[str, ...] = ()
    emptied: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()  # relations in recreated schemas that stay
    written: tuple[int, ...] = ()  # checkpoint tables: checked by value instead


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a sequence is: the last value that it gave, if it gave one."""

    name: str
    value: int | None
    ascending: bool
    cycles: bool

    def is_behind(self, before: Place) -> bool:
        """Whether it will give values again that it gave before, and does not so by itself."""
        if before.value is None or self.value is None:
            return before.value is not None
        return not self.cycles and (self.value < before.value if self.ascending else self.value > before.value)


@dataclass(frozen=True, kw_only=True)
class Preserved:
    """A reading of everything that is to be kept."""

    boundary: Boundary
    facts: dict[Key, Fact]
    sequences: dict[int, Place] = field(default_factory=dict)  # by oid
    rows: dict[str, Fact] | None = None  # by table, when every kept row is compared
    positions: list[tuple[CheckpointTable, tuple[str, ...]]] = field(default_factory=list)


def capture(
    conn: Connection[Any],
    boundary: Boundary,
    checkpoints: Sequence[CheckpointTable],
    forgotten: Sequence[str],
    *,
    rows: bool = False,
) -> Preserved:
    """Read every preserved fact, every position outside the scope by value, and with `rows` every kept row."""
    return Preserved(
        boundary=boundary,
        facts=_facts(conn, boundary),
        sequences=_sequences(conn, boundary),
        rows=_rows(conn, boundary) if rows else None,
        positions=[(c, _positions(conn, c, forgotten)) for c in checkpoints],
    )


def _facts(conn: Connection[Any], boundary: Boundary) -> dict[Key, Fact]:
    rows = conn.execute(
        query("select_fingerprint"),
        {**_seen(boundary), "written": list(boundary.written)},
    )
    return {(r.catalog, r.key): (r.identity, r.facts) for r in rows}


def _seen(boundary: Boundary) -> dict[str, Any]:
    return {
        "doomed": list(boundary.recreated),
        "emptied": list(boundary.emptied),
        "kept": list(boundary.kept),
        "own": OWN_SCHEMA,
    }


def _sequences(conn: Connection[Any], boundary: Boundary) -> dict[int, Place]:
    """Where the kept sequences are. Others may move them on meanwhile; no rollback moves them back."""
    rows = conn.execute(query("select_sequences"), {**_seen(boundary), "most": MOST_SEQUENCES})
    return {r.oid: Place(name=r.name, value=r.value, ascending=r.ascending, cycles=r.cycles) for r in rows}


def _set_back(conn: Connection[Any], before: Preserved) -> list[str]:
    """The kept sequences that somebody's trigger set back: put where they were, whatever happens to the rest."""
    now = _sequences(conn, before.boundary)
    broken = []
    for oid, place in before.sequences.items():
        if oid in now and now[oid].is_behind(place):
            conn.execute(query("put_sequence_back"), {"oid": oid, "value": place.value})
            broken.append(f"changed: sequence {place.name} was set back")
    return broken


def _rows(conn: Connection[Any], boundary: Boundary) -> dict[str, Fact]:
    """Number and hash of the rows of every kept table, in this transaction's own snapshot."""
    parameters = {
        "doomed": list(boundary.recreated),
        "gone": [*boundary.emptied, *boundary.written],
        "kept": list(boundary.kept),
        "own": OWN_SCHEMA,
    }
    tables = conn.execute(query("select_kept_tables"), parameters).fetchall()
    found = {}
    for table in tables:
        row = conn.execute(query("hash_rows").format(table=Identifier(table.schema, table.name))).fetchone()
        found[f"{table.schema}.{table.name}"] = (
            f"rows of {table.schema}.{table.name}",
            f"{row[0]} {row[1]}" if row else "",
        )
    return found


def _positions(conn: Connection[Any], checkpoint: CheckpointTable, forgotten: Sequence[str]) -> tuple[str, ...]:
    name = "select_other_positions_among_events" if checkpoint.appends else "select_other_positions"
    statement = query(name).format(
        table=named(*checkpoint.table),
        projector=expression(checkpoint.projector),
        condition=condition(checkpoint),
    )
    rows = conn.execute(statement, {"projectors": list(forgotten)})
    return (*(r.row for r in rows), *([_own_changes(conn, checkpoint)] if checkpoint.appends else []))


def _own_changes(conn: Connection[Any], checkpoint: CheckpointTable) -> str:
    """How many rows among the events this transaction changed or took away: none, as before."""
    row = conn.execute(query("select_own_changes"), {"table": named(*checkpoint.table).as_string(None)}).fetchone()
    return f"changed {row[0] if row else 0}"


def compare(conn: Connection[Any], before: Preserved, forgotten: Sequence[str]) -> None:
    """Read again and refuse every difference.

    Raises PromiseBroken with each object that was lost or changed.
    """
    conn.execute(query("settle_constraints"))
    after = _facts(conn, before.boundary)
    broken = [*_lost(before.facts, after), *_gained(before.facts, after), *_written(before.facts, after)]
    broken += _set_back(conn, before)
    if before.rows is not None:
        now = _rows(conn, before.boundary)
        broken += [
            f"changed: {said}" for name, (said, fact) in before.rows.items() if now.get(name, ("", ""))[1] != fact
        ]
    for checkpoint, rows in before.positions:
        if _positions(conn, checkpoint, forgotten) != rows:
            broken.append(f"changed: positions in {checkpoint.table} that were to stay")
    if broken:
        objects = [of_broken(said) for said in broken]
        raise PromiseBroken(count=len(broken), names=listed(tuple(broken)), objects=objects, hint=advice(objects))


def _lost(before: dict[Key, Fact], after: dict[Key, Fact]) -> list[str]:
    return [
        f"{'lost' if key not in after else 'changed'}: {identity}"
        for key, (identity, fact) in before.items()
        if key not in after or after[key][1] != fact
    ]


# What changes how a kept table behaves; others' additions are not in this transaction's snapshot.
_BEHAVIOUR = frozenset(
    f"pg_{name}" for name in ("policy", "trigger", "rewrite", "constraint", "attribute", "attrdef", "index", "inherits")
)


def _gained(before: dict[Key, Fact], after: dict[Key, Fact]) -> list[str]:
    """What a migration of the scope added to kept tables."""
    return [f"gained: {after[k][0]}" for k in after if k[0] in _BEHAVIOUR and k not in before]


def _written(before: dict[Key, Fact], after: dict[Key, Fact]) -> list[str]:
    """Rows that this transaction wrote to kept tables: foreign keys, triggers and rules do that unasked."""
    return [f"written: {after[k][0]}" for k in after if k[0] == "own_writes" and k not in before]
