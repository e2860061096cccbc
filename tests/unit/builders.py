"""Small facts for planners to think about: a manifest, and the database that it describes as it should be.

A reading club, so that no name is the example's: `members` is permanent, `reading`, `board` and `stats` are
projections, `log` is the event store. Feed fills tables of two schemas, so it is the one that crosses borders.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from balados_db.migration_files import checksum
from balados_db.model import (
    AppliedMigration,
    CheckpointState,
    CheckpointTable,
    DatabaseState,
    Identity,
    Layout,
    Liveness,
    LiveProjector,
    Manifest,
    Migration,
    Outsider,
    Projector,
    Record,
    Relation,
    RelationKind,
    Role,
    SchemaDeclaration,
    SchemaKind,
    SchemaState,
    Scope,
    Session,
    TableName,
)
from balados_db.planning.plan import Plan
from balados_db.planning.steps import DropContents, EmptyTables, ForgetCheckpoints

Change = Callable[[DatabaseState], DatabaseState]

MEMBERS, READING, BOARD, STATS, LOG = "members", "reading", "board", "stats", "log"
PLAIN = (MEMBERS, READING, BOARD, STATS)
PROJECTIONS = (READING, BOARD, STATS)
SUBSCRIPTIONS, VERSIONS = TableName(LOG, "subscriptions"), TableName(LOG, "projection_versions")


def table(written: str) -> TableName:
    """`schema.name` as a TableName."""
    return TableName(*written.split("."))


# ── migrations ───────────────────────────────────────────────────────────────────────────────────────────


def migration(id_: str, source: str = "select 1;\n", **facts: Any) -> Migration:
    """A SQL migration with a rollback file beside it."""
    path = Path("/club/migrations") / f"{id_}.sql"
    return Migration(
        id=id_,
        path=path,
        source=source,
        checksum=checksum(source),
        hash=hashlib.sha256(id_.encode()).hexdigest(),
        **{"rollback": path.with_suffix(".rollback.sql"), **facts},
    )


def applied(*migrations: Migration) -> tuple[AppliedMigration, ...]:
    """The history that these migrations leave."""
    return tuple(AppliedMigration(id=m.id, hash=m.hash, checksum=m.checksum) for m in migrations)


def plain_yoyo(*migrations: Migration) -> tuple[AppliedMigration, ...]:
    """The history that plain yoyo leaves: without checksums."""
    return tuple(AppliedMigration(id=m.id, hash=m.hash) for m in migrations)


FILES = {name: (migration(f"0001_{name}"), migration(f"0002_{name}")) for name in PLAIN}
PLAIN_YOYO = plain_yoyo(*FILES[STATS])


# ── the manifest ─────────────────────────────────────────────────────────────────────────────────────────

LAYOUT = Layout(
    name="commanded",
    tried="its protocol",
    proof=("streams", "events", "subscriptions"),
    tables=("streams", "events", "subscriptions"),
    head="select 1",
    seed="select 1",
    reset_settings={"eventstore.reset": "on"},
    liveness=Liveness(table=SUBSCRIPTIONS, id="subscription_id", name="subscription_name"),
)

PROJECTORS = (
    Projector(name="Loans", tables=(table("reading.loans"), table("reading.fines"))),
    Projector(name="Feed", tables=(table("board.feed"), table("reading.privacy"))),
    Projector(name="Counter", tables=(table("stats.counters"),)),
)

MANIFEST = Manifest(
    file=Path("/club/balados-db.toml"),
    schemas=(
        SchemaDeclaration(
            name=MEMBERS, kind=SchemaKind.PERMANENT, migrations=Path("/club/members"), holds="members and their cards"
        ),
        *(
            SchemaDeclaration(name=n, kind=SchemaKind.PROJECTION, migrations=Path("/club") / n, holds=f"what {n} shows")
            for n in PROJECTIONS
        ),
        SchemaDeclaration(
            name=LOG, kind=SchemaKind.EVENT_STORE, install=Path("/club/log"), layout=LAYOUT, holds="every event"
        ),
    ),
    projectors=PROJECTORS,
    checkpoints=(
        CheckpointTable(table=SUBSCRIPTIONS, projector="subscription_name", position="last_seen"),
        CheckpointTable(
            table=VERSIONS,
            projector="projection_name",
            position="last_seen_event_number",
            refuses_undeclared=True,
            optional=True,
        ),
    ),
    subscriptions={"Mailer": "never", "Metrics": "allowed"},
    phrases={
        Scope.PROJECTIONS: "DELETE",
        Scope.SYSTEM: "DELETE MEMBERS",
        Scope.EVENTS: "DELETE ALL EVENTS",
        Scope.ALL: "DELETE ALL DATA",
    },
)


def declaring(name: str, manifest: Manifest = MANIFEST, **changes: Any) -> Manifest:
    """The manifest with one schema's declaration changed."""
    return replace(manifest, schemas=tuple(replace(s, **changes) if s.name == name else s for s in manifest.schemas))


def projecting(*projectors: Projector) -> Manifest:
    """The manifest with these projectors beside its own; one of the same name replaces it."""
    names = {p.name for p in projectors}
    return replace(MANIFEST, projectors=(*(p for p in PROJECTORS if p.name not in names), *projectors))


# ── the database ─────────────────────────────────────────────────────────────────────────────────────────


def relation(written: str, **facts: Any) -> Relation:
    """A table with ten rows, unless told otherwise; its oid follows from its name."""
    schema, name = written.split(".")
    defaults = {
        "oid": zlib.crc32(written.encode()),
        "kind": RelationKind.TABLE,
        "rows": 10,
        "exact": True,
        "bytes": 8192,
        "indexes": 1,
    }
    return Relation(schema=schema, name=name, **{**defaults, **facts})


