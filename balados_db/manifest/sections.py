"""The shape of `balados-db.toml` and of presets: what may be written, with types and defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from balados_db.manifest.place import FILE_NAME
from balados_db.model import SchemaKind


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the manifest; keys that it does not know are mistakes."""


class DatabaseSection(Section, frozen=True):
    """Which database, and what the caller believes it is."""

    url: str | None = None
    environment: str | None = None


class DatabasesSection(Section, frozen=True):
    """Another database than the main one, in which schemas lie."""

    url: str | None = None


OWN_SQL = "preset"  # in the place of a folder of install SQL: the layout's own


class SchemaSection(Section, frozen=True):
    """What one PostgreSQL schema is. `install` is a folder of SQL, or "preset": the SQL that comes with the layout."""

    kind: SchemaKind
    migrations: str | None = None
    holds: str = ""
    layout: str | None = None
    install: str | None = None
    database: str | None = None


class ProjectorSection(Section, frozen=True):
    """One rebuildable unit: its tables as SCHEMA.TABLE, the events that it is rebuilt from, what it looks up meanwhile.

    `tables = []` says that it fills nothing in this database; without the key nobody knows.
    """

    tables: tuple[str, ...] | None = None
    events: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


class SqlSection(Section, frozen=True):
    """SQL, where otherwise a plain word stands: an expression on a row, or a statement that forgets positions, in which
    %(projectors)s is the array of names.
    """

    sql: Annotated[str, Meta(min_length=1)]


Values = Annotated[dict[str, str | int | SqlSection], Meta(min_length=1)]


class SetSection(Section, frozen=True):
    """Columns and what they are set to."""

    set: Values


class CheckpointSection(Section, frozen=True):
    """A table that remembers how far projectors got, and how to forget that.

    Whose a row is, `projector` says; or all rows are `for` one projector. In SQL, {event_store} is the store's schema.
    `record`: a statement for tests, which makes a row.
    """

    table: str
    projector: str | SqlSection | None = None
    for_: str | None = msgspec.field(name="for", default=None)
    position: str | SqlSection | None = None
    head: str | None = None
    source: str | SqlSection | None = None
    origin: int | str = 0
    forget: Literal["delete"] | dict[str, Any] = "delete"
    rewind: Values | None = None
    where: str | None = None
    keep: str | None = None
    undeclared: Literal["keep", "refuse"] | None = None
    optional: bool = False
    record: str | None = None


class SubscriptionSection(Section, frozen=True):
    """A subscriber that is no projector; replay = "never" protects its position from every command."""

    replay: Literal["allowed", "never"] = "allowed"


class LivenessSection(Section, frozen=True):
    """How a running projector shows itself: an advisory lock on (oid of `table`, `id` of its row)."""

    table: str
    id: str
    name: str


class EventStoreSection(Section, frozen=True):
    """What an event store looks like; for layout = "custom", and the shape of every preset.

    `tried`: against what a preset was tried; without it, it is untried. `append`: a statement for tests, which adds one
    event.
    """

    tried: str | None = None
    proof: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    tracking: str | None = None
    head: str | None = None
    events: str | None = None
    seed: str | None = None
    additions: str | None = None
    reset_settings: dict[str, str] = {}
    guards: dict[str, tuple[Literal["update", "delete", "truncate"], ...]] = {}
    triggers: dict[str, tuple[str, ...]] = {}
    liveness: LivenessSection | None = None
    probe: str | None = None
    unfenced: str | None = None
    append: str | None = None
    checkpoints: tuple[CheckpointSection, ...] = ()


class PresetSection(EventStoreSection, frozen=True):
    """A preset, which may bring the store's SQL: `install` is its folder among the example's files."""

    install: str | None = None


Phrase = Annotated[str, Meta(min_length=1)]


class ConfirmationSection(Section, frozen=True):
    """The phrase for each scope; a manifest may make one longer."""

    projections: Phrase = "DELETE"
    system: Phrase = "DELETE"
    events: Phrase = "DELETE ALL EVENTS"
    all: Phrase = "DELETE ALL DATA"


class EnvironmentsSection(Section, frozen=True):
    """Names of environments, beside `production`, in which permanent data and events cannot be reset."""

    protected: tuple[str, ...] = ("production",)


class RebuildSection(Section, frozen=True):
    """What is set off after a reset: NOTIFY on a channel, and a command, which may take `timeout` seconds."""

    notify: str | None = None
    command: tuple[str, ...] = ()
    timeout: float = 60.0


class ManifestFile(Section, frozen=True):
    """The manifest as it is written."""

    version: Literal[1]
    database: DatabaseSection = DatabaseSection()
    databases: dict[str, DatabasesSection] = {}
    schemas: dict[str, SchemaSection] = {}
    projectors: dict[str, ProjectorSection] = {}
    checkpoints: tuple[CheckpointSection, ...] = ()
    subscriptions: dict[str, SubscriptionSection] = {}
    event_store: EventStoreSection | None = None
    confirmation: ConfirmationSection = ConfirmationSection()
    environments: EnvironmentsSection = EnvironmentsSection()
    rebuild: RebuildSection = RebuildSection()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the manifest."""
    schema = msgspec.json.schema(ManifestFile)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FILE_NAME, **schema}
