"""Handlers of the steps that destroy, forget, give back, and prove what was kept."""

from __future__ import annotations

import json
from dataclasses import asdict

from psycopg import sql

from balados_db.errors import NotGivenBack, PromiseBroken, StalePlan
from balados_db.execution.positions import prove_forgotten
from balados_db.execution.run import Details, Run, filled, handles
from balados_db.model import (
    OWN_SCHEMA,
    CheckpointTable,
    RelationKind,
    TableName,
)
from balados_db.planning import steps
from balados_db.planning.culprits import of_broken, of_unreturned
from balados_db.planning.cures import advice
from balados_db.planning.steps import Step, listed
from balados_db.postgres import contents, eventstore, preservation, rights
from balados_db.postgres.connection import translated
from balados_db.postgres.journal import noted_rights
from balados_db.postgres.queries import query
from balados_db.postgres.rights import read_rights


@handles(steps.CapturePreserved)
def capture_preserved(step: steps.CapturePreserved, run: Run) -> Details:
    """Read before anything is touched."""
    boundary = preservation.Boundary(
        recreated=step.recreated,
        emptied=_oids(run, step.emptied),
        kept=_oids(run, step.kept),
        written=_with_partitions(run, _oids(run, tuple(s.table for s in _moving(run)))),
    )
    run.preserved = preservation.capture(run.conn, boundary, _positions(run), _moved(run), rows=step.rows)
    details: Details = {"facts": len(run.preserved.facts)}
    if run.preserved.rows is not None:
        details["tables_hashed"] = len(run.preserved.rows)
    return details


def _oids(run: Run, tables: tuple[TableName, ...]) -> tuple[int, ...]:
    """The oids of relations by their names. Raises StalePlan where one is gone."""
    wanted = {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]}
    found = {TableName(r.schema, r.name): r.oid for r in run.conn.execute(query("select_relations_named"), wanted)}
    gone = tuple(t for t in tables if t not in found)
    if gone:
        raise StalePlan(changes=f"{listed(gone)} does not exist any more")
    return tuple(found[t] for t in tables)


def _with_partitions(run: Run, oids: tuple[int, ...]) -> tuple[int, ...]:
    """Rows of a partitioned table are written to its partitions."""
    return tuple(row.oid for row in run.conn.execute(query("select_descendants"), {"parents": list(oids)}))


def _moving(run: Run) -> tuple[steps.ForgetCheckpoints | steps.RewindCheckpoints, ...]:
    """The steps of this transaction that move positions."""
    return run.steps(steps.ForgetCheckpoints, steps.RewindCheckpoints)


def _positions(run: Run) -> list[CheckpointTable]:
    """Checkpoint tables whose rows outside the scope must not move; none where everybody's go with the events."""
    if any(_takes_all(step) for step in run.phase.steps):
        return []
    there = set(eventstore.existing_tables(run.conn, [c.table for c in run.manifest.checkpoints]))
    there -= {table for step in run.steps(steps.EmptyTables) for table in step.tables}
    return [c for c in run.manifest.checkpoints if c.table in there]


def _takes_all(step: Step) -> bool:
    return isinstance(step, steps.SeedEventStore) or (isinstance(step, steps.ForgetCheckpoints) and step.everybody)


def _moved(run: Run) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for s in _moving(run) for name in s.projectors))


@handles(steps.EmptyTables)
def empty_tables(step: steps.EmptyTables, run: Run) -> Details:
    """One statement for all, so that foreign keys among them do not matter."""
    for name, value in (*step.settings, ("balados_db.reset", "on")):
        run.conn.execute(query("set_local"), {"name": name, "value": value})
    partitioned = _partitioned(run, step.tables)
    tables = sql.SQL(", ").join(
        sql.SQL("{}" if table in partitioned else "only {}").format(sql.Identifier(*table)) for table in step.tables
    )
    run.conn.execute(query("empty_tables").format(tables=tables))
    return {"tables": len(step.tables)}


def _partitioned(run: Run, tables: tuple[TableName, ...]) -> set[TableName]:
    wanted = {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]}
    rows = run.conn.execute(query("select_relations_named"), wanted)
    return {TableName(r.schema, r.name) for r in rows if r.kind == RelationKind.PARTITIONED.value}


