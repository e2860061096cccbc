"""The map of the schema reference: events lead to projectors, projectors to tables, tables lie in schemas."""

from __future__ import annotations

from collections.abc import Iterator

from balados_db.model import SchemaKind, TableName
from balados_db.reference import Reference, SchemaReference, kind_in_words


def render_map(reference: Reference) -> Iterator[str]:
    """A Mermaid flowchart, which GitHub and GitLab draw; nothing where there is nothing to draw."""
    if not reference.schemas:
        return
    events = tuple(dict.fromkeys(event for projector in reference.projectors for event in projector.events))
    tables = {
        TableName(schema.name, table.name): f"t{schema_number}_{number}"
        for schema_number, schema in enumerate(reference.schemas, 1)
        for number, table in enumerate(schema.tables, 1)
    }
    yield "## Map"
    yield ""
    yield "```mermaid"
    yield "flowchart LR"
    for number, schema in enumerate(reference.schemas, 1):
        yield from _schema(number, schema, tables, events)
    yield from _unhoused(reference, events)
    for number, projector in enumerate(reference.projectors, 1):
        yield f'  p{number}["{label(projector.name)}"]'
        yield from (f"  e{events.index(event) + 1} --> p{number}" for event in projector.events)
        yield from (f"  p{number} --> {tables[table]}" for table in projector.tables if table in tables)
        yield from (f"  {tables[read]} -.-> p{number}" for read in projector.reads if read in tables)
    yield "```"
    yield ""


def _schema(
    number: int, schema: SchemaReference, tables: dict[TableName, str], events: tuple[str, ...]
) -> Iterator[str]:
    """The event store shows its events, by which the others live, instead of its tables."""
    if schema.kind is SchemaKind.EVENT_STORE:
        nodes = _events(events)
    else:
        nodes = [f'{tables[TableName(schema.name, t.name)]}[("{label(t.name)}")]' for t in schema.tables]
    title = f'"{label(schema.name)}: {kind_in_words(schema.kind)}"'
    if not nodes:
        yield f"  s{number}[{title}]"
        return
    yield f"  subgraph s{number}[{title}]"
    yield from (f"    {node}" for node in nodes)
    yield "  end"


def _unhoused(reference: Reference, events: tuple[str, ...]) -> Iterator[str]:
    """Events of a manifest that declares no event store."""
    if not any(schema.kind is SchemaKind.EVENT_STORE for schema in reference.schemas):
        yield from (f"  {node}" for node in _events(events))


def _events(events: tuple[str, ...]) -> list[str]:
    return [f'e{number}(["{label(event)}"])' for number, event in enumerate(events, 1)]


def label(text: str) -> str:
    """Text inside a quoted label: Mermaid has entities of its own, written with a number sign."""
    shown = " ".join(text.split()).replace("#", "#35;")
    for character, entity in (('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        shown = shown.replace(character, entity)
    return shown
