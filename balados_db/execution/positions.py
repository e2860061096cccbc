"""Handlers of the steps that move positions: to the origin, or out of memory; and the proof that they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from balados_db.errors import ProjectorsMoved, PromiseBroken
from balados_db.execution.run import Details, Run, handles
from balados_db.model import CheckpointTable, LiveProjector, TableName
from balados_db.planning import steps
from balados_db.planning.culprits import of_broken
from balados_db.planning.cures import advice, in_the_way
from balados_db.planning.steps import listed
from balados_db.postgres import eventstore
from balados_db.postgres.queries import named, query

Values = Mapping[str, str | int | None]


@handles(steps.ForgetCheckpoints)
def forget_checkpoints(step: steps.ForgetCheckpoints, run: Run) -> Details:
    """DELETE unless the layout says otherwise; never NULL."""
    checkpoint = _checkpoint(run, step.table)
    everybody = [row.projector for row in eventstore.read_checkpoints(run.conn, checkpoint)] if step.everybody else []
    parameters = {"projectors": everybody or list(step.projectors)}
    if checkpoint.sql is not None:
        return {"forgotten": run.conn.execute(checkpoint.sql, parameters).rowcount}
    if checkpoint.set is not None:
        name = "set_every_checkpoint" if step.everybody else "set_checkpoints"
        statement = query(name).format(**_names(checkpoint), assignments=_assignments(checkpoint.set))
    else:
        name = "delete_every_checkpoint" if step.everybody else "delete_checkpoints"
        statement = query(name).format(**_names(checkpoint))
    return {"forgotten": run.conn.execute(statement, parameters).rowcount}


def prove_forgotten(run: Run) -> None:
    """Raises PromiseBroken where somebody's position is left. What a manifest's own SQL did is its own affair."""
    for step in run.steps(steps.ForgetCheckpoints):
        checkpoint = _checkpoint(run, step.table)
        if step.everybody or checkpoint.sql is not None:
            continue
        left = _elsewhere(run, checkpoint, step.projectors, checkpoint.set or {})
        if left:
            said = f"positions are left in {step.table}: {listed(left)}"
            objects = [of_broken(f"not forgotten: {name} in {step.table}") for name in left]
            raise PromiseBroken(count=len(left), names=said, objects=objects, hint=advice(objects))


@handles(steps.RewindCheckpoints)
def rewind_checkpoints(step: steps.RewindCheckpoints, run: Run) -> Details:
    """The rows stay: their ids are the locks that keep projectors out."""
    checkpoint = _checkpoint(run, step.table)
    statement = query("set_checkpoints").format(**_names(checkpoint), assignments=_assignments(_origin(checkpoint)))
    return {"rewound": run.conn.execute(statement, {"projectors": list(step.projectors)}).rowcount}


@handles(steps.ProveRewound)
def prove_rewound(step: steps.ProveRewound, run: Run) -> None:
    """Whoever ran meanwhile has written rows that may be gone by now: it must not go on from where it is."""
    moved = [name for table in step.tables for name in _moved(run, table, step.projectors)]
    moved += [f"{p.name} (process {p.pid})" for p in _alive(run) if p.name in step.projectors]
    if moved:
        names = tuple(dict.fromkeys(moved))
        reason, cure = "ran while its tables were being emptied", "stop it and run the same command again"
        objects = [in_the_way("projector", name, reason, cure) for name in names]
        raise ProjectorsMoved(names=listed(names), objects=objects)


def _moved(run: Run, table: TableName, projectors: tuple[str, ...]) -> tuple[str, ...]:
    checkpoint = _checkpoint(run, table)
    return _elsewhere(run, checkpoint, projectors, _origin(checkpoint))


def _origin(checkpoint: CheckpointTable) -> Values:
    """How a row looks before its projector has read anything; nothing where the row itself must go."""
    if checkpoint.set is not None:
        return checkpoint.set
    return {checkpoint.position: checkpoint.origin} if checkpoint.position and checkpoint.sql is None else {}


def _elsewhere(run: Run, checkpoint: CheckpointTable, projectors: tuple[str, ...], there: Values) -> tuple[str, ...]:
    """Whose row does not hold these values; without any, whoever has a row."""
    same = [sql.SQL("{} is not distinct from {}").format(named(c), _literal(v)) for c, v in there.items()]
    at_origin = sql.SQL(" and ").join(same) if same else sql.SQL("false")
    statement = query("select_moved").format(**_names(checkpoint), at_origin=at_origin)
    return tuple(row.projector for row in run.conn.execute(statement, {"projectors": list(projectors)}))


def _assignments(values: Values) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("{} = {}").format(named(c), _literal(v)) for c, v in values.items())


def _literal(value: str | int | None) -> sql.SQL:
    """For a statement that takes parameters: a percent sign of the value is none of those."""
    return sql.SQL(sql.Literal(value).as_string(None).replace("%", "%%"))


def _alive(run: Run) -> tuple[LiveProjector, ...]:
    store = run.manifest.event_store
    live = store.layout.liveness if store and store.layout else None
    if live is None:
        return ()
    return eventstore.read_live(run.conn, live, run.ours, dict(eventstore.read_subscriptions(run.conn, live)))


def _checkpoint(run: Run, table: TableName) -> CheckpointTable:
    return next(c for c in run.manifest.checkpoints if c.table == table)


def _names(checkpoint: CheckpointTable) -> dict[str, Any]:
    return {
        "table": named(*checkpoint.table),
        "projector": named(checkpoint.projector),
        "condition": eventstore.condition(checkpoint),
    }
