"""What a login could do to a database outside of this tool, and what refuses it. Pure: facts in, facts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from balados_db.model import DatabaseState, Manifest, SchemaKind, TableName
from balados_db.planning.shape import Shape
from balados_db.planning.size import dropping, emptying, making, needed
from balados_db.planning.verify import Trigger

TIMEOUTS = ("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")


@dataclass(frozen=True, kw_only=True)
class SessionFacts:
    """The session as the server has it. Settings are in the server's own units."""

    source: str
    server_version_num: int
    backend_pid: int
    handshake_pid: int
    sent: Mapping[str, str] = field(default_factory=dict)  # the start-up options that ask for a setting
    settings: Mapping[str, str] = field(default_factory=dict)
    disagreement: str | None = None  # between the sources of the URL

    @property
    def pooled(self) -> bool:
        """A pooler shows itself: it answered the handshake with a process that is not the backend's."""
        return self.backend_pid != self.handshake_pid

    @property
    def dropped(self) -> tuple[str, ...]:
        """Start-up options that did not arrive."""
        return tuple(name for name, value in self.sent.items() if self.settings.get(name, value) != value)

    @property
    def timeouts(self) -> tuple[str, ...]:
        """Timeouts that would end a long statement, transaction or wait of ours."""
        return tuple(name for name in TIMEOUTS if self.settings.get(name, "0") != "0")


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who we are, and what that alone allows."""

    role: str
    superuser: bool = False
    create_database: bool = False
    create_role: bool = False
    bypass_row_security: bool = False
    database_owner: str = ""
    owns_database: bool = False
    create_schema: bool = False
    silence_triggers: bool = False  # may set session_replication_role


@dataclass(frozen=True, kw_only=True)
class SchemaPower:
    """What this role may do to a schema as such."""

    name: str
    drop: bool = False
    make: bool = False


@dataclass(frozen=True, kw_only=True)
class TablePower:
    """What this role may do to a table. Only who owns it disables its triggers."""

    schema: str
    name: str
    insert: bool = False
    update: bool = False
    delete: bool = False
    truncate: bool = False
    lock: bool = False
    drop: bool = False
    own: bool = False
    row_security: bool = False

    @property
    def table(self) -> TableName:
        """Its name."""
        return TableName(self.schema, self.name)


@dataclass(frozen=True, kw_only=True)
class PreparedTransaction:
    """A transaction that waits for its second phase, with the declared tables that it holds."""

    gid: str
    owner: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EventTrigger:
    """A trigger on DDL."""

    name: str
    event: str
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Everything that is read to judge a login."""

    session: SessionFacts
    login: Login
    schemas: tuple[SchemaPower, ...] = ()
    tables: tuple[TablePower, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    event_triggers: tuple[EventTrigger, ...] = ()
    prepared: tuple[PreparedTransaction, ...] = ()
    overrides: tuple[str, ...] = ()
    not_restorable: tuple[str, ...] = ()
    unseen: tuple[TableName, ...] = ()


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Power:
    """What this login could do to one schema outside this tool: to the schema, and to how many of its tables."""

    schema: str
    kind: str
    drop_schema: bool
    tables: int
    update: int
    delete: int
    truncate: int
    drop: int


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What refuses one kind of deed on one table, and what this login could do about that."""

    table: str
    against: str
    by: tuple[str, ...]
    holds: bool
    lifted_by: tuple[str, ...] = ()


def powers(manifest: Manifest, seen: Examination) -> tuple[Power, ...]:
    """What could be destroyed, schema by schema. Tables of positions do not count: they are there to be forgotten."""
    places = {checkpoint.table for checkpoint in manifest.checkpoints}
    droppable = {schema.name: schema.drop for schema in seen.schemas}
    return tuple(
        Power(
            schema=declared.name,
            kind=declared.kind.value,
            drop_schema=droppable[declared.name],
            tables=len(tables),
            update=sum(t.update for t in tables),
            delete=sum(t.delete for t in tables),
            truncate=sum(t.truncate for t in tables),
            drop=sum(t.drop for t in tables),
        )
        for declared in manifest.schemas
        if declared.name in droppable
        for tables in [[t for t in seen.tables if t.schema == declared.name and t.table not in places]]
    )


def guards(manifest: Manifest, seen: Examination) -> tuple[Guard, ...]:
    """Which guards of the event store stand, and how this login could get past them."""
    store = manifest.event_store
    if store is None or store.layout is None:
        return ()
    settings = tuple(f"set {name}" for name in store.layout.reset_settings)
    refusing = tuple(t.name for t in seen.event_triggers if t.enabled and t.event in ("sql_drop", "ddl_command_start"))
    there = {t.name for t in seen.tables if t.schema == store.name}
    return tuple(
        guard
        for table, refused in store.layout.guards.items()
        if table in there
        for guard in (
            *(_guard(TableName(store.name, table), what, settings, seen) for what in refused),
            Guard(table=f"{store.name}.{table}", against="drop", by=refusing, holds=bool(refusing)),
        )
    )


def _guard(table: TableName, what: str, settings: tuple[str, ...], seen: Examination) -> Guard:
    standing = [t for t in seen.triggers if t.table == table.name and what in t.fires_for and t.enabled and t.refuses]
    owned = any(power.own for power in seen.tables if power.table == table)
    silenced = seen.login.silence_triggers and not any(t.always for t in standing)
    lifted = (
        *(("disable the trigger",) if owned else ()),
        *(("set session_replication_role",) if silenced else ()),
        *(settings if what != "update" else ()),
    )
    return Guard(
        table=str(table),
        against=what,
        by=tuple(t.name for t in standing),
        holds=bool(standing),
        lifted_by=lifted if standing else (),
    )


@dataclass(frozen=True, kw_only=True)
class Room:
    """Locks that one transaction may hold, those that a reset of all projections needs either way, and for how many
    tables like these there is room."""

    locks: int
    emptying_needs: int
    recreating_needs: int
    tables_emptied: int
    tables_recreated: int


def room(state: DatabaseState, manifest: Manifest) -> Room:
    """How many locks one transaction may hold, and what a reset of all projections needs, either way."""
    assert state.identity is not None
    schemas = tuple(schema.name for schema in manifest.of_kind(SchemaKind.PROJECTION))
    tables = [r for name in schemas for r in state.schema(name).tables]
    small = [emptying(r) for r in tables] or [3]
    large = [dropping(r) + making(r) for r in tables] or [12]
    return Room(
        locks=state.identity.lock_room,
        emptying_needs=sum(emptying(r) for r in tables),
        recreating_needs=needed(state, Shape(recreated=schemas)),
        tables_emptied=state.identity.lock_room * len(small) // sum(small),
        tables_recreated=state.identity.lock_room * len(large) // sum(large),
    )
