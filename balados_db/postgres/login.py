"""Look at the session and the login itself, for `doctor`: what the server has, and what this role may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balados_db.model import OWN_SCHEMA, SchemaKind
from balados_db.planning.powers import (
    TIMEOUTS,
    EventTrigger,
    Examination,
    Login,
    PreparedTransaction,
    SchemaPower,
    SessionFacts,
    TablePower,
)
from balados_db.postgres.catalog import Look, steadily
from balados_db.postgres.connection import SETTINGS
from balados_db.postgres.inspection import Seen, read_triggers, read_visible
from balados_db.postgres.locking import pid_of
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

# What changes how a reset goes, beside the timeouts and what connect() asks for.
_TELLING = (
    "track_counts",
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "session_replication_role",
    "default_transaction_read_only",
    "event_triggers",
    "synchronous_commit",
    "wal_level",
)
_COMPARED = {name: value for name, value in SETTINGS.items() if name != "datestyle"}  # the server adds the order to it


def read_session(conn: Connection[Any], source: str, disagreement: str | None = None) -> SessionFacts:
    """Read the session as it is between transactions: inside of one, our own settings are set once more."""
    rows = conn.execute(query("select_settings"), {"names": [*_TELLING, *TIMEOUTS, *_COMPARED]})
    return SessionFacts(
        source=source,
        server_version_num=conn.info.server_version,
        backend_pid=pid_of(conn),
        handshake_pid=conn.info.backend_pid,
        sent=_COMPARED,
        settings={row.name: row.value for row in rows},
        disagreement=disagreement,
    )


def examine(look: Look, session: SessionFacts) -> tuple[Seen, Examination]:
    """Read everything that `doctor` judges, in one transaction that writes nothing."""
    return steadily(look.conn, lambda: _examine(look, session))


def _examine(look: Look, session: SessionFacts) -> tuple[Seen, Examination]:
    conn, seen = look.conn, read_visible(look)
    names = [schema.name for schema in look.manifest.schemas]
    projections = [s.name for s in look.manifest.of_kind(SchemaKind.PROJECTION)]
    places = [checkpoint.table.schema for checkpoint in look.manifest.checkpoints]
    login = conn.execute(query("select_login")).fetchone()
    assert login is not None
    return seen, Examination(
        session=session,
        login=Login(**login._asdict()),
        schemas=tuple(SchemaPower(**r._asdict()) for r in _rows(conn, "select_schema_powers", names)),
        tables=tuple(
            TablePower(**r._asdict()) for r in _rows(conn, "select_table_powers", [*names, *places, OWN_SCHEMA])
        ),
        triggers=read_triggers(conn, look.manifest),
        event_triggers=tuple(EventTrigger(**r._asdict()) for r in conn.execute(query("select_event_triggers"))),
        prepared=tuple(
            PreparedTransaction(gid=r.gid, owner=r.owner, tables=tuple(r.tables))
            for r in _rows(conn, "select_prepared_transactions", [*names, *places])
        ),
        overrides=tuple(f"{r.setting} ({r.level})" for r in conn.execute(query("select_overrides"))),
        not_restorable=tuple(f"{r.name}: {r.fact}" for r in _rows(conn, "select_not_restorable", projections)),
        unseen=seen.inspection.unseen,
    )


def _rows(conn: Connection[Any], name: str, schemas: list[str]) -> list[Any]:
    return conn.execute(query(name), {"schemas": schemas}).fetchall()
