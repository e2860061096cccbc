"""Handlers of the steps that destroy, forget, give back, and prove what was kept."""

from __future__ import annotations

import json
from dataclasses import asdict

from psycopg import sql

from balados_db.errors import PromiseBroken, StalePlan
from balados_db.execution.run import Details, Run, handles, has_rows
from balados_db.model import (
    OWN_SCHEMA,
    CheckpointTable,
    RelationKind,
    TableName,
)
from balados_db.planning import steps
from balados_db.planning.steps import Step, listed
from balados_db.postgres import contents, eventstore, preservation
from balados_db.postgres.queries import named, query


@handles(steps.CapturePreserved)
def capture_preserved(step: steps.CapturePreserved, run: Run) -> Details:
    """Read before anything is touched."""
    state = run.before = run.state()
    relations = {r.table: r for s in state.schemas for r in s.relations}
    gone = [t for t in step.emptied if t not in relations]
    if gone:
        raise StalePlan(changes=f"{listed(tuple(gone))} does not exist any more")
    inside = [r for name in step.recreated for r in state.schema(name).relations]
    for name in step.recreated:
        run.kept[name] = tuple(r.name for r in state.schema(name).relations if r.stays)
        run.rights[name] = contents.read_rights(run.conn, name, run.kept[name])
    positions = _positions(run)
    boundary = preservation.Boundary(
        recreated=step.recreated,
        emptied=tuple(relations[t].oid for t in step.emptied),
        kept=tuple(r.oid for r in inside if r.stays),
        written=_written(run),
    )
    run.preserved = preservation.capture(run.conn, boundary, positions, _forgotten(run), rows=step.rows)
    return {"facts": len(run.preserved.facts)}


def _written(run: Run) -> tuple[int, ...]:
    """The tables that forgetting writes to."""
    return tuple(_oid(run, s.table) for s in run.plan.steps if isinstance(s, steps.ForgetCheckpoints))


def _oid(run: Run, table: TableName) -> int:
    """The oid of a table that may lie in an undeclared schema."""
    wanted = {"schemas": [table.schema], "names": [table.name]}
    row = run.conn.execute(query("select_tables_named"), wanted).fetchone()
    assert row is not None
    return int(row.oid)


def _positions(run: Run) -> list[CheckpointTable]:
    """Checkpoint tables whose rows outside the scope must not move; none when everybody's go with the events."""
    if any(_takes_all(step) for step in run.plan.steps):
        return []
    there = set(eventstore.existing_tables(run.conn, [c.table for c in run.manifest.checkpoints]))
    return [c for c in run.manifest.checkpoints if c.table in there]


def _takes_all(step: Step) -> bool:
    return isinstance(step, steps.SeedEventStore) or (isinstance(step, steps.ForgetCheckpoints) and step.everybody)


def _forgotten(run: Run) -> tuple[str, ...]:
    found = [s for s in run.plan.steps if isinstance(s, steps.ForgetCheckpoints)]
    return tuple(dict.fromkeys(name for s in found for name in s.projectors))


@handles(steps.EmptyTables)
def empty_tables(step: steps.EmptyTables, run: Run) -> Details:
    """One statement for all, so that foreign keys among them do not matter."""
    for name, value in (*step.settings, ("balados_db.reset", "on")):
        run.conn.execute(query("set_local"), {"name": name, "value": value})
    assert run.before is not None
    partitioned = {r.table for s in run.before.schemas for r in s.relations if r.kind is RelationKind.PARTITIONED}
    tables = sql.SQL(", ").join(
        sql.SQL("{}" if table in partitioned else "only {}").format(sql.Identifier(*table)) for table in step.tables
    )
    run.conn.execute(query("empty_tables").format(tables=tables))
    return {"tables": len(step.tables)}


@handles(steps.RefreshViews)
def refresh_views(step: steps.RefreshViews, run: Run) -> None:
    """In the order of their names: one that reads another is refreshed again after it."""
    for view in step.views * 2 if len(step.views) > 1 else step.views:
        run.conn.execute(query("refresh_view").format(view=sql.Identifier(*view)))


@handles(steps.SeedEventStore)
def seed_event_store(step: steps.SeedEventStore, run: Run) -> None:
    """What the layout says a new store holds."""
    layout = run.store().layout
    assert layout is not None
    assert layout.seed is not None
    run.conn.execute(eventstore.in_store(layout.seed, step.schema))


