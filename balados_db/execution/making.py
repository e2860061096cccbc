"""Handlers of the steps that make: databases, schemas, event store, migrations, records."""

from __future__ import annotations

from psycopg import sql

from balados_db.execution.run import Details, Run, filled, handles
from balados_db.migration_files import checksum, read_install
from balados_db.model import (
    OWN_SCHEMA,
    SchemaState,
)
from balados_db.planning import steps
from balados_db.postgres import eventstore, history, migrations
from balados_db.postgres.queries import query


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
        text = read_install(file)
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
        say = run.progress.say if run.progress else None
        migrations.apply(run.conn, step.schema, chosen, (lambda m: say(m.id)) if say else None)
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
        history.note_applied(run.conn, step.schema, chosen, "mark")
    own = sql.Identifier(OWN_SCHEMA)
    accepted = {"schema": step.schema, "differences": list(step.accepted)}
    run.conn.execute(query("record_accepted").format(own=own), accepted)
    _record(run, step.schema, step.structure, step.seeded)
    return {"marked": len(chosen)}


@handles(steps.RecordStructure)
def record_structure(step: steps.RecordStructure, run: Run) -> None:
    """Remember structure, migrations and the tables in which the migrations left rows."""
    found = run.state().schema(step.schema)
    _record(run, step.schema, found.structure, seeded_tables(run, found))


def _record(run: Run, schema: str, structure: str, seeded: tuple[str, ...]) -> None:
    ids = "\n".join(f"{m.id} {m.checksum}" for m in run.files.get(schema, ()))
    values = {
        "schema": schema,
        "structure": structure,
        "migrations": checksum(ids),
        "seeded": list(seeded),
    }
    run.conn.execute(query("record_structure").format(own=sql.Identifier(OWN_SCHEMA)), values)


def seeded_tables(run: Run, found: SchemaState) -> tuple[str, ...]:
    """Tables in which migrations left rows: only running the migrations again brings those back.

    Rows that this transaction wrote count, and those of a schema that it has just made. What a file outside a
    transaction wrote cannot be told from a projector's rows, so there every row counts.
    """
    written = {r.name for r in run.conn.execute(query("select_own_inserts"), {"schema": found.name})}
    if _made_now(run, found.name) or _ran_alone(run, found.name):
        return tuple(t.name for t in filled(run.conn, [r.table for r in found.tables]))
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


@handles(steps.StampEnvironment)
def stamp_environment(step: steps.StampEnvironment, run: Run) -> None:
    """One row, with the identity of the database that it was written for."""
    run.conn.execute(query("stamp_environment").format(own=sql.Identifier(OWN_SCHEMA)), {"name": step.environment})