IDENTITY = Identity(
    server="127.0.0.1:5432",
    database="club",
    role="librarian",
    source="DATABASE_URL",
    server_version="15.4",
    server_version_num=150004,
    system_identifier="7300000000000000001",
    database_oid=16400,
)


def schema(name: str, *tables: str, **facts: Any) -> SchemaState:
    """A schema that was migrated and recorded, and has not changed since."""
    history = relation(f"{name}._yoyo_migration", role=Role.MIGRATION_HISTORY)
    return SchemaState(
        name=name,
        exists=True,
        owner="librarian",
        **{
            "relations": (*(relation(f"{name}.{t}") for t in tables), history),
            "structure": f"structure of {name}",
            "history": True,
            "applied": applied(*FILES[name]),
            "record": Record(structure=f"structure of {name}", migrations="sha256:recorded"),
            **facts,
        },
    )


STORE = SchemaState(
    name=LOG,
    exists=True,
    relations=(
        *(relation(f"log.{name}", role=Role.EVENTS) for name in LAYOUT.tables),
        relation("log.projection_versions", role=Role.CHECKPOINTS),
        relation("log.schema_migrations"),
    ),
)


def positions(**by_name: int) -> tuple[CheckpointState, ...]:
    """Rows of both checkpoint tables."""
    return tuple(
        CheckpointState(table=where, projector=name, position=position)
        for where in (SUBSCRIPTIONS, VERSIONS)
        for name, position in by_name.items()
    )


STATE = DatabaseState(
    identity=IDENTITY,
    schemas=(
        schema(MEMBERS, "people", "cards"),
        schema(READING, "loans", "fines", "privacy"),
        schema(BOARD, "feed"),
        schema(STATS, "counters"),
        STORE,
    ),
    own_schema=True,
    event_store=True,
    event_store_tables=LAYOUT.tables,
    checkpoint_tables=(SUBSCRIPTIONS, VERSIONS),
    checkpoints=positions(Loans=7, Feed=7, Counter=7),
    subscriptions=((11, "Loans"), (12, "Feed"), (13, "Counter"), (14, "Mailer")),
    head=7,
)

EMPTY_SERVER = DatabaseState(identity=None, exists=False)
FRESH = DatabaseState(identity=IDENTITY)


# ── what may be different ────────────────────────────────────────────────────────────────────────────────


def also(*changes: Change, state: DatabaseState = STATE) -> DatabaseState:
    """The state after these changes."""
    for change in changes:
        state = change(state)
    return state


def in_schema(name: str, **facts: Any) -> Change:
    """Change facts of one schema."""
    return lambda state: replace(
        state, schemas=tuple(replace(s, **facts) if s.name == name else s for s in state.schemas)
    )


def with_relations(*relations: Relation) -> Change:
    """Put relations into their schemas; one of the same name is replaced."""

    def change(state: DatabaseState) -> DatabaseState:
        for new in relations:
            kept = tuple(r for r in state.schema(new.schema).relations if r.name != new.name)
            state = in_schema(new.schema, relations=(*kept, new))(state)
        return state

    return change


def without_relation(written: str) -> Change:
    """Drop a relation."""
    gone = table(written)

    def change(state: DatabaseState) -> DatabaseState:
        kept = tuple(r for r in state.schema(gone.schema).relations if r.name != gone.name)
        return in_schema(gone.schema, relations=kept)(state)

    return change


def in_database(**facts: Any) -> Change:
    """Change facts of the whole database."""
    return lambda state: replace(state, **facts)


def in_identity(**facts: Any) -> Change:
    """Change what the server says about itself."""
    return lambda state: replace(state, identity=replace(state.identity, **facts))


def missing(name: str) -> Change:
    """The schema does not exist."""
    return lambda state: replace(
        state, schemas=tuple(SchemaState(name=name, exists=False) if s.name == name else s for s in state.schemas)
    )


unrecorded = {"record": None}
drifted = {"structure": "another structure"}


def seeded(name: str, *tables: str) -> Change:
    """The schema's migrations leave rows in these tables."""
    record = Record(structure=f"structure of {name}", migrations="sha256:recorded", seeded=tables)
    return in_schema(name, record=record)


def live(name: str, id_: int = 11) -> LiveProjector:
    """A process that holds a subscription's lock."""
    return LiveProjector(name=name, subscription_id=id_, pid=4711, user="app", application="club")


def session(pid: int = 4711) -> Session:
    """Somebody who is connected."""
    return Session(pid=pid, user="app", application="club", client="127.0.0.1")


def outsider(identity: str = "members.v_loans", type_: str = "view", **facts: Any) -> Outsider:
    """An object outside the scope that stands in its way."""
    return Outsider(type=type_, identity=identity, **{"reason": "needs table reading.loans", **facts})


# ── what a plan says ─────────────────────────────────────────────────────────────────────────────────────


def step_ids(plan: Plan) -> tuple[str, ...]:
    """The ids of a plan's steps, in order."""
    return tuple(step.id for step in plan.steps)


def emptied(plan: Plan) -> set[str]:
    """Tables whose rows go."""
    return {str(t) for step in plan.steps if isinstance(step, EmptyTables) for t in step.tables}


def dropped(plan: Plan) -> set[str]:
    """Schemas whose contents go."""
    return {name for step in plan.steps if isinstance(step, DropContents) for name in step.schemas}


def forgotten(plan: Plan) -> set[str]:
    """Names whose positions go; `*` for everybody's."""
    steps = [step for step in plan.steps if isinstance(step, ForgetCheckpoints)]
    names = {name for step in steps for name in step.projectors}
    return {"*"} if any(step.everybody for step in steps) else names
