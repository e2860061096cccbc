"""The tables of positions: those that come with the event store's layout, and the manifest's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from balados_db.manifest.decoding import nearest
from balados_db.manifest.sections import (
    CheckpointSection,
    ManifestFile,
    ProjectorSection,
    SchemaSection,
    SetSection,
    SqlSection,
)
from balados_db.manifest.store import PRESETS, Store
from balados_db.manifest.written import Written
from balados_db.model import CheckpointTable, Expression, SchemaKind, Sql, TableName, Value


def preset_checkpoints(layout: str, schema: str, projectors: Iterable[str]) -> tuple[CheckpointTable, ...]:
    """The tables of positions of a preset's store in this schema; where each projector has its own, of these."""
    section = SchemaSection(kind=SchemaKind.EVENT_STORE, layout=layout)
    said = ManifestFile(version=1, schemas={schema: section}, projectors={n: ProjectorSection() for n in projectors})
    return checkpoints(Store(Written(said, PRESETS / f"{layout}.toml")))


def checkpoints(store: Store) -> tuple[CheckpointTable, ...]:
    """The layout's checkpoint tables and the manifest's own.

    One of the manifest replaces its namesake; those `for` one projector replace what the layout has for it.
    """
    said = store.written.said
    own = _Checkpoints(store, "checkpoints").resolved(said.checkpoints)
    claimed = {section.for_ for section in said.checkpoints if section.for_}
    of_layout = store.section.checkpoints if store.section else ()
    preset = [s for c in of_layout for s in _for_each(c, [name for name in said.projectors if name not in claimed])]
    ours = _Checkpoints(store, "event_store.checkpoints", in_store=True).resolved(preset)
    spelled = {c.table for c in own}
    return (*(c for c in ours if c.table not in spelled), *own)


def _for_each(section: CheckpointSection, projectors: Iterable[str]) -> Iterable[CheckpointSection]:
    """Where every projector has a table of its own, that of each one; `{projector}` is its name in lower case."""
    if "{projector}" not in section.table:
        return [section]
    return [
        msgspec.structs.replace(section, table=section.table.replace("{projector}", name.lower()), for_=name)
        for name in projectors
    ]


class _Checkpoints:
    """Turns one list of sections into tables of positions; `in_store`: their names are the store's own."""

    def __init__(self, store: Store, at: str, in_store: bool = False) -> None:
        self.store, self.written = store, store.written
        self.at, self.in_store = at, in_store

    def resolved(self, sections: Iterable[CheckpointSection]) -> tuple[CheckpointTable, ...]:
        """What each section means; no table twice."""
        found: list[CheckpointTable] = []
        for n, section in enumerate(sections):
            checkpoint = self._checkpoint(section, f"{self.at}[{n}]")
            if checkpoint.table in {c.table for c in found}:
                raise self.written.invalid(f"{self.at}[{n}].table", f"{checkpoint.table} is declared twice")
            found.append(checkpoint)
        return tuple(found)

    def _checkpoint(self, section: CheckpointSection, at: str) -> CheckpointTable:
        written, store = self.written, self.store
        table = store.table(section.table) if self.in_store else written.table(section.table, f"{at}.table")
        forget = self._forget(section.forget, f"{at}.forget")
        return CheckpointTable(
            table=table,
            projector=self._whose(section, at),
            position=self._expression(section.position) if section.position else None,
            head=section.head and store.filled(section.head),
            source=self._expression(section.source) if section.source else None,
            origin=section.origin,
            set=self._values(forget.set) if isinstance(forget, SetSection) else None,
            sql=store.filled(forget.sql) if isinstance(forget, SqlSection) else None,
            rewind=self._values(section.rewind) if section.rewind else None,
            where=section.where and store.filled(section.where),
            keep=section.keep and store.filled(section.keep),
            appends=isinstance(forget, SqlSection) and store.holds_events(table),
            refuses_undeclared=self._refuses(section, table),
            optional=section.optional,
            record=section.record,
        )

    def _refuses(self, section: CheckpointSection, table: TableName) -> bool:
        if section.undeclared:
            return section.undeclared != "keep"
        return not self.store.holds_subscriptions(table)

    def _whose(self, section: CheckpointSection, at: str) -> Expression:
        if (section.projector is None) == (section.for_ is None):
            said = "say either which column holds the `projector`, or `for` which projector it is"
            raise self.written.invalid(at, said)
        if section.for_ is None:
            assert section.projector is not None
            return self._expression(section.projector)
        projectors = self.written.said.projectors
        if section.for_ not in projectors:
            raise self.written.invalid(
                f"{at}.for", f"{section.for_!r} is no projector{nearest(section.for_, projectors)}"
            )
        return Sql("'" + section.for_.replace("'", "''") + "'")

    def _expression(self, written: str | SqlSection) -> Expression:
        return written if isinstance(written, str) else Sql(self.store.filled(written.sql))

    def _values(self, written: Mapping[str, str | int | SqlSection]) -> Mapping[str, Value]:
        return {
            column: Sql(self.store.filled(value.sql)) if isinstance(value, SqlSection) else value
            for column, value in written.items()
        }

    def _forget(self, said: str | dict[str, Any], at: str) -> SetSection | SqlSection | None:
        if not isinstance(said, dict):
            return None
        self.written.known(said, ("set", "sql"), at)
        if len(said) != 1:
            raise self.written.invalid(at, 'write "delete", { set = { column = value } } or { sql = "…" }')
        if "set" in said:
            return self.written.section(said, SetSection, at)
        return self.written.section(said, SqlSection, at)