@handles(steps.RestartSequences)
def restart_sequences(step: steps.RestartSequences, run: Run) -> Details:
    """In the transaction, as TRUNCATE … RESTART IDENTITY does it."""
    wanted = {"schemas": [t.schema for t in step.tables], "names": [t.name for t in step.tables]}
    sequences = run.conn.execute(query("select_owned_sequences"), wanted).fetchall()
    for row in sequences:
        run.conn.execute(query("restart_sequence").format(sequence=sql.Identifier(row.schema, row.name)))
    return {"sequences": len(sequences)}


@handles(steps.RestartFreeSequences)
def restart_free_sequences(step: steps.RestartFreeSequences, run: Run) -> Details:
    """Numbering begins anew with the events."""
    for sequence in step.sequences:
        run.conn.execute(query("restart_sequence").format(sequence=sql.Identifier(*sequence)))
    return {"sequences": len(step.sequences)}


@handles(steps.RefreshViews)
def refresh_views(step: steps.RefreshViews, run: Run) -> None:
    """In the plan's order: each after those that it reads."""
    for view in step.views:
        with translated(f"refresh {view}", run.identity, fires=step.fires):
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
    for name in step.schemas:
        kept = tuple(t.name for t in step.keep if t.schema == name)
        run.rights[name] = noted_rights(run.conn, name) or read_rights(run.conn, name, kept)
    return {"rounds": contents.drop_contents(run.conn, step.schemas, step.keep)}


@handles(steps.DropRelations)
def drop_relations(step: steps.DropRelations, run: Run) -> Details:
    """Some of the contents; what nothing gets rid of yet is left to the step that drops the rest."""
    return {"dropped": contents.drop_relations(run.conn, step.relations, step.schemas)}


@handles(steps.GiveBack)
def give_back(step: steps.GiveBack, run: Run) -> Details:
    """What was said before the phrase was asked for may be lost; anything else takes everything back."""
    before = run.rights.get(step.schema) or noted_rights(run.conn, step.schema)
    assert before is not None
    lost = rights.give_back(run.conn, step.schema, before, step.keep)
    unsaid = [text for text in lost if text not in run.plan.not_restored and text not in before.promised]
    if unsaid:
        role = run.identity.role if run.identity else ""
        objects = [of_unreturned(text, role) for text in unsaid]
        raise NotGivenBack(count=len(unsaid), names=listed(tuple(unsaid)), objects=objects)
    return {"not_restored": tuple(lost)}


@handles(steps.ProvePreserved)
def prove_preserved(step: steps.ProvePreserved, run: Run) -> Details:
    """First that everything else is what it was, then that the scope is what was promised."""
    assert run.preserved is not None
    preservation.compare(run.conn, run.preserved, _moved(run))
    seeded = _seeded(run)
    left = filled(run.conn, [t for t in step.emptied if t not in seeded])
    if left:
        broken = [f"not empty: {t}" for t in left]
        objects = [of_broken(said) for said in broken]
        raise PromiseBroken(count=len(broken), names=listed(tuple(broken)), objects=objects, hint=advice(objects))
    prove_forgotten(run)
    return {"facts": len(run.preserved.facts)}


def _seeded(run: Run) -> set[TableName]:
    """Tables into which the event store's own seed puts rows."""
    store = next((s.schema for s in run.steps(steps.SeedEventStore)), None)
    layout = run.store().layout if store else None
    return {TableName(store, t) for t in layout.tables} if store and layout else set()


@handles(steps.WriteReceipt)
def write_receipt(step: steps.WriteReceipt, run: Run) -> Details:
    """Who did what, inside the database that it was done to."""
    values = {
        "command": run.plan.command,
        "scope": run.plan.scope,
        "digest": run.plan.digest,
        "client": run.client,
        "steps": json.dumps([s.summary for s in run.plan.steps]),
        "destroyed": json.dumps([asdict(d) for d in run.plan.destroys if run.manifest.schema(d.schema)]),
    }
    row = run.conn.execute(query("write_receipt").format(own=sql.Identifier(OWN_SCHEMA)), values).fetchone()
    return {"receipt": row[0] if row else None}
