"""The event store's SQL makes what commanded/eventstore has in storage 1.3.2, and our additions to it."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest
from psycopg import errors, sql

FOLDER = Path(__file__).resolve().parents[2] / "sql" / "eventstore"
BASE, ADDITIONS = "0*.sql", "1*.sql"

# `!` says not null.
COLUMNS = """
    events: event_id uuid!, event_type text!, causation_id uuid, correlation_id uuid, data bytea!, metadata bytea, created_at timestamp with time zone! = now()
    projection_versions: projection_name text!, last_seen_event_number bigint, inserted_at timestamp without time zone!, updated_at timestamp without time zone!
    schema_migrations: major_version integer!, minor_version integer!, patch_version integer!, migrated_at timestamp with time zone! = now()
    snapshots: source_uuid text!, source_version bigint!, source_type text!, data bytea!, metadata bytea, created_at timestamp with time zone! = now()
    stream_events: event_id uuid!, stream_id bigint!, stream_version bigint!, original_stream_id bigint, original_stream_version bigint
    streams: stream_id bigint! = nextval('streams_stream_id_seq'::regclass), stream_uuid text!, stream_version bigint! = 0, created_at timestamp with time zone! = now(), deleted_at timestamp with time zone
    subscriptions: subscription_id bigint! = nextval('subscriptions_subscription_id_seq'::regclass), stream_uuid text!, subscription_name text!, last_seen bigint, created_at timestamp with time zone! = now()
"""

KEYS = """
    events_pkey: PRIMARY KEY (event_id)
    projection_versions_pkey: PRIMARY KEY (projection_name)
    schema_migrations_pkey: PRIMARY KEY (major_version, minor_version, patch_version)
    snapshots_pkey: PRIMARY KEY (source_uuid)
    stream_events_event_id_fkey: FOREIGN KEY (event_id) REFERENCES events(event_id)
    stream_events_original_stream_id_fkey: FOREIGN KEY (original_stream_id) REFERENCES streams(stream_id)
    stream_events_pkey: PRIMARY KEY (event_id, stream_id)
    stream_events_stream_id_fkey: FOREIGN KEY (stream_id) REFERENCES streams(stream_id)
    streams_pkey: PRIMARY KEY (stream_id)
    subscriptions_pkey: PRIMARY KEY (subscription_id)
"""

INDEXES = """
    CREATE UNIQUE ix_stream_events on stream_events USING btree (stream_id, stream_version)
    CREATE UNIQUE ix_streams_stream_uuid on streams USING btree (stream_uuid)
    CREATE UNIQUE ix_subscriptions_stream_uuid_subscription_name on subscriptions USING btree (stream_uuid, subscription_name)
"""

# O: an ordinary trigger, silent under session_replication_role = replica. A: always enabled.
TRIGGERS = """
    A balados_no_truncate BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION balados_refuse_truncate()
    O no_delete_events BEFORE DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION event_store_delete('Cannot delete events')
    O no_update_events BEFORE UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION event_store_exception('Cannot update events')
    A balados_no_truncate BEFORE TRUNCATE ON stream_events FOR EACH STATEMENT EXECUTE FUNCTION balados_refuse_truncate()
    O no_delete_stream_events BEFORE DELETE ON stream_events FOR EACH STATEMENT EXECUTE FUNCTION event_store_delete('Cannot delete stream events')
    O no_update_stream_events BEFORE UPDATE ON stream_events FOR EACH STATEMENT EXECUTE FUNCTION event_store_exception('Cannot update stream events')
    A balados_no_truncate BEFORE TRUNCATE ON streams FOR EACH STATEMENT EXECUTE FUNCTION balados_refuse_truncate()
    O event_notification AFTER INSERT OR UPDATE ON streams FOR EACH ROW EXECUTE FUNCTION notify_events()
    O no_delete_streams BEFORE DELETE ON streams FOR EACH STATEMENT EXECUTE FUNCTION event_store_delete('Cannot delete streams')
"""


@dataclass(frozen=True)
class Store:
    """One event store in one schema; `{event_store}` in a statement is its quoted name, as in the files."""

    conn: psycopg.Connection
    schema: str

    def run(self, text: str) -> psycopg.Cursor:
        quoted = sql.Identifier(self.schema).as_string(self.conn)
        return self.conn.execute(text.replace("{event_store}", quoted).encode())

    def rows(self, text: str) -> list[tuple]:
        return self.run(text).fetchall()

    def install(self, pattern: str = "*.sql", wrap: bool = False) -> None:
        """Send every file whole, all in one transaction, as the tool does."""
        with self.conn.transaction():
            for path in sorted(FOLDER.glob(pattern)):
                text = path.read_text(encoding="utf-8")
                self.run(f"do $x$ begin execute $y${text}$y$; end $x$" if wrap else text)

    def describe(self, query: str) -> str:
        """One line a row, with the schema's own names unqualified."""
        with self.conn.transaction():
            self.run("set local search_path to {event_store}")
            return "\n".join(line for (line,) in self.conn.execute(query, {"schema": self.schema}))

    def append(self, stream: str, count: int) -> None:
        """Append events to a stream and to `$all`, in the order of the library's own statements."""
        with self.conn.transaction():
            self.run(APPEND.replace("{stream}", stream).replace("{count}", str(count)))


