"""What is known of a database without a manifest, and of the event stores that it may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from balados_db.example import root
from balados_db.likeness import Places
from balados_db.manifest.store import PRESETS
from balados_db.migration_files import checksum, normalised
from balados_db.model import TableName
from balados_db.toml_text import parsed


@dataclass(frozen=True, kw_only=True)
class KnownCheckpoints:
    """A checkpoint table that comes with a layout; `of_store` marks the store's own table of subscriptions."""

    table: str
    projector: str
    position: str | None = None
    of_store: bool = False


@dataclass(frozen=True, kw_only=True)
class KnownStore:
    """An event store that a preset describes, and the tables that prove it."""

    layout: str
    proof: tuple[str, ...]
    checkpoints: tuple[KnownCheckpoints, ...] = ()
    tables: tuple[str, ...] = ()  # all that are the store's own, as in `proof`
    tracking: str | None = None  # what each projector's own table of positions looks like
    install: Mapping[str, str] = field(default_factory=dict)  # the preset's own SQL: checksums by the files' names

    def owns(self, table: str) -> bool:
        """Whether a table of this name is one of the store's own."""
        return any(fnmatchcase(table, name.partition("(")[0]) for name in (*self.proof, *self.tables))


@dataclass(frozen=True, kw_only=True)
class FoundCheckpoints:
    """A checkpoint table with the names that it holds; without a layout it only looks like one."""

    layout: str | None
    known: KnownCheckpoints
    schema: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ExistingSchema:
    """One schema as it is: tables of its own, histories of migration tools; `applied`: yoyo's migrations."""

    name: str
    tables: tuple[str, ...] = ()
    histories: tuple[str, ...] = ()
    applied: tuple[str, ...] | None = None
    extension: str | None = None


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A database without a manifest; `holding` names, for each layout, the schemas that hold such a store."""

    database: str
    environment: str | None = None
    schemas: tuple[ExistingSchema, ...] = ()
    holding: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checkpoints: tuple[FoundCheckpoints, ...] = ()
    unread: tuple[TableName, ...] = ()  # what would have told more, but may not be read by this role
    comments: Mapping[TableName, str] = field(default_factory=dict)
    references: tuple[tuple[TableName, TableName], ...] = ()  # foreign keys: from, to
    installed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by schema: what this tool ran there
    unwritten: frozenset[TableName] = frozenset()  # tables that hold no row, and never held one as far as is known


def unread_in_words(table: TableName) -> str:
    """What is missing in a proposal where this table could not be read."""
    return f"this role may not read {table}, so what it says is left out: look again as one that may"


def known_stores() -> tuple[KnownStore, ...]:
    """Read the presets; one that asks for more tables comes first, for it proves more."""
    found = [_known(file.stem, parsed(file.read_text(encoding="utf-8"))) for file in PRESETS.glob("*.toml")]
    return tuple(sorted(found, key=lambda store: (-len(store.proof), store.layout)))


def _known(layout: str, preset: Mapping[str, object]) -> KnownStore:
    import msgspec

    from balados_db.manifest.sections import PresetSection

    section = msgspec.convert(preset, PresetSection)
    live = section.liveness.table if section.liveness else None
    return KnownStore(
        layout=layout,
        proof=section.proof or section.tables,
        tables=section.tables,
        tracking=section.tracking,
        install=_own_sql(section.install),
        checkpoints=tuple(
            KnownCheckpoints(
                table=c.table,
                projector=c.projector,
                position=c.position if isinstance(c.position, str) else None,
                of_store=c.table == live,
            )
            for c in section.checkpoints
            if "." not in c.table and isinstance(c.projector, str)
        ),
    )


def _own_sql(folder: str | None) -> dict[str, str]:
    """As what was installed is recorded in the database."""
    files = sorted((root() / folder).glob("*.sql")) if folder else ()
    return {file.name: checksum(normalised(file.read_bytes())) for file in files}


def layout_of(table: str, columns: Iterable[str], stores: tuple[KnownStore, ...]) -> tuple[str, Places] | None:
    """The layout that has such a table of positions, by its name and its columns."""
    for store in stores:
        for known in store.checkpoints:
            if known.table == table and known.position and {known.projector, known.position} <= set(columns):
                return store.layout, Places(projector=known.projector, position=known.position)
    return None
