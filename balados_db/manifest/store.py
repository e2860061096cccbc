"""The event store that a manifest declares: a preset, or what it spells out in `[event_store]`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from balados_db import example
from balados_db.manifest.decoding import Reader, nearest, read_toml
from balados_db.manifest.sections import EventStoreSection, PresetSection
from balados_db.manifest.written import Written
from balados_db.model import Layout, Liveness, SchemaKind, TableName

PRESETS = Path(__file__).parents[1] / "presets"
DEFAULT_LAYOUT = "commanded"


class Store:
    """The schema that holds the events, if there is one, and what is said of its tables."""

    def __init__(self, written: Written) -> None:
        self.written = written
        stores = [name for name, section in written.said.schemas.items() if section.kind is SchemaKind.EVENT_STORE]
        if len(stores) > 1:
            raise written.invalid(
                f"schemas.{stores[1]}", "only one schema can be the event store; the other needs a manifest of its own"
            )
        if written.said.event_store and not stores:
            raise written.invalid("event_store", 'no schema has kind = "event_store"')
        self.schema = stores[0] if stores else None
        self.name = (written.said.schemas[stores[0]].layout if stores else None) or DEFAULT_LAYOUT
        self.section = self._section(self.name, f"schemas.{stores[0]}.layout") if stores else None

    def _section(self, name: str, at: str) -> EventStoreSection:
        own = self.written.said.event_store
        if name == "custom":
            if own is None:
                raise self.written.invalid(at, '"custom" needs a table [event_store]')
            return own
        if own is not None:
            raise self.written.invalid("event_store", f'only layout = "custom" is spelled out; this is {name!r}')
        return self._preset(name, at)

    def _preset(self, name: str, at: str) -> EventStoreSection:
        known = [*sorted(p.stem for p in PRESETS.glob("*.toml")), "custom"]
        if name not in known:
            raise self.written.invalid(at, f"{name!r} is not one of {', '.join(known)}{nearest(name, known)}")
        file = PRESETS / f"{name}.toml"
        return Reader(file).section(read_toml(file)[1], PresetSection, "")

    def layout(self) -> Layout:
        """What the store looks like."""
        store, live, home = self.section, self.liveness, self.written.database_of
        assert store is not None
        assert self.schema is not None
        if live is not None and home(live.table.schema) != home(self.schema):
            said = f"{str(live.table)!r} lies in another database than {self.schema!r}"
            raise self.written.invalid("event_store.liveness.table", said)
        if not store.tables:
            raise self.written.invalid("event_store.tables", "name the tables that `reset --events` empties")
        return Layout(
            name=self.name,
            tried=store.tried,
            proof=store.proof or store.tables,
            tables=store.tables,
            sequences=store.sequences,
            tracking=store.tracking,
            head=store.head,
            events=store.events,
            seed=store.seed,
            additions=store.additions,
            reset_settings=store.reset_settings,
            guards=store.guards,
            triggers=store.triggers,
            liveness=live,
            append=store.append,
            probe=store.probe and self.filled(store.probe),
            unfenced=store.unfenced,
        )

    def own_sql(self, at: str) -> Path:
        """The folder of SQL that comes with the preset. Raises ManifestInvalid where none does."""
        if isinstance(self.section, PresetSection) and self.section.install:
            return example.root() / self.section.install
        problem = f"layout {self.name!r} brings no SQL of its own: leave `install` out, where its"
        raise self.written.invalid(at, f"{problem} library installs the store, or name a directory of SQL")

    @property
    def liveness(self) -> Liveness | None:
        """How a running projector shows itself, if it does."""
        live = self.section.liveness if self.section else None
        return Liveness(table=self.table(live.table), id=live.id, name=live.name) if live else None

    def table(self, written: str) -> TableName:
        """A table of the store: in its own schema where none is written."""
        assert self.schema is not None
        return self.written.table(written, "event_store") if "." in written else TableName(self.schema, written)

    def holds_events(self, table: TableName) -> bool:
        """Whether it is one of the tables that only `reset --events` empties."""
        tables = self.section.tables if self.section else ()
        return table.schema == self.schema and any(fnmatchcase(table.name, t.partition("(")[0]) for t in tables)

    def holds_subscriptions(self, table: TableName) -> bool:
        """Whether it is the store's own table of subscriptions, which knows handlers that are no projectors."""
        live = self.liveness
        return live is not None and live.table == table

    def filled(self, text: str) -> str:
        """SQL with the store's quoted name."""
        if self.schema is None:
            return text
        return text.replace("{event_store}", '"' + self.schema.replace('"', '""') + '"')