APPEND = """
    insert into {event_store}.streams as s (stream_uuid, stream_version)
    values ('{stream}', {count})
        on conflict (stream_uuid) do update set stream_version = s.stream_version + {count};
    update {event_store}.streams
       set stream_version = stream_version + {count}
     where stream_id = 0;
    with appended as (
      insert into {event_store}.events (event_id, event_type, data)
      select gen_random_uuid(), 'Opened', '{}' from generate_series(1, {count})
      returning event_id
    )
    insert into {event_store}.stream_events (event_id, stream_id, stream_version)
    select event_id, stream_id, stream_version + 1 - row_number() over (partition by stream_id)
      from appended cross join {event_store}.streams
     where stream_uuid in ('$all', '{stream}')
"""


@pytest.fixture(params=["events", 'We"ird Events'])
def bare(request, database):
    """An empty schema, and a connection that finds nothing but pg_catalog by itself."""
    conn = database.connect()
    conn.execute("set search_path = pg_catalog, pg_temp")
    conn.execute("set client_min_messages = warning")
    store = Store(conn, request.param)
    store.run("create schema {event_store}")
    yield store
    conn.close()


@pytest.fixture
def store(bare):
    """A store with two events of one stream."""
    bare.install()
    bare.append("s-1", 2)
    return bare


SELECT_COLUMNS = """
    select relname || ': ' || string_agg(
             attname || ' ' || format_type(atttypid, atttypmod)
               || case when attnotnull then '!' else '' end
               || coalesce(' = ' || pg_get_expr(adbin, adrelid), ''),
             ', ' order by attnum)
      from pg_attribute
      join pg_class c on c.oid = attrelid
      left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
     where relnamespace = (select oid from pg_namespace where nspname = %(schema)s)
       and relkind = 'r' and attnum > 0 and not attisdropped
     group by relname
     order by relname
"""
SELECT_KEYS = """
    select conname || ': ' || pg_get_constraintdef(oid)
      from pg_constraint
     where connamespace = (select oid from pg_namespace where nspname = %(schema)s)
       and contype <> 'n'
     order by conname
"""
SELECT_INDEXES = """
    select format('%%s %%s on %%s%%s', split_part(indexdef, ' INDEX ', 1), indexname, tablename,
                  substr(indexdef, strpos(indexdef, ' USING')))
      from pg_indexes
     where schemaname = %(schema)s and indexname not like '%%_pkey'
     order by indexname
"""
SELECT_TRIGGERS = """
    select tgenabled::text || ' ' || replace(pg_get_triggerdef(t.oid, true), 'CREATE TRIGGER ', '')
      from pg_trigger t
      join pg_class c on c.oid = tgrelid
     where relnamespace = (select oid from pg_namespace where nspname = %(schema)s) and not tgisinternal
     order by relname, tgname
"""
SELECT_IDENTITY = """
    select 'trigger ' || oid || tgenabled::text from pg_trigger union all
    select 'relation ' || oid || relname from pg_class union all
    select 'function ' || oid || md5(pg_get_functiondef(oid)) from pg_proc
     where pronamespace = (select oid from pg_namespace where nspname = %(schema)s)
     order by 1
"""


SHAPE = {
    SELECT_COLUMNS: COLUMNS,
    SELECT_KEYS: KEYS,
    SELECT_INDEXES: INDEXES,
    SELECT_TRIGGERS: TRIGGERS,
}


@pytest.mark.parametrize(
    ("bare", "wrap"),
    [("events", False), ("events", True), ('We"ird Events', False), ("it's 100%", True)],
    indirect=["bare"],
)
def test_a_store_has_what_the_library_expects(bare, wrap):
    """Columns, keys, indexes and triggers are those of storage 1.3.2 and of our additions, to the letter."""
    bare.install(wrap=wrap)

    for query, expected in SHAPE.items():
        assert bare.describe(query) == dedent(expected).strip()


