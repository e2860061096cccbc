"""Judge whether every projection can be rebuilt: positions, declared tables, rows that nobody fills. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from balados_db.finding import Finding, error, note, warning
from balados_db.model import CheckpointState, CheckpointTable, DatabaseState, Files, Manifest, Role, SchemaKind, Sql
from balados_db.planning.migrate import pending
from balados_db.planning.refusals import is_missing
from balados_db.planning.status import progress_of, starting_over
from balados_db.planning.steps import listed
from balados_db.toml_text import key


def of_positions(state: DatabaseState, manifest: Manifest) -> Iterator[Finding]:
    """Positions that cannot be right, names that nobody declared, tables of positions that are not there."""
    yield from _of_numbers(state, manifest)
    known = {p.name for p in manifest.projectors} | set(manifest.subscriptions)
    for name in sorted({c.projector for c in state.checkpoints} - known):
        yield _undeclared(name, state, manifest)
    for table in state.unclaimed:
        said = f"{table}: holds positions of a projector that nobody declared"
        cure = f"claim it: [[checkpoints]] with table = {key(str(table))} and for = the projector; or drop it"
        yield error("position_undeclared", str(table), said, cure)
    for checkpoint in manifest.checkpoints:
        if is_missing(checkpoint, state, manifest):
            said = f"{checkpoint.table}: this table of positions is declared, but not there"
            cure = 'make it, or take its [[checkpoints]] out of the manifest; "optional" says that it may be missing'
            yield error("checkpoints_missing", str(checkpoint.table), said, cure)


def _undeclared(name: str, state: DatabaseState, manifest: Manifest) -> Finding:
    """Where only projectors write, a reset refuses such a name; elsewhere it keeps the position."""
    tables = tuple(c.table for c in state.checkpoints if c.projector == name)
    refused = {c.table for c in manifest.checkpoints if c.refuses_undeclared} & set(tables)
    said = f"{name}: has a position in {listed(tables)}, but nobody declared it"
    cure = f"declare [projectors.{key(name)}] with its tables, or [subscriptions.{key(name)}]"
    return (error if refused else warning)("position_undeclared", name, said, cure)


def _of_numbers(state: DatabaseState, manifest: Manifest) -> Iterator[Finding]:
    """Of everybody; a row that tells a declared projector's progress is `status`'s to call ahead."""
    said = [progress_of(state, manifest, p.name) for p in manifest.projectors]
    numbered = {c.table for c in manifest.checkpoints if c.position and not _begins_at_null(c)}
    for row in state.checkpoints:
        where = f"{row.projector} in {row.table}"
        if row.position is None and row.table in numbered:
            message = f"{where}: the position is NULL: no event's number is ever greater than that"
            yield error("position_null", row.projector, message, _forgetting(row.projector, manifest))
        ahead = _ahead(row, row.head if row.head is not None else state.head)
        if ahead and row not in said:
            message = f"{where}: is ahead of the head by {ahead}: it will skip new events"
            yield error("ahead_of_head", row.projector, message, _forgetting(row.projector, manifest))


def _forgetting(name: str, manifest: Manifest) -> str:
    if any(projector.name == name for projector in manifest.projectors):
        return f"forget it: {starting_over(name)}; or delete the row"
    return "it is no projector, so no command forgets it: stop it, then set the row right, or delete it"


def _begins_at_null(checkpoint: CheckpointTable) -> bool:
    """Whether forgetting itself writes what may be NULL into the position: then NULL is the beginning there."""
    column = checkpoint.position
    return isinstance(column, str) and isinstance((checkpoint.set or {}).get(column), Sql)


def _ahead(row: CheckpointState, head: int | None) -> int:
    """How far a position is beyond the newest event."""
    return max(0, row.position - head) if isinstance(row.position, int) and head is not None else 0


_MEND = "mend its name in the manifest, or write the migration that makes it"


def of_projectors(state: DatabaseState, manifest: Manifest, files: Files) -> Iterator[Finding]:
    """Declared tables that are not there, and rows that nobody rebuilds."""
    for projector in manifest.projectors:
        for table in projector.tables:
            found = state.relation(table)
            if _is_made(state, table.schema, files) and (found is None or not found.holds_rows):
                said = f"{projector.name}: {table} {'is no table' if found else 'does not exist'}"
                yield error("projector_table_missing", str(table), said, _MEND)
        for read in projector.reads:
            if _is_made(state, read.schema, files) and state.relation(read) is None:
                said = f"{projector.name}: reads {read}, which does not exist: its resets are refused"
                yield error("projector_read_missing", str(read), said, _MEND)
    for schema in manifest.of_kind(SchemaKind.PROJECTION):
        yield from _of_unbuilt(state, manifest, schema.name)
    yield from _of_places(state, manifest)


def _is_made(state: DatabaseState, schema: str, files: Files) -> bool:
    """Whether everything that is to come is there: else the missing schema or migration is the finding."""
    found = state.schema(schema)
    return found.exists and not pending(found, files.get(schema, ()))


def _of_unbuilt(state: DatabaseState, manifest: Manifest, schema: str) -> Iterator[Finding]:
    filled = {table for projector in manifest.projectors for table in projector.tables}
    found = state.schema(schema)
    seeded = found.record.seeded if found.record else ()
    for table in found.tables:
        alone = table.table not in filled and table.name not in seeded and not table.is_partition
        if table.role is not Role.CONTENT or not alone:
            continue
        cure = "name the table in its projector, or move it into a permanent schema"
        if table.rows == 0:
            yield note(
                "table_undeclared", str(table.table), f"{table.table}: empty, and no projector declares it", cure
            )
            continue
        holds = "holds rows" if table.rows else "may hold rows"
        said = f"{table.table}: {holds} that no declared projector rebuilds: a reset loses them"
        yield warning("rebuilt_by_nobody", str(table.table), said, cure)


def _of_places(state: DatabaseState, manifest: Manifest) -> Iterator[Finding]:
    """Projectors that nothing remembers: they would begin anew, on top of what they have done."""
    known = {row.projector for row in state.checkpoints} | set(state.placed_elsewhere)
    for projector in manifest.projectors:
        if projector.elsewhere and not projector.tables:
            continue  # said where its tables lie
        if projector.name in known or not all(state.relation(table) for table in projector.tables):
            continue
        filled = [t for t in projector.tables if (found := state.relation(t)) and found.rows != 0]
        name, nowhere = projector.name, f"{projector.name}: no table of positions knows it"
        if filled:
            said = f"{nowhere}, but {filled[0]} holds rows: from the beginning it would do everything twice"
            cure = (
                "mend its name, or declare the [[checkpoints]] that know it; if nothing does, empty its tables yourself"
            )
            yield warning("projector_without_checkpoint", name, said, cure)
        else:
            cure = "nothing, if it has not run yet; else mend its name, or declare the [[checkpoints]] that know it"
            yield note("projector_without_checkpoint", name, f"{nowhere}, and its tables are empty", cure)
