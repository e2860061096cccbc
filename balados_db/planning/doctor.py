"""Judge a connection, its server and its login: what it could destroy, and what would fail. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from balados_db.finding import Finding, error, note, warning
from balados_db.model import NEWEST, OLDEST, OWN_SCHEMA, DatabaseState, Manifest, SchemaKind
from balados_db.planning.powers import Examination, SessionFacts, TablePower, guards, powers, room
from balados_db.planning.steps import listed
from balados_db.planning.verify import not_seen, of_guards

KEPT = (SchemaKind.PERMANENT, SchemaKind.EVENT_STORE)  # kinds whose rows exist nowhere else


def diagnose(state: DatabaseState, manifest: Manifest, seen: Examination) -> tuple[Finding, ...]:
    """Say what stands in the way here, and what this login could do that nobody would want."""
    return (
        *of_version(seen.session.server_version_num),
        *_of_server(state, seen),
        *_of_session(seen.session),
        *_of_settings(state, manifest, seen),
        *_of_dangers(state, manifest, seen),
        *_of_failures(manifest, seen),
        *(not_seen(table) for table in seen.unseen),
    )


def of_version(number: int) -> Iterator[Finding]:
    """Judge the server's version by its number, as libpq has it."""
    major = number // 10_000
    supported = f"PostgreSQL {OLDEST} to {NEWEST}"
    if major < OLDEST:
        said = f"PostgreSQL {major} is older than what balados-db knows"
        yield error("server_too_old", str(major), said, f"it works with {supported}")
    if major > NEWEST:
        said = f"PostgreSQL {major} is newer than what balados-db was tested with"
        yield warning("server_untested", str(major), said, f"it was tested with {supported}")


def _of_server(state: DatabaseState, seen: Examination) -> Iterator[Finding]:
    identity = state.identity
    assert identity is not None
    if identity.in_recovery:
        yield error("standby", identity.server, "the server is a standby: nothing can be written", "name the primary")
    elif identity.read_only:
        said = "the database is read-only by default, which somebody wanted: every command that writes refuses"
        yield error("read_only_database", identity.database, said, "ask whoever set default_transaction_read_only")
    for prepared in seen.prepared:
        if prepared.tables:
            said = f"the prepared transaction {prepared.gid} of {prepared.owner} holds {listed(prepared.tables)}"
            yield warning("prepared_transaction", prepared.gid, said, "commit or roll it back: a reset waits in vain")


def _of_session(session: SessionFacts) -> Iterator[Finding]:
    if session.disagreement:
        yield warning(
            "sources_disagree",
            session.source,
            f"the places where the URL may come from do not agree: {session.disagreement}",
            "every destructive command refuses: unset one of them, or say --url",
        )
    if session.pooled:
        said = f"a pooler is in between: process {session.handshake_pid} answered, {session.backend_pid} works"
        yield note("pooled", session.source, said, "a direct URL is one thing less to go wrong")
    if session.dropped:
        said = f"these start-up options did not arrive: {listed(session.dropped)}"
        cure = "name the server directly: a migration that resets settings would go on without ours"
        yield warning("options_dropped", session.source, said, cure)
    for name in session.timeouts:
        said = f"{name} is {session.settings[name]} ms in our session, and may end a long run"
        yield warning("timeout_in_force", name, said, f"set {name} to 0 for this role in this database")


def _of_settings(state: DatabaseState, manifest: Manifest, seen: Examination) -> Iterator[Finding]:
    settings = seen.session.settings
    if settings.get("session_replication_role", "origin") != "origin":
        yield error(
            "triggers_silenced",
            "session_replication_role",
            f"session_replication_role is {settings['session_replication_role']}: guards and foreign keys do not fire",
            "reset that setting of the role, the database or the server",
        )
    if settings.get("track_counts", "on") != "on":
        said = "track_counts is off: a reset counts and hashes every kept row instead, before and after"
        yield note("writes_not_counted", "track_counts", said)
    locks = room(state, manifest)
    if locks.recreating_needs > locks.locks:
        said = f"recreating every projection needs {locks.recreating_needs:,} locks, of {locks.locks:,}"
        yield note(
            "larger_than_a_transaction", "max_locks_per_transaction", said, "a reset says how it goes about that"
        )
    ddl = tuple(t.name for t in seen.event_triggers if t.enabled)
    if ddl:
        yield note("event_triggers", listed(ddl), f"event triggers look at whatever a reset recreates: {listed(ddl)}")