@handles(steps.DropContents)
def drop_contents(step: steps.DropContents, run: Run) -> Details:
    """The schema itself stays, and with it its owner, grants, default privileges and extensions."""
    return {"rounds": contents.drop_contents(run.conn, step.schemas, step.keep)}


@handles(steps.GiveBack)
def give_back(step: steps.GiveBack, run: Run) -> Details:
    """What was promised before the phrase was asked for: the rest is listed there."""
    lost = contents.give_back(run.conn, step.schema, run.rights[step.schema], run.kept[step.schema])
    return {"not_restored": list(lost)}


@handles(steps.ForgetCheckpoints)
def forget_checkpoints(step: steps.ForgetCheckpoints, run: Run) -> Details:
    """DELETE unless the layout says otherwise; never NULL."""
    checkpoint = next(c for c in run.manifest.checkpoints if c.table == step.table)
    names = {
        "table": named(*checkpoint.table),
        "projector": named(checkpoint.projector),
        "condition": eventstore.condition(checkpoint),
    }
    everybody = [row.projector for row in eventstore.read_checkpoints(run.conn, checkpoint)] if step.everybody else []
    parameters = {"projectors": everybody or list(step.projectors)}
    if checkpoint.sql is not None:
        cursor = run.conn.execute(checkpoint.sql, parameters)
    elif checkpoint.set is not None:
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(named(column), sql.Literal(value)) for column, value in checkpoint.set.items()
        )
        name = "set_every_checkpoint" if step.everybody else "set_checkpoints"
        cursor = run.conn.execute(query(name).format(**names, assignments=assignments), parameters)
    else:
        name = "delete_every_checkpoint" if step.everybody else "delete_checkpoints"
        cursor = run.conn.execute(query(name).format(**names), parameters)
    return {"forgotten": cursor.rowcount}


@handles(steps.ProvePreserved)
def prove_preserved(step: steps.ProvePreserved, run: Run) -> Details:
    """First that everything else is what it was, then that the scope is what was promised."""
    assert run.preserved is not None
    preservation.compare(run.conn, run.preserved, _forgotten(run))
    filled = [t for t in step.emptied if t not in _seeded(run) and has_rows(run.conn, t)]
    if filled:
        broken = [f"not empty: {t}" for t in filled]
        raise PromiseBroken(count=len(broken), names=listed(tuple(broken)), objects=broken)
    _prove_forgotten(run)
    return {"facts": len(run.preserved.facts)}


def _seeded(run: Run) -> set[TableName]:
    """Tables into which the event store's own seed puts rows."""
    store = next((s.schema for s in run.plan.steps if isinstance(s, steps.SeedEventStore)), None)
    layout = run.store().layout if store else None
    return {TableName(store, t) for t in layout.tables} if store and layout else set()


def _prove_forgotten(run: Run) -> None:
    for step in run.plan.steps:
        if not isinstance(step, steps.ForgetCheckpoints) or step.everybody:
            continue
        checkpoint = next(c for c in run.manifest.checkpoints if c.table == step.table)
        if checkpoint.set is not None or checkpoint.sql is not None:
            continue
        row = run.conn.execute(
            query("count_checkpoints").format(
                table=named(*checkpoint.table),
                projector=named(checkpoint.projector),
                condition=eventstore.condition(checkpoint),
            ),
            {"projectors": list(step.projectors)},
        ).fetchone()
        if row and row[0]:
            raise PromiseBroken(
                count=1, names=f"{row[0]} positions are left in {step.table}", objects=[str(step.table)]
            )


@handles(steps.WriteReceipt)
def write_receipt(step: steps.WriteReceipt, run: Run) -> Details:
    """Who did what, inside the database that it was done to."""
    values = {
        "command": run.plan.command,
        "scope": run.plan.scope,
        "digest": run.plan.digest,
        "client": run.client,
        "steps": json.dumps([s.summary for s in run.plan.steps]),
        "destroyed": json.dumps([asdict(d) for d in run.plan.destroys]),
    }
    row = run.conn.execute(query("write_receipt").format(own=sql.Identifier(OWN_SCHEMA)), values).fetchone()
    return {"receipt": row[0] if row else None}
