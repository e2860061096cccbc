"""One run a database, no projector meanwhile, and table locks that never queue the application behind us."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from balados_db.errors import LockHeld, LockTimeout, ProjectorsLive, StalePlan
from balados_db.model import LiveProjector, TableName
from balados_db.planning.culprits import of_blocker, of_holder, of_live, said_live
from balados_db.planning.cures import advice
from balados_db.planning.plan import Fence, Locks
from balados_db.planning.steps import listed
from balados_db.postgres.connection import local_settings, pooled, translated
from balados_db.postgres.eventstore import class_of, read_probe
from balados_db.postgres.guest import TRY, remember_session, send
from balados_db.postgres.queries import named, query

if TYPE_CHECKING:
    from psycopg import Connection

TRY_MS = 400  # how long one try may wait, and with it everybody who queues behind it
SPARE_IDS = 32  # ids that a store hands out anew after it was emptied


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: for locks in all, for live projectors, and after the commit."""

    locks: float = 10.0
    projectors: float = 0.0
    grace: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Grace:
    """How long the fence stands on after the commit, in seconds; `over` ends it before, and then `cut` is told."""

    seconds: float = 2.0
    over: Callable[[], bool] = lambda: False
    cut: Callable[[], object] = lambda: None

    def wait(self) -> None:
        """In short naps: whoever is interrupted says so by `over`."""
        deadline = time.monotonic() + self.seconds
        while not self.over() and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))
        if self.over():
            self.cut()


# ── the fence ────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def fence(
    open_: Callable[[], Connection[Any]],
    wanted: Fence,
    patience: Patience,
    grace: Grace,
) -> Iterator[Connection[Any]]:
    """Keep other runs and the scope's projectors out while the block runs, and for the `grace` when it succeeds.

    Raises LockHeld, ProjectorsLive or PoolExhausted. The locks live in one open transaction of a connection of their
    own: nothing that the worker does, not even its end, lets go of them. An interruption during the grace undoes
    nothing: the work is committed by then, so it only ends the grace.
    """
    with open_() as conn, _second(open_, conn) as second:
        conn.execute(query("begin_fence"))
        conn.execute(local_settings(conn))
        _take_mutex(conn, patience.locks)
        if second is not None:
            send(second, query("backend_pid"), TRY)
            second.close()
        if wanted.class_table is not None:
            _refuse_shared_session(conn, wanted)
            _take_projectors(conn, wanted, patience.projectors)
        if wanted.probe is not None:
            _await_end(conn, wanted, wanted.probe, patience.projectors)
        yield conn
        try:
            # A subscriber reads its row before it tries the lock: hold ours past the commit. Who is connected is asked
            # only now: one that came after the plan was made may have read its row as well.
            watched = wanted.class_table is not None or wanted.probe is not None
            if watched and (second or _others(conn)):
                grace.wait()
        except (KeyboardInterrupt, psycopg.OperationalError):
            grace.cut()
        with suppress(psycopg.OperationalError):  # committed is committed, whatever becomes of the fence
            conn.rollback()


def _others(conn: Connection[Any]) -> bool:
    """Whether anybody else is connected by now. Who waits at a pooler is not seen by the server."""
    conn.execute(query("forget_statistics"))
    return conn.execute(query("select_sessions"), {"me": "balados-db"}).fetchone() is not None


@contextmanager
def _second(open_: Callable[[], Connection[Any]], conn: Connection[Any]) -> Iterator[Connection[Any] | None]:
    """Behind a pooler, a connection to ask whether the worker will get one beside the fence's: a pool may have one."""
    if not pooled(conn):
        yield None
        return
    with open_() as second:
        yield second


