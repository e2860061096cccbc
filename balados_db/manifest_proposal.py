"""Propose a manifest for a database that has none. Nothing is guessed towards destruction.

What is not proved to be an event store is called permanent, what is not known to be a projector keeps its position,
and a comment says which words are guesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from balados_db.likeness import Places
from balados_db.manifest import PRESETS, invalid_name
from balados_db.toml_text import key, quoted

# The names of tables in a comment; more are counted.
LISTED = 8


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


@dataclass(frozen=True, kw_only=True)
class FoundCheckpoints:
    """A known checkpoint table in some schema, with the names that it holds."""

    layout: str
    known: KnownCheckpoints
    schema: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ExistingSchema:
    """One schema as it is: tables of its own, histories of migration tools; `applied` counts yoyo's migrations."""

    name: str
    tables: tuple[str, ...] = ()
    histories: tuple[str, ...] = ()
    applied: int | None = None
    extension: str | None = None


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A database without a manifest; `holding` names, for each layout, the schemas that hold such a store."""

    database: str
    environment: str | None = None
    schemas: tuple[ExistingSchema, ...] = ()
    holding: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checkpoints: tuple[FoundCheckpoints, ...] = ()


def known_stores() -> tuple[KnownStore, ...]:
    """Read the presets; one that asks for more tables comes first, for it proves more."""
    import tomli

    found = [_known(file.stem, tomli.loads(file.read_text(encoding="utf-8"))) for file in PRESETS.glob("*.toml")]
    return tuple(sorted(found, key=lambda store: (-len(store.proof), store.layout)))


def _known(layout: str, preset: Mapping[str, object]) -> KnownStore:
    import msgspec

    from balados_db.manifest_file import EventStoreSection

    section = msgspec.convert(preset, EventStoreSection)
    live = section.liveness.table if section.liveness else None
    return KnownStore(
        layout=layout,
        proof=section.proof or section.tables,
        checkpoints=tuple(
            KnownCheckpoints(table=c.table, projector=c.projector, position=c.position, of_store=c.table == live)
            for c in section.checkpoints
            if "." not in c.table
        ),
    )


def layout_of(table: str, columns: Iterable[str], stores: tuple[KnownStore, ...]) -> tuple[str, Places] | None:
    """The layout that has such a table of positions, by its name and its columns."""
    for store in stores:
        for known in store.checkpoints:
            if known.table == table and known.position and {known.projector, known.position} <= set(columns):
                return store.layout, Places(projector=known.projector, position=known.position)
    return None


# ── the proposal ─────────────────────────────────────────────────────────────────────────────────────────


def propose(existing: Existing, stores: tuple[KnownStore, ...]) -> str:
    """Write the manifest, as text that `load_manifest` accepts as it is."""
    known, store = _store(existing, stores)
    chosen = [c for c in existing.checkpoints if known is not None and c.layout == known.layout]
    lines = [
        *_head(existing),
        *(line for schema in existing.schemas for line in _schema(schema, known, store, existing)),
        *_elsewhere(chosen, store),
        *_projectors(chosen),
        *_subscriptions(chosen, store),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _store(existing: Existing, stores: tuple[KnownStore, ...]) -> tuple[KnownStore | None, str | None]:
    """The first store that some schema proves, and that schema; else the store to know checkpoint tables by."""
    for store in stores:
        for schema in existing.holding.get(store.layout, ()):
            if invalid_name(schema) is None:
                return store, schema
    layouts = [checkpoints.layout for checkpoints in existing.checkpoints]
    return next((store for store in stores if store.layout in layouts), None), None


def _head(existing: Existing) -> Iterator[str]:
    yield f"# Proposed by `balados-db manifest init` for database {quoted(existing.database)}."
    yield "# Read it, correct what is called a guess, then run: balados-db manifest check"
    yield "version = 1"
    yield ""
    yield "[database]"
    yield 'url = "${DATABASE_URL}"'
    if existing.environment:
        yield f"environment = {quoted(existing.environment)}  # the stamp inside the database"
    yield ""


def _schema(schema: ExistingSchema, known: KnownStore | None, store: str | None, existing: Existing) -> Iterator[str]:
    left_out = _left_out(schema)
    if left_out:
        yield f"# Schema {quoted(schema.name)} is left out, so no command touches it: {left_out}."
        yield ""
        return
    yield f"[schemas.{key(schema.name)}]"
    if known is not None and schema.name == store:
        yield f'kind = "event_store"  # every table that proves this layout is here: {_listed(known.proof)}'
        yield f"layout = {quoted(known.layout)}"
        yield "# `install` is left out: name a directory of SQL only if no library keeps this store up to date"
    else:
        yield 'kind = "permanent"'
        yield "# a guess on the safe side: say projection if every table can be rebuilt from events"
        yield f"# tables: {_listed(schema.tables)}"
        yield from _second_store(schema, existing)
    yield from _migrations(schema, is_store=schema.name == store)
    yield ""


def _left_out(schema: ExistingSchema) -> str | None:
    if schema.extension:
        return f"it belongs to extension {quoted(schema.extension)}"
    if not schema.tables and not schema.histories and schema.applied is None:
        return "it holds no table of its own"
    return invalid_name(schema.name)


def _second_store(schema: ExistingSchema, existing: Existing) -> Iterator[str]:
    if any(schema.name in holding for holding in existing.holding.values()):
        yield "# it holds the tables of an event store too, but a manifest has room for one: write a second manifest"


def _migrations(schema: ExistingSchema, *, is_store: bool) -> Iterator[str]:
    if schema.applied is not None and not is_store:
        yield f"# yoyo has noted {schema.applied} migrations here: name the directory that holds their files"
        yield f"# migrations = {quoted(f'migrations/{schema.name}')}"
    if schema.histories and not is_store:
        yield f"# another tool migrates it ({_listed(schema.histories)}): leave `migrations` out, or write its"
        yield "# migrations anew and take it over with `balados-db adopt`"


def _elsewhere(found: list[FoundCheckpoints], store: str | None) -> Iterator[str]:
    """Checkpoint tables that do not lie where the layout has them are spelled out."""
    for checkpoints in found:
        if checkpoints.schema == store or checkpoints.known.of_store:
            continue
        yield "[[checkpoints]]"
        yield f"table = {quoted(f'{checkpoints.schema}.{checkpoints.known.table}')}"
        yield f"projector = {quoted(checkpoints.known.projector)}"
        if checkpoints.known.position:
            yield f"position = {quoted(checkpoints.known.position)}"
        yield ""


def _projectors(found: list[FoundCheckpoints]) -> Iterator[str]:
    """Proposed as comments: with no tables named, a reset would forget positions and empty nothing."""
    names = _names(found, of_store=False)
    if not names:
        return
    yield "# Projectors, by the names in the checkpoint tables. Until each one's tables are named here, a reset of"
    yield "# projections is refused: nothing else says what has to be empty before it starts over."
    for name in names:
        yield f"# [projectors.{key(name)}]"
        yield "# tables = []  # each as SCHEMA.TABLE, in a schema whose kind is projection"
    yield ""


def _subscriptions(found: list[FoundCheckpoints], store: str | None) -> Iterator[str]:
    projectors = _names(found, of_store=False)
    others = [n for n in _names([c for c in found if c.schema == store], of_store=True) if n not in projectors]
    if others:
        yield "# Subscribers that are not known to be projectors. Whether one sends e-mail when it sees an event again"
        yield "# cannot be read from the database, so each is kept from replaying: a guess on the safe side."
    for name in others:
        yield f"[subscriptions.{key(name)}]"
        yield 'replay = "never"'
        yield ""


def _names(found: list[FoundCheckpoints], *, of_store: bool) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for c in found if c.known.of_store is of_store for name in c.names))


def _listed(names: tuple[str, ...]) -> str:
    """Names for a comment, where an odd one must not end the line."""
    shown = ", ".join(key(name) for name in names[:LISTED])
    rest = len(names) - LISTED
    return (f"{shown} and {rest} more" if rest > 0 else shown) or "none"
