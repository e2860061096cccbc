"""The schema reference as Markdown, to be committed: the same manifest and structure make the same text."""

from __future__ import annotations

from collections.abc import Iterator

from balados_db.model import SchemaKind, Scope
from balados_db.reference import Reference, SchemaReference, TableReference, kind_in_words
from balados_db.rendering.mermaid import render_map

MARK = "<!-- Written by `balados-db docs"

ABOUT = {
    SchemaKind.PERMANENT: "Permanent data: it exists nowhere else. Never empty a table of it by hand.",
    SchemaKind.PROJECTION: (
        "A projection: its tables are rebuilt from events. Empty them with `balados-db reset`, which forgets the "
        "projectors' positions as well; after a bare `TRUNCATE` nobody fills them again."
    ),
    SchemaKind.EVENT_STORE: (
        "The event store: the source of truth that the projections are rebuilt from. Events are never changed, and "
        "never written by hand."
    ),
}
DANGER = {Scope.PROJECTIONS: "SAFE", Scope.SYSTEM: "DANGER", Scope.EVENTS: "EXTREME DANGER"}
VERDICTS = {True: "✅ Yes", False: "❌ No", None: "—"}


def render_reference(reference: Reference) -> str:
    """The whole document."""
    return "\n".join(_lines(reference)).rstrip("\n") + "\n"


def _lines(reference: Reference) -> Iterator[str]:
    yield "# Schema reference"
    yield ""
    yield f"{MARK}` from {reference.manifest} and the database: run it again instead of editing this. -->"
    yield ""
    yield "What each schema is, which of its tables may be emptied, and what they are rebuilt from."
    yield ""
    yield from _overview(reference)
    yield from _warnings(reference)
    yield from render_map(reference)
    for schema in reference.schemas:
        yield from _schema(schema)


def _overview(reference: Reference) -> Iterator[str]:
    yield "| Schema | Kind | Holds | Reset with |"
    yield "|---|---|---|---|"
    for schema in reference.schemas:
        scope = Scope.of(schema.kind)
        reset = f"`balados-db reset --{scope.value}` ({DANGER[scope]})"
        yield f"| {code(schema.name)} | {kind_in_words(schema.kind)} | {prose(schema.holds) or '—'} | {reset} |"
    yield ""


def _warnings(reference: Reference) -> Iterator[str]:
    if not reference.warnings:
        return
    yield "## ⚠️ To be settled"
    yield ""
    for text in reference.warnings:
        yield f"- {prose(text)}"
    yield ""


# ── one schema ───────────────────────────────────────────────────────────────────────────────────────────


def _schema(schema: SchemaReference) -> Iterator[str]:
    yield f"## {code(schema.name)}: {kind_in_words(schema.kind)}"
    yield ""
    yield ABOUT[schema.kind]
    yield ""
    if schema.holds:
        yield f"Holds {prose(schema.holds.rstrip('.'))}."
        yield ""
    if not schema.exists:
        yield "It does not exist in this database yet."
        yield ""
        return
    yield from _tables(schema)
    yield from _columns(schema)
    if schema.histories:
        yield f"Kept by migration tools: {', '.join(code(name) for name in schema.histories)}."
        yield ""


def _tables(schema: SchemaReference) -> Iterator[str]:
    if not schema.tables:
        yield "It holds no tables."
        yield ""
        return
    rebuilt = schema.kind is SchemaKind.PROJECTION
    read = any(table.read_by for table in schema.tables)
    titles = (*("Table", "Safe to truncate?", "Why"), *(("Rebuilt by", "From events") if rebuilt else ()))
    titles = (*titles, *(("Read by",) if read else ()))
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * len(titles)
    for table in schema.tables:
        yield _row(schema, table, rebuilt=rebuilt, read=read)
    yield ""


def _row(schema: SchemaReference, table: TableReference, *, rebuilt: bool, read: bool) -> str:
    name = code(f"{schema.name}.{table.name}")
    kind = "" if table.kind == "table" else f" ({table.kind})"
    cells = [f"{name}{kind}", VERDICTS[table.may_be_emptied], prose(table.why)]
    if rebuilt:
        cells += [_names(table.rebuilt_by), _names(table.events)]
    cells += [_names(table.read_by)] if read else []
    return f"| {' | '.join(cells)} |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(code(name) for name in names) or "—"


def _columns(schema: SchemaReference) -> Iterator[str]:
    if not schema.tables:
        return
    yield "Columns:"
    yield ""
    for table in schema.tables:
        columns = ", ".join(f"{code(column.name)} {prose(column.type)}" for column in table.columns)
        yield f"- {code(table.name)}: {columns or 'none'}"
    yield ""


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────


def code(name: str) -> str:
    """A name in a code span, whatever it contains; a bar would end a table's cell."""
    text = _line(name).replace("|", "\\|")
    if "`" not in text:
        return f"`{text}`"
    return f"`` {text} ``"


def prose(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    escaped = _line(text).replace("\\", "\\\\").replace("<", "&lt;")
    for character in "|*_`[]":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped


def _line(text: str) -> str:
    return " ".join(text.split())