def _of_dangers(state: DatabaseState, manifest: Manifest, seen: Examination) -> Iterator[Finding]:
    """Where the environment is protected, what a login could do is no mere note."""
    assert state.identity is not None
    store = manifest.event_store
    if store and store.layout and state.event_store:
        yield from of_guards(store.name, store.layout, seen.triggers)
    say = warning if state.identity.environment in manifest.protected else note
    role = seen.login.role
    able = tuple(_deeds(manifest, seen))
    if able:
        who = f"superuser {role}" if seen.login.superuser else role
        cure = "let services log in as a role that owns nothing and has only the rights it uses"
        yield say("could_destroy", role, f"outside this tool, {who} could {'; '.join(able)}", cure)
    owned = tuple(f"{g.against} on {g.table}" for g in guards(manifest, seen) if "disable the trigger" in g.lifted_by)
    if owned:
        said = f"{role} owns the event tables, so it could switch their guards off: {listed(owned)}"
        yield say("guards_removable", role, said, "let another role own the event store")


_DEEDS = {"truncate": "truncate", "delete": "delete rows of", "update": "change rows of", "drop": "drop"}


def _deeds(manifest: Manifest, seen: Examination) -> Iterator[str]:
    if seen.login.owns_database:
        yield "drop the database"
    kept = [power for power in powers(manifest, seen) if SchemaKind(power.kind) in KEPT]
    schemas = tuple(power.schema for power in kept if power.drop_schema)
    if schemas:
        yield f"drop {'schema' if len(schemas) == 1 else 'schemas'} {listed(schemas)}"
    for deed, words in _DEEDS.items():
        counted = tuple((power.schema, getattr(power, deed)) for power in kept)
        where = tuple(f"{count} of {schema}" for schema, count in counted if count)
        if where:
            yield f"{words} tables ({listed(where)})"


# What would fail, by what this role may not do: code, what is lacking, what that stops.
_LACKS = {
    "truncate": ("cannot_empty", "may not truncate", "a reset cannot empty them"),
    "lock": ("cannot_lock", "may not lock", "a reset cannot keep others out"),
    "drop": ("cannot_recreate", "does not own", "a reset cannot recreate them"),
}


def _of_failures(manifest: Manifest, seen: Examination) -> Iterator[Finding]:
    role = seen.login.role
    cure = f"grant {role} the rights, or run balados-db as the role that owns the tables"
    places = {c.table for c in manifest.checkpoints}
    for declared in manifest.of_kind(SchemaKind.PROJECTION):
        tables = [t for t in seen.tables if t.schema == declared.name and t.table not in places]
        for right, (code, lacks, stops) in _LACKS.items():
            yield from _lacking(
                code, declared.name, (t for t in tables if not getattr(t, right)), f"{role} {lacks}", stops, cure
            )
    positions = [t for t in seen.tables if t.table in places]
    yield from _lacking(
        "cannot_forget",
        "positions",
        (t for t in positions if not t.delete),
        f"{role} may delete no row of",
        "no position can be forgotten",
        cure,
    )
    guarded = [t for t in seen.tables if t.row_security]
    yield from _lacking(
        "row_security",
        role,
        guarded,
        "row security applies to",
        "reading and deleting there fails",
        "run balados-db as a role that bypasses it",
    )
    yield from _of_schemas(manifest, seen, cure)


def _lacking(
    code: str, subject: str, tables: Iterable[TablePower], what: str, stops: str, cure: str
) -> Iterator[Finding]:
    names = tuple(t.table for t in tables)
    if names:
        yield warning(code, subject, f"{what} {listed(names)}: {stops}", cure)


def _of_schemas(manifest: Manifest, seen: Examination, cure: str) -> Iterator[Finding]:
    role = seen.login.role
    there = {schema.name: schema for schema in seen.schemas}
    closed = tuple(s.name for s in manifest.migrated if s.name in there and not there[s.name].make)
    if closed:
        said = f"{role} may make nothing in {listed(closed)}: no migration can be applied"
        yield warning("cannot_migrate", listed(closed), said, cure)
    records = [t for t in seen.tables if t.schema == OWN_SCHEMA]
    if records:
        lacking = (t for t in records if not t.insert)
        yield from _lacking(
            "cannot_record", role, lacking, f"{role} may add no row to", "nothing can be recorded", cure
        )
    elif not seen.login.create_schema:
        said = f"{role} may make no schema: nothing can be recorded"
        yield warning("cannot_record", role, said, "grant CREATE on the database")
    if seen.not_restorable:
        said = f"{role} cannot give back what recreating takes: {listed(seen.not_restorable)}"
        yield warning("cannot_give_back", role, said, "run balados-db as a member of those roles")
