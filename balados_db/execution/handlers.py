"""One short function a step: how each deed is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import sql

from balados_db.errors import PromiseBroken, StalePlan
from balados_db.migration_files import checksum
from balados_db.model import (
    OWN_SCHEMA,
    CheckpointTable,
    Manifest,
    Migration,
    RelationKind,
    Role,
    SchemaDeclaration,
    TableName,
)
from balados_db.planning import steps
from balados_db.planning.plan import Plan
from balados_db.planning.steps import Step, listed
from balados_db.postgres import contents, eventstore, migrations, preservation
from balados_db.postgres.catalog import Look, digest_of, read_state, read_structures, skipped
from balados_db.postgres.queries import named, query

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.model import DatabaseState

Details = Mapping[str, Any]


@dataclass(kw_only=True)
class Run:
    """What the steps of one phase share."""

    conn: Connection[Any]
    manifest: Manifest
    files: Mapping[str, tuple[Migration, ...]]
    plan: Plan
    client: str = ""
    progress: Callable[[str], None] | None = None
    atomic: bool = True
    preserved: preservation.Preserved | None = None
    rights: dict[str, contents.Rights] = field(default_factory=dict)
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_restored: list[str] = field(default_factory=list)

    def state(self) -> DatabaseState:
        """The database as it is now, seen from inside the transaction."""
        return read_state(Look(conn=self.conn, manifest=self.manifest))

    def store(self) -> SchemaDeclaration:
        """The declared event store."""
        store = self.manifest.event_store
        assert store is not None
        return store

    def migration(self, schema: str, id_: str) -> Migration:
        """A migration by its id."""
        return next(m for m in self.files[schema] if m.id == id_)


S = TypeVar("S", bound=Step)
Handler = Callable[[Any, Run], Details | None]
HANDLERS: dict[type[Step], Handler] = {}


def handles(kind: type[S]) -> Callable[[Callable[[S, Run], Details | None]], Callable[[S, Run], Details | None]]:
    """Register the one function that carries out a kind of step."""

    def register(function: Callable[[S, Run], Details | None]) -> Callable[[S, Run], Details | None]:
        HANDLERS[kind] = function
        return function

    return register


# ── making ───────────────────────────────────────────────────────────────────────────────────────────────


@handles(steps.CreateDatabase)
def create_database(step: steps.CreateDatabase, run: Run) -> None:
    """Runs on a connection to the maintenance database."""
    run.conn.execute(query("create_database").format(database=sql.Identifier(step.database)))


@handles(steps.CreateSchema)
def create_schema(step: steps.CreateSchema, run: Run) -> None:
    """The caller becomes its owner."""
    run.conn.execute(query("create_schema").format(schema=sql.Identifier(step.schema)))


@handles(steps.CreateRecords)
def create_records(step: steps.CreateRecords, run: Run) -> None:
    """Idempotent: two first runs may meet."""
    run.conn.execute(query("create_records").format(own=sql.Identifier(OWN_SCHEMA)))


@handles(steps.InstallEventStore)
def install_event_store(step: steps.InstallEventStore, run: Run) -> None:
    """Run every install file whole, in order."""
    _install(step.schema, step.files, run)


@handles(steps.AddToEventStore)
def add_to_event_store(step: steps.AddToEventStore, run: Run) -> None:
    """Run the files that only add."""
    _install(step.schema, step.files, run)


def _install(schema: str, names: tuple[str, ...], run: Run) -> None:
    for file in eventstore.install_files(run.store()):
        if file.name not in names:
            continue
        text = eventstore.read_file(file)
        migrations.run_file(run.conn, schema, str(file), eventstore.in_store(text, schema).as_string(run.conn))
        run.conn.execute(
            query("record_installed").format(own=sql.Identifier(OWN_SCHEMA)),
            {"schema": schema, "file": file.name, "checksum": checksum(text)},
        )


@handles(steps.ApplyMigrations)
def apply_migrations(step: steps.ApplyMigrations, run: Run) -> Details:
    """In the open transaction; a file that cannot be in one runs alone."""
    chosen = [run.migration(step.schema, id_) for id_ in step.migrations]
    if not run.atomic:
        migrations.apply_alone(run.conn, step.schema, chosen[0])
    else:
        migrations.apply(run.conn, step.schema, chosen, lambda m: run.progress and run.progress(m.id))
    return {"applied": len(chosen)}


@handles(steps.RollBackMigrations)
def roll_back_migrations(step: steps.RollBackMigrations, run: Run) -> Details:
    """Newest first."""
    chosen = [run.migration(step.schema, id_) for id_ in step.migrations]
    migrations.take_back(run.conn, step.schema, chosen, run.files[step.schema])
    return {"rolled_back": len(chosen)}


@handles(steps.MarkApplied)
def mark_applied(step: steps.MarkApplied, run: Run) -> Details:
    """Write the history without running anything; accepted differences are kept by name."""
    migrations.ensure_history(run.conn, step.schema)
    chosen = [run.migration(step.schema, id_) for id_ in step.migrations]
    with migrations.plain_yoyo_kept_out(run.conn, step.schema):
        migrations.note_applied(run.conn, step.schema, chosen, "mark")
    own = sql.Identifier(OWN_SCHEMA)
    accepted = {"schema": step.schema, "differences": list(step.accepted)}
    run.conn.execute(query("record_accepted").format(own=own), accepted)
    _record(run, step.schema, step.structure, step.seeded)
    return {"marked": len(chosen)}


@handles(steps.RecordStructure)
def record_structure(step: steps.RecordStructure, run: Run) -> None:
    """Remember structure, migrations and the tables in which the migrations left rows."""
    _record(run, step.schema, structure_of(run, step.schema), seeded_tables(run, step.schema))


def _record(run: Run, schema: str, structure: str, seeded: tuple[str, ...]) -> None:
    ids = "\n".join(f"{m.id} {m.checksum}" for m in run.files.get(schema, ()))
    values = {
        "schema": schema,
        "structure": structure,
        "migrations": checksum(ids),
        "seeded": list(seeded),
    }
    run.conn.execute(query("record_structure").format(own=sql.Identifier(OWN_SCHEMA)), values)


def structure_of(run: Run, schema: str) -> str:
    """The digest of the schema's structure as it is now."""
    relations = {s.name: list(s.relations) for s in run.state().schemas}
    return digest_of(read_structures(run.conn, [schema], skipped(relations))[schema])