def test_a_new_store_starts_at_zero(bare):
    """A new store has the stream of all events, empty, one version row, and numbers streams from 1."""
    bare.install()

    streams = bare.rows("select stream_id, stream_uuid, stream_version from {event_store}.streams")
    versions = bare.rows("select major_version, minor_version, patch_version from {event_store}.schema_migrations")
    first = bare.rows("insert into {event_store}.streams (stream_uuid) values ('s-1') returning stream_id")

    assert (streams, versions, first) == ([(0, "$all", 0)], [(1, 3, 2)], [(1,)])


def test_an_append_is_announced_once_a_stream(store):
    """Subscribers hear of the stream and of $all, each with the first and last number of what is new."""
    store.conn.execute(sql.SQL("listen {}").format(sql.Identifier(f"{store.schema}.events")))

    store.append("s-2", 2)
    store.append("s-2", 1)

    heard = [notify.payload for notify in store.conn.notifies(timeout=5, stop_after=4)]
    assert heard == ["s-2,2,1,2", "$all,0,3,4", "s-2,2,3,3", "$all,0,5,5"]


REFUSED = [
    ("update {event_store}.events set event_type = ''", "P0001", "Cannot update events"),
    ("update {event_store}.stream_events set stream_version = 9", "P0001", "Cannot update stream events"),
    ("delete from {event_store}.events where false", "0A000", "Cannot delete events"),
    ("delete from {event_store}.stream_events", "0A000", "Cannot delete stream events"),
    ("delete from {event_store}.streams", "0A000", "Cannot delete streams"),
    ("truncate {event_store}.stream_events", "0A000", "Cannot truncate stream_events"),
    ("truncate {event_store}.streams cascade", "0A000", "Cannot truncate streams"),
    ("truncate {event_store}.events cascade", "0A000", "Cannot truncate events"),
]


def test_events_are_never_changed(store):
    """UPDATE, DELETE and TRUNCATE are refused with their message and SQLSTATE, whatever they match."""
    for statement, sqlstate, message in REFUSED:
        with pytest.raises(psycopg.Error) as refusal:
            store.run(statement)
        assert refusal.value.sqlstate == sqlstate
        assert refusal.value.diag.message_primary == f"EventStore: {message}"

    assert store.rows("select count(*) from {event_store}.stream_events") == [(4,)]


def test_a_session_that_says_so_may_delete(store):
    """Hard deletes work while either of the library's settings is on, and stop working with it."""
    for sign in ("eventstore.enable_hard_deletes", "eventstore.reset"):
        with store.conn.transaction(force_rollback=True):
            store.run(f"set local {sign} = 'on'")
            for table in ("stream_events", "events", "streams"):
                store.run(f"delete from {{event_store}}.{table}")
            assert store.rows("select count(*) from {event_store}.events") == [(0,)]

        with pytest.raises(errors.FeatureNotSupported, match="Cannot delete events"):
            store.run("delete from {event_store}.events")


TRUNCATE = "truncate {event_store}.streams, {event_store}.stream_events, {event_store}.events"


def test_a_reset_that_says_so_may_truncate(store):
    """Our own reset and the library's get past the guard, each with its own setting; 'off' does not."""
    for sign in ("balados_db.reset", "eventstore.reset"):
        store.run(f"set {sign} = 'off'")
        with pytest.raises(errors.FeatureNotSupported, match="Cannot truncate"):
            store.run(TRUNCATE)

        with store.conn.transaction(force_rollback=True):
            store.run(f"set local {sign} = 'on'")
            store.run(TRUNCATE)
            assert store.rows("select count(*) from {event_store}.streams") == [(0,)]


def test_replica_mode_does_not_disarm_the_truncate_guard(store):
    """A session that silences triggers still cannot truncate events, and is told what to do instead."""
    store.run("set session_replication_role = replica")

    with pytest.raises(errors.FeatureNotSupported, match="Cannot truncate") as refusal:
        store.run(TRUNCATE)

    assert "balados-db reset --events" in refusal.value.diag.message_hint


def test_additions_complete_a_store_that_the_library_made(bare):
    """Run again, the additions change nothing: no object is made anew, no checkpoint is lost."""
    bare.install(BASE)
    bare.install(ADDITIONS)
    bare.run("insert into {event_store}.projection_versions values ('P', 7, now(), now())")
    before = bare.describe(SELECT_IDENTITY)

    bare.install(ADDITIONS)

    assert bare.describe(SELECT_IDENTITY) == before
    assert bare.rows("select last_seen_event_number from {event_store}.projection_versions") == [(7,)]


def test_additions_arm_a_disabled_guard_again(bare):
    """A guard that somebody switched off is enabled, always, by the next run."""
    bare.install()
    bare.run("alter table {event_store}.events disable trigger balados_no_truncate")

    bare.install(ADDITIONS)

    assert bare.describe(SELECT_TRIGGERS) == dedent(TRIGGERS).strip()