def _refuse_shared_session(conn: Connection[Any], wanted: Fence) -> None:
    """Refuse where a projector behind the pooler left its lock in the very session that we were given.

    That session would be let through by its own lock, and the projector would not be seen.
    """
    assert wanted.class_table is not None
    rows = conn.execute(query("select_shared").format(table=class_of(wanted.class_table)))
    held = [row for row in rows if wanted.every_id or row.id in wanted.ids]
    if held:
        live = [LiveProjector(name=wanted.name_of(row.id), subscription_id=row.id, pid=row.pid) for row in held]
        names = "; ".join(f"{p.name} (through the pooler, in the session of process {p.pid})" for p in live)
        raise ProjectorsLive(names=names, objects=[of_live(p) for p in live], hint=_SHARED)


_SHARED = (
    "stop them; a lock that stays belongs to the pooler's connection: end that (RECONNECT at its console), "
    "and give projectors a URL that goes straight to the server"
)


def _take_mutex(conn: Connection[Any], seconds: float) -> None:
    for _ in _pauses(seconds):
        row = conn.execute(query("try_mutex")).fetchone()
        if row and row[0]:
            return
    holder = conn.execute(query("select_mutex_holder")).fetchone()
    if holder is None:
        raise LockHeld(holder="it has just ended")
    who = of_holder(holder.pid, holder.user, holder.application, holder.client)
    said = f"process {holder.pid}, {holder.application}, user {holder.user}, from {holder.client}"
    raise LockHeld(holder=said, objects=[who])


def _take_projectors(conn: Connection[Any], wanted: Fence, seconds: float) -> None:
    assert wanted.class_table is not None
    table = class_of(wanted.class_table)
    ids = list(wanted.ids)
    if wanted.every_id:
        ids = sorted({*ids, *range(1, SPARE_IDS + 1)})
    for _ in _pauses(seconds):
        ids = [r.id for r in conn.execute(query("try_projectors").format(table=table), {"ids": ids})]
        if not ids:
            return
    rows = conn.execute(query("select_live").format(table=table), {"ours": [pid_of(conn)]}).fetchall()
    live = [
        LiveProjector(
            name=wanted.name_of(r.id), subscription_id=r.id, pid=r.pid, user=r.user, application=r.application or ""
        )
        for r in rows
        if r.id in ids
    ]
    names = "; ".join(f"{p.name} (process {p.pid}, user {p.user}, {p.application or 'unnamed'})" for p in live)
    raise ProjectorsLive(names=names or f"subscriptions {ids}", objects=[of_live(p) for p in live])


def _await_end(conn: Connection[Any], wanted: Fence, probe: str, seconds: float) -> None:
    """Wait until none of the scope's projectors runs, by the probe of a store that has no locks to take."""
    live: list[LiveProjector] = []
    for _ in _pauses(seconds):
        conn.execute(query("forget_statistics"))
        with conn.transaction(force_rollback=True):  # nothing that the probe reads stays locked: the worker wants it
            found = read_probe(conn, probe)
        live = [p for p in found if wanted.every_id or any(map(p.runs, wanted.projectors))]
        if not live:
            return
    raise ProjectorsLive(names="; ".join(said_live(p) for p in live), objects=[of_live(p) for p in live])


def late(conn: Connection[Any], wanted: Fence, seconds: float) -> tuple[str, ...]:
    """Who runs now, by the probe, in a session that is older than `seconds`: it may have read its position before."""
    if wanted.probe is None:
        return ()
    found = read_probe(conn, wanted.probe, since=seconds)
    return tuple(said_live(p) for p in found if wanted.every_id or any(map(p.runs, wanted.projectors)))


def pid_of(conn: Connection[Any]) -> int:
    """The backend's own process: behind a pooler the handshake names another."""
    row = conn.execute(query("backend_pid")).fetchone()
    assert row is not None
    return int(row[0])


def fence_stands(worker: Connection[Any], pid: int) -> bool:
    """Whether the fence's process still holds its locks, as the worker sees it: a client may be the last to know."""
    row = worker.execute(query("fence_stands"), {"pid": pid}).fetchone()
    return bool(row and row[0])