def seeded_tables(run: Run, schema: str) -> tuple[str, ...]:
    """Tables in which migrations left rows: only running the migrations again brings those back.

    Rows that this transaction wrote count, and those of a schema that it has just made. What a file outside a
    transaction wrote cannot be told from a projector's rows, so there every row counts.
    """
    found = run.state().schema(schema)
    written = {r.name for r in run.conn.execute(query("select_own_inserts"), {"schema": schema})}
    if _made_now(run, schema) or _ran_alone(run, schema):
        return tuple(r.name for r in found.tables if r.name in written or _has_rows(run.conn, r.table))
    before = found.record.seeded if found.record else ()
    return tuple(r.name for r in found.tables if r.name in written or r.name in before)


def _made_now(run: Run, schema: str) -> bool:
    """Whether this run made the schema's contents from nothing."""
    if any(isinstance(s, steps.DropContents) and schema in s.schemas for s in run.plan.steps):
        return True
    applied = [
        i for s in run.plan.steps if isinstance(s, steps.ApplyMigrations) and s.schema == schema for i in s.migrations
    ]
    return bool(applied) and len(applied) == len(run.files.get(schema, ()))


def _ran_alone(run: Run, schema: str) -> bool:
    return any(
        isinstance(s, steps.ApplyMigrations) and s.schema == schema
        for phase in run.plan.phases
        if not phase.atomic
        for s in phase.steps
    )


def _has_rows(conn: Connection[Any], table: TableName) -> bool:
    row = conn.execute(query("has_rows").format(table=sql.Identifier(*table))).fetchone()
    return bool(row and row[0])


@handles(steps.StampEnvironment)
def stamp_environment(step: steps.StampEnvironment, run: Run) -> None:
    """One row, with the identity of the database that it was written for."""
    run.conn.execute(query("stamp_environment").format(own=sql.Identifier(OWN_SCHEMA)), {"name": step.environment})


# ── destroying and proving ───────────────────────────────────────────────────────────────────────────────


@handles(steps.CapturePreserved)
def capture_preserved(step: steps.CapturePreserved, run: Run) -> Details:
    """Read before anything is touched."""
    state = run.state()
    relations = {r.table: r for s in state.schemas for r in s.relations}
    gone = [t for t in step.emptied if t not in relations]
    if gone:
        raise StalePlan(changes=f"{listed(tuple(gone))} does not exist any more")
    inside = [r for name in step.recreated for r in state.schema(name).relations]
    for name in step.recreated:
        run.kept[name] = tuple(
            r.name for r in state.schema(name).relations if r.role in (Role.CHECKPOINTS, Role.OTHER_HISTORY)
        )
        run.rights[name] = contents.read_rights(run.conn, name, run.kept[name])
    positions = _positions(run)
    boundary = preservation.Boundary(
        recreated=step.recreated,
        emptied=tuple(relations[t].oid for t in step.emptied),
        kept=tuple(r.oid for r in inside if r.name in run.kept[r.schema]),
        written=_written(run),
    )
    run.preserved = preservation.capture(run.conn, boundary, positions, _forgotten(run))
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
    if any(isinstance(s, steps.ForgetCheckpoints | steps.SeedEventStore) and _goes(s) for s in run.plan.steps):
        return []
    there = set(eventstore.existing_tables(run.conn, [c.table for c in run.manifest.checkpoints]))
    return [c for c in run.manifest.checkpoints if c.table in there]


def _goes(step: Step) -> bool:
    return isinstance(step, steps.SeedEventStore) or getattr(step, "everybody", False)


def _forgotten(run: Run) -> tuple[str, ...]:
    found = [s for s in run.plan.steps if isinstance(s, steps.ForgetCheckpoints)]
    return tuple(dict.fromkeys(name for s in found for name in s.projectors))


@handles(steps.EmptyTables)
def empty_tables(step: steps.EmptyTables, run: Run) -> Details:
    """One statement for all, so that foreign keys among them do not matter."""
    for name, value in (*step.settings, ("balados_db.reset", "on")):
        run.conn.execute(query("set_local"), {"name": name, "value": value})
    partitioned = {r.table for s in run.state().schemas for r in s.relations if r.kind is RelationKind.PARTITIONED}
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
    run.not_restored += lost
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
    parameters = {"projectors": list(step.projectors)}
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
    filled = [t for t in step.emptied if t not in _seeded(run) and _has_rows(run.conn, t)]
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
