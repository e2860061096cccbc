"""Judge a database by everything that can be known without changing it. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from balados_db.finding import Finding, error, note, warning
from balados_db.model import (
    OWN_SCHEMA,
    DatabaseState,
    Files,
    Layout,
    Manifest,
    SchemaDeclaration,
    SchemaKind,
    TableName,
)
from balados_db.planning.cures import cure_for, surroundings_of
from balados_db.planning.rebuilding import of_positions, of_projectors
from balados_db.planning.refusals import Obstacles
from balados_db.planning.status import assess
from balados_db.planning.steps import listed
from balados_db.planning.strangers import Proof, Stranger
from balados_db.toml_text import quoted


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A trigger of an event store's table: what it fires for, and whether its function can refuse that."""

    table: str
    name: str
    fires_for: tuple[str, ...] = ()
    enabled: bool = True
    always: bool = False  # fires even where session_replication_role silences the others
    refuses: bool = True


@dataclass(frozen=True, kw_only=True)
class Positions:
    """A table of positions, by its looks, that nobody declared; `layout` names the store that has such a one."""

    table: TableName
    projector: str
    position: str
    names: tuple[str, ...] = ()
    layout: str | None = None


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is read beside the state, to judge it."""

    triggers: tuple[Trigger, ...] = ()
    border: Obstacles = field(default_factory=Obstacles)  # around all projection schemas together
    strangers: tuple[Stranger, ...] = ()
    unclassified: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by undeclared schema: its tables
    positions: tuple[Positions, ...] = ()
    unseen: tuple[TableName, ...] = ()  # what this role may not read


@dataclass(frozen=True, kw_only=True)
class Checked:
    """How much was looked at."""

    schemas: int
    tables: int
    migrations: int
    projectors: int
    positions: int
    guards: int


def judge(state: DatabaseState, manifest: Manifest, files: Files, seen: Inspection) -> tuple[Finding, ...]:
    """Say everything that is not as manifest and migrations have it. `manifest` holds only what could be read."""
    return (
        *_of_status(state, manifest, files, seen),
        *_of_environment(state, manifest),
        *(_unclassified(schema, tables) for schema, tables in seen.unclassified.items()),
        *(_stranger(stranger) for stranger in seen.strangers),
        *_of_store(state, manifest, seen),
        *_of_border(manifest, seen.border),
        *_of_extensions(state, manifest),
        *of_positions(state, manifest),
        *(_of_strange_positions(positions, manifest) for positions in seen.positions),
        *of_projectors(state, manifest, files),
        *(not_seen(table) for table in seen.unseen),
    )


def checked(state: DatabaseState, manifest: Manifest) -> Checked:
    """Count what a judgement was about."""
    layout = manifest.event_store.layout if manifest.event_store else None
    return Checked(
        schemas=len(manifest.schemas),
        tables=sum(len(schema.tables) for schema in state.schemas),
        migrations=sum(len(schema.applied) for schema in state.schemas),
        projectors=len(manifest.projectors),
        positions=len(state.checkpoints),
        guards=sum(len(refused) for refused in layout.guards.values()) if layout else 0,
    )


# ── what may be seen ─────────────────────────────────────────────────────────────────────────────────────


def visible(manifest: Manifest, unseen: tuple[TableName, ...], histories: tuple[str, ...]) -> Manifest:
    """The manifest without what this role may not read: nothing is judged that was not seen."""
    hidden = {table.schema for table in unseen if table.name in histories}
    return replace(
        manifest,
        schemas=tuple(_visible(s, unseen) for s in manifest.schemas if s.name not in hidden),
        checkpoints=tuple(c for c in manifest.checkpoints if c.table not in unseen),
    )


def _visible(schema: SchemaDeclaration, unseen: tuple[TableName, ...]) -> SchemaDeclaration:
    layout = schema.layout
    if layout is None or not any(table.schema == schema.name for table in unseen):
        return schema
    hidden = layout.liveness is not None and layout.liveness.table in unseen
    return replace(schema, layout=replace(layout, liveness=None if hidden else layout.liveness, probe=None))


def not_seen(table: TableName) -> Finding:
    """Say that something was left out of the judgement."""
    said = f"{table}: this role may not read it, so nothing that depends on it was judged"
    return note("not_seen", str(table), said, "ask as a role that is a member of pg_read_all_data")


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────


_FROM_RECORDS = ("structure_unrecorded", "store_additions_missing")


def _of_status(state: DatabaseState, manifest: Manifest, files: Files, seen: Inspection) -> Iterator[Finding]:
    """What `status --check` finds; where our own records cannot be read, nothing that is compared with them."""
    blind = any(table.schema == OWN_SCHEMA for table in seen.unseen)
    for finding in assess(state, manifest, files).findings:
        if not (blind and finding.code in _FROM_RECORDS):
            yield finding


def _of_environment(state: DatabaseState, manifest: Manifest) -> Iterator[Finding]:
    stamp = state.identity.environment if state.identity else None
    if stamp and manifest.environment and stamp != manifest.environment:
        said = f"the database is stamped {stamp}, the manifest believes that it is {manifest.environment}"
        cure = "look whether this is the right database; then balados-db environment set NAME"
        yield error("environment_mismatch", stamp, said, cure)


def _unclassified(schema: str, tables: tuple[str, ...]) -> Finding:
    said = f"{schema}: nobody says what its tables are: {listed(tables)}"
    cure = "declare the schema, or move the tables into one that is declared"
    return warning("tables_unclassified", schema, said, cure)


def _of_strange_positions(found: Positions, manifest: Manifest) -> Finding:
    """Grave where it knows a declared name: one place of two would be forgotten, and its projector skip everything."""
    declared = {p.name for p in manifest.projectors} | set(manifest.subscriptions)
    ours = tuple(name for name in found.names if name in declared)
    who = (
        f"holds {listed(ours)}"
        if ours
        else f"is as {found.layout} has it"
        if found.layout
        else "looks so by its columns"
    )
    say = error if ours else warning if found.layout else note
    said = f"{found.table}: a table of positions that nobody declared: it {who}"
    cure = (
        f"declare it: [[checkpoints]] table = {quoted(str(found.table))}, projector = {quoted(found.projector)},"
        f" position = {quoted(found.position)}"
    )
    return say("checkpoints_undeclared", str(found.table), said, cure)


_HOW_KNOWN = {
    Proof.STRUCTURE: "without it the structure is exactly the recorded one",
    Proof.NAMES: "no migration mentions it",
    Proof.UNRECORDED: "no migration mentions it (its name alone tells: nothing is recorded of the structure)",
    Proof.INSTALL: "the event store's install SQL does not mention it",
}


def _stranger(stranger: Stranger) -> Finding:
    """Proved by the structure it is an error; by its name alone it may be a migration that builds names."""
    say = error if stranger.proof is Proof.STRUCTURE else warning
    name = f"{stranger.schema}.{stranger.name}"
    said = f"{stranger.kind} {name}: made by no migration: {_HOW_KNOWN[stranger.proof]}"
    cure = "write the migration that makes it, or move it to where it belongs: recreating its schema drops it"
    return say("made_by_nobody", name, said, cure)


def _of_extensions(state: DatabaseState, manifest: Manifest) -> Iterator[Finding]:
    for schema in manifest.of_kind(SchemaKind.PROJECTION):
        for extension in state.schema(schema.name).extensions:
            said = f"{schema.name}: the extension {extension} is installed in a projection schema"
            cure = "move it into a schema of its own; whoever drops the projection's schema drops it too"
            yield warning("extension_in_projection", extension, said, cure)


# ── the event store ──────────────────────────────────────────────────────────────────────────────────────


_HIDDEN = 'declare it with kind = "event_store": events exist nowhere else'
_SECOND = "declare it permanent: a manifest has room for one event store, so this one needs a manifest of its own"


def kept_stores(state: DatabaseState, manifest: Manifest) -> tuple[str, ...]:
    """Other event stores of this kind that nothing can reset here: declared permanent, beside the one that is meant."""
    permanent = {schema.name for schema in manifest.of_kind(SchemaKind.PERMANENT)}
    return tuple(name for name in state.store_in if state.event_store and name in permanent)


def _of_store(state: DatabaseState, manifest: Manifest, seen: Inspection) -> Iterator[Finding]:
    for name in (name for name in state.store_in if name not in kept_stores(state, manifest)):
        declared = manifest.schema(name)
        said = f"{name}: holds the tables of an event store, but is {declared.kind.value if declared else 'undeclared'}"
        yield error("event_store_hidden", name, said, _SECOND if state.event_store else _HIDDEN)
    store = manifest.event_store
    if store and store.layout and state.event_store:
        yield from of_guards(store.name, store.layout, seen.triggers)
        yield from _of_triggers(store.name, store.layout, seen.triggers)
    ids = {id_ for id_, _ in state.subscriptions}
    for live in state.live:
        if live.subscription_id not in ids:
            said = f"process {live.pid} ({live.application or 'unnamed'}) follows a subscription that is gone"
            cure = "restart that projector: it lives on a position that was forgotten"
            yield error("projector_astray", str(live.subscription_id), said, cure)


def of_guards(store: str, layout: Layout, triggers: tuple[Trigger, ...]) -> Iterator[Finding]:
    """What the event store's tables are not guarded against, though their layout says so."""
    for table, refused in layout.guards.items():
        for what in refused:
            there = [t for t in triggers if t.table == table and what in t.fires_for]
            if not any(t.enabled and t.refuses for t in there):
                yield _guard(f"{store}.{table}", what, there)