def strays(conn: Connection[Any], table: TableName, id_: str) -> tuple[str, ...]:
    """Subscribers that live on a row which was forgotten: they read it before the reset and must be restarted."""
    rows = conn.execute(query("strays").format(table=class_of(table), relation=named(*table), id=named(id_)))
    return tuple(f"subscription {r.id} (process {r.pid}, {r.application or 'unnamed'})" for r in rows)


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────


def begin_locked(conn: Connection[Any], locks: Locks, seconds: float) -> None:
    """Open the worker's transaction with these tables locked before its snapshot is taken.

    Each try is short and lets go of everything, so that readers never wait behind us for long.
    Raises LockTimeout with whoever was in the way, StalePlan when a table is gone.
    """
    tables = (*locks.checkpoints, *locks.exclusive)
    for _ in _pauses(seconds):
        send(conn, query("begin_working"), max(TRY, seconds))
        remember_session(conn)
        try:
            _lock(conn, locks)
        except _PASSING:
            conn.rollback()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as exc:
            conn.rollback()
            raise StalePlan(changes=f"{exc.diag.message_primary}") from exc
        else:
            return
    objects = _blockers(conn, tables)
    raise LockTimeout(blockers=f"{_said(objects)}; waited {seconds:g} s", objects=objects, hint=_patience(objects))


_PASSING = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)


def _lock(conn: Connection[Any], locks: Locks) -> None:
    """Checkpoints first, as projectors take them first; then the tables in the order of their age."""
    conn.execute(local_settings(conn))
    conn.execute(query("bounded_try").format(milliseconds=sql.Literal(f"{TRY_MS}ms")))
    for tables, mode in ((locks.checkpoints, "exclusive"), (locks.exclusive, "access exclusive")):
        if tables:
            names = sql.SQL(", ").join(sql.SQL("only {}").format(sql.Identifier(*table)) for table in tables)
            conn.execute(query("lock_tables").format(tables=names, mode=sql.SQL(mode)))
    conn.execute(query("unbounded"))


def _blockers(conn: Connection[Any], tables: tuple[TableName, ...] | None = None) -> list[dict[str, Any]]:
    """Who locks these tables; without them, who locks any table against everybody."""
    wanted = None if tables is None else [[t.schema for t in tables], [t.name for t in tables]]
    schemas, names = wanted or (None, None)
    rows = conn.execute(query("select_blockers"), {"schemas": schemas, "names": names})
    return [of_blocker(r.table, r.schema, r.pid, r.user, r.application, r.state, r.gid) for r in rows]


@contextmanager
def looked_at(open_: Callable[[], Connection[Any]]) -> Iterator[Connection[Any]]:
    """A connection to look with: the server's errors in our words, and whoever it waits for is named."""
    with open_() as conn, _named_blockers(conn), translated("look"):
        yield conn


@contextmanager
def _named_blockers(conn: Connection[Any]) -> Iterator[None]:
    """Who only looks waits for those alone who lock a table against everybody: name them in the LockTimeout."""
    try:
        yield
    except LockTimeout as exc:
        if conn.closed or exc.facts.get("objects"):
            raise
        objects = _blockers(conn)
        if not objects:
            raise
        raise LockTimeout(blockers=_said(objects), objects=objects, hint=_patience(objects)) from exc


def _said(objects: list[dict[str, Any]]) -> str:
    return listed(tuple(f"{o['type']} {o['identity']} {o['reason']}" for o in objects)) or "they are free again now"


def _patience(objects: list[dict[str, Any]]) -> str:
    """A process may end by itself; a prepared transaction waits for somebody to decide about it."""
    longer = "allow more time with --lock-timeout"
    if not objects:
        return longer
    return advice(objects, *([longer] if any(o["type"] == "process" for o in objects) else []))


def _pauses(seconds: float) -> Iterator[float]:
    """Tries until the time is up: at once, then after growing, jittered pauses."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while True:
        yield pause
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, pause * random.uniform(0.7, 1.3)))
        pause = min(pause * 1.5, 1.0)
