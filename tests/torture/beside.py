"""What runs beside a reset: a live projector, an idle reader, and a second terminal that goes on reading."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import psycopg
import sqlparse

from tests.conftest import Database
from tests.torture.case import Case

READER = "select count(*) from system.users"
PAUSE = 0.05


class Behind(threading.Thread):
    """Runs a case's `session` beside the reset."""

    def __init__(self, database: Database, file: Path) -> None:
        super().__init__(daemon=True)
        self.database, self.file = database, file

    def run(self) -> None:
        # One statement at a time: a procedure that commits cannot share a message with others.
        with contextlib.suppress(psycopg.errors.AdminShutdown), self.database.connect() as conn:
            for statement in sqlparse.split(self.file.read_text()):
                conn.execute(statement)

    def end(self, *, wait: bool) -> None:
        """A projector goes on to its end; an idle reader has done its part."""
        if not wait:
            self.database.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and application_name like 'torture%' and pid <> pg_backend_pid()"
            )
        self.join(60)


class Probe(threading.Thread):
    """Asks a question all the while, and remembers the longest answer in milliseconds."""

    def __init__(self, database: Database, question: str) -> None:
        super().__init__(daemon=True)
        self.database, self.question, self.longest, self.over = database, question, 0.0, threading.Event()
        self.locked_out = self.answers = 0

    def run(self) -> None:
        # The server itself says what was a lock and what a busy machine: only a lock can end in LockNotAvailable.
        with self.database.connect(
            options="-c lock_timeout=1s -c search_path=pg_catalog", prepare_threshold=None
        ) as conn:
            while not self.over.is_set():
                self._ask(conn)
                self.over.wait(PAUSE)

    def _ask(self, conn: psycopg.Connection[object]) -> None:
        begun = time.monotonic()
        try:
            conn.execute(self.question)
            self.answers += 1
        except psycopg.errors.LockNotAvailable:
            self.locked_out += 1
        self.longest = max(self.longest, (time.monotonic() - begun) * 1000)

    def end(self) -> None:
        """Stop asking."""
        self.over.set()
        self.join(30)


def reader_beside(case: Case, database: Database) -> Probe | None:
    """A second terminal that reads permanent tables, unless the case resets those."""
    if case.target in ("system", "all"):
        return None
    return Probe(database, case.header.get("probe", READER))
