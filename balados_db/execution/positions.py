"""Handlers of the steps that move positions: to the origin, or out of memory; and the proof that they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import sql

from balados_db.errors import ProjectorsMoved, PromiseBroken
from balados_db.execution.run import Details, Run, handles
from balados_db.model import CheckpointTable, LiveProjector, Sql, TableName, Value
from balados_db.planning import steps
from balados_db.planning.culprits import of_broken
from balados_db.planning.cures import advice, in_the_way
from balados_db.planning.phases import rewinding
from balados_db.planning.steps import listed
from balados_db.postgres import eventstore
from balados_db.postgres.queries import named, query

if TYPE_CHECKING:
    from psycopg import Connection

Values = Mapping[str, Value]


@handles(steps.ForgetCheckpoints)
def forget_checkpoints(step: steps.ForgetCheckpoints, run: Run) -> Details:
    """DELETE unless the layout says otherwise; never NULL."""
    checkpoint = _checkpoint(run, step.table)
    everybody = [row.projector for row in eventstore.read_checkpoints(run.conn, checkpoint)] if step.everybody else []
    parameters = {"projectors": everybody or list(step.projectors)}
    statement = _forgetting(checkpoint, step.everybody)
    if checkpoint.sql is None and checkpoint.set is None:
        return {"forgotten": run.conn.execute(statement, parameters).rowcount}
    with eventstore.said_in(run.manifest, f"{eventstore.positions_in(checkpoint)}.forget"):
        return {"forgotten": run.conn.execute(statement, parameters).rowcount}


def _forgetting(checkpoint: CheckpointTable, everybody: bool) -> str | sql.Composed:
    if checkpoint.sql is not None:
        return checkpoint.sql
    if checkpoint.set is not None:
        name = "set_every_checkpoint" if everybody else "set_checkpoints"
        return query(name).format(**_names(checkpoint), assignments=_assignments(checkpoint.set))
    return query("delete_every_checkpoint" if everybody else "delete_checkpoints").format(**_names(checkpoint))


def prove_forgotten(run: Run) -> None:
    """Raises PromiseBroken where somebody's position is left.

    How a row looks that a manifest's own SQL forgot is its own affair, but a number in it is not beyond the origin.
    """
    for step in run.steps(steps.ForgetCheckpoints):
        checkpoint = _checkpoint(run, step.table)
        if step.everybody or (checkpoint.sql is not None and not _tells(checkpoint)):
            continue
        left = _elsewhere(run, checkpoint, step.projectors, _forgotten(checkpoint))
        if left:
            said = f"positions are left in {step.table}: {listed(left)}"
            objects = [of_broken(f"not forgotten: {name} in {step.table}") for name in left]
            raise PromiseBroken(count=len(left), names=said, objects=objects, hint=advice(objects))


@handles(steps.RewindCheckpoints)
def rewind_checkpoints(step: steps.RewindCheckpoints, run: Run) -> Details:
    """The rows stay: their ids are the locks that keep projectors out."""
    return {"rewound": rewind(run.conn, _checkpoint(run, step.table), step.projectors)}


def rewind(conn: Connection[Any], checkpoint: CheckpointTable, projectors: Sequence[str]) -> int:
    """Set the rows of these projectors to the origin; says how many there were."""
    values = rewinding(checkpoint)
    assert values is not None
    statement = query("set_checkpoints").format(**_names(checkpoint), assignments=_assignments(values))
    return conn.execute(statement, {"projectors": list(projectors)}).rowcount


@handles(steps.ProveRewound)
def prove_rewound(step: steps.ProveRewound, run: Run) -> None:
    """Whoever ran meanwhile has written rows that may be gone by now: it must not go on from where it is."""
    moved = [name for table in step.tables for name in _moved(run, table, step.projectors)]
    moved += [f"{p.name} (process {p.pid})" for p in _alive(run) if any(map(p.runs, step.projectors))]
    if moved:
        names = tuple(dict.fromkeys(moved))
        reason, cure = "ran while its tables were being emptied", "stop it and run the same command again"
        objects = [in_the_way("projector", name, reason, cure) for name in names]
        raise ProjectorsMoved(names=listed(names), objects=objects)


def _moved(run: Run, table: TableName, projectors: tuple[str, ...]) -> tuple[str, ...]:
    checkpoint = _checkpoint(run, table)
    values = rewinding(checkpoint)
    if values is None and checkpoint.sql is not None and not checkpoint.appends:
        return ()  # how a row looks that the manifest's own SQL forgot is its own affair; it runs once more
    return _elsewhere(run, checkpoint, projectors, _same(values) if values else _forgotten(checkpoint))


def _tells(checkpoint: CheckpointTable) -> bool:
    """Whether a row says by a position that it was forgotten."""
    return checkpoint.position is not None and (checkpoint.appends or isinstance(checkpoint.origin, int))


def _forgotten(checkpoint: CheckpointTable) -> sql.Composable:
    """How a row looks that was forgotten; where the row itself must go, none looks like that."""
    if checkpoint.set is not None:
        return _same(checkpoint.set)
    if checkpoint.appends and checkpoint.position is not None:
        place = eventstore.expression(checkpoint.position)
        return sql.SQL("{}::text is not distinct from {}").format(place, _literal(str(checkpoint.origin)))
    if checkpoint.sql is not None and checkpoint.position is not None:
        place = eventstore.expression(checkpoint.position)
        return query("is_not_beyond").format(position=place, origin=_literal(checkpoint.origin))
    return sql.SQL("false")


def _same(values: Values) -> sql.Composable:
    """Whether a row holds these values; a value that is made from the row itself stays what it is when made again."""
    same = [sql.SQL("{} is not distinct from {}").format(named(c), _literal(v)) for c, v in values.items()]
    return sql.SQL(" and ").join(same)


def _elsewhere(
    run: Run, checkpoint: CheckpointTable, projectors: tuple[str, ...], at_origin: sql.Composable
) -> tuple[str, ...]:
    """Whose row is not at the origin."""
    statement = query("select_moved").format(**_names(checkpoint), at_origin=at_origin)
    return tuple(row.projector for row in run.conn.execute(statement, {"projectors": list(projectors)}))


def _assignments(values: Values) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("{} = {}").format(named(c), _literal(v)) for c, v in values.items())


def _literal(value: Value) -> sql.Composable:
    """For a statement that takes parameters: a percent sign of the value is none of those."""
    if isinstance(value, Sql):
        return eventstore.expression(value)
    return sql.SQL(sql.Literal(value).as_string(None).replace("%", "%%"))


def _alive(run: Run) -> tuple[LiveProjector, ...]:
    store = run.manifest.event_store
    return eventstore.read_living(run.conn, store.layout, run.ours) if store and store.layout else ()


def _checkpoint(run: Run, table: TableName) -> CheckpointTable:
    return next(c for c in run.manifest.checkpoints if c.table == table)


def _names(checkpoint: CheckpointTable) -> dict[str, Any]:
    return {
        "table": named(*checkpoint.table),
        "projector": eventstore.expression(checkpoint.projector),
        "condition": eventstore.condition(checkpoint),
    }