def _guard(table: str, what: str, there: list[Trigger]) -> Finding:
    able = tuple(t.name for t in there if t.refuses)
    code, why = "guard_missing", "it has no trigger for that"
    if able:
        code, why = "guard_disabled", f"the trigger {listed(able)} is disabled"
    elif there:
        code, why = "guard_hollow", f"the trigger {listed(tuple(t.name for t in there))} lets it through"
    cure = "enable it again, as the table's owner" if able else "make it again, as the install SQL has it"
    return error(code, table, f"{table}: nothing refuses {what.upper()}: {why}", cure)


def _of_triggers(store: str, layout: Layout, triggers: tuple[Trigger, ...]) -> Iterator[Finding]:
    on = {(t.table, t.name): t.enabled for t in triggers}
    for table, name in ((table, name) for table, names in layout.triggers.items() for name in names):
        there = (table, name) in on
        if not on.get((table, name)):
            code, how = ("trigger_disabled", "disabled") if there else ("trigger_missing", "not there")
            cure = "enable it again" if there else "make it again, as the install SQL has it"
            yield error(code, f"{store}.{table}", f"{store}.{table}: the trigger {name} is {how}", cure)


# ── the border of the projections ────────────────────────────────────────────────────────────────────────


def _of_border(manifest: Manifest, border: Obstacles) -> Iterator[Finding]:
    """Whoever leans on a projection, with the cure that a reset's refusal would name."""
    around = surroundings_of(manifest, (schema.name for schema in manifest.of_kind(SchemaKind.PROJECTION)))
    children = {outsider.identity for outsider in border.inheritance}
    across = [("inherits_across", o) for o in border.inheritance]
    leaning = [("depends_on_projection", o) for o in border.dependents if o.identity not in children]
    for code, o in (*across, *leaning):
        said = f"{o.type} {o.identity} {o.reason}, which a reset of the projections may make anew"
        yield error(code, o.identity, said, cure_for(o, around))
    for o in border.temporary:
        said = f"temporary {o.type} {o.identity} of another session {o.reason}"
        yield note("temporary_dependent", o.identity, said, cure_for(o, around))
