"""Schemas of many tables on a server with default settings: in one transaction where it fits, else in several.

Reads of other schemas never wait meanwhile; what is kept is what it was; nobody else runs out of locks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.conftest import Database, Result

Run = Callable[..., Result]
SIZES = (100, 1_000, 5_000, 20_000)
LEAN = 1_000  # what a run takes that is not thorough
PATIENCE = 1.0  # seconds that a reader of other schemas may wait
FILES = 5  # of migrations that make the tables

every_size = pytest.mark.parametrize("tables", SIZES, ids=lambda n: f"{n:,}")
every_way = pytest.mark.parametrize("way", ["--empty", "--recreate"])


class Reader(threading.Thread):
    """Reads permanent data all the while, and uses as many locks as an ordinary transaction of an application."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self.database, self.longest, self.over, self.failure = database, 0.0, False, ""

    def run(self) -> None:
        try:
            with self.database.connect() as conn:
                while not self.over:
                    begun = time.monotonic()
                    conn.execute(
                        "begin; select count(*) from system.users u join system.app_tokens t on t.user_id = u.id;"
                        " select count(*) from events.events; select count(*) from pg_indexes where schemaname = 'system'; commit"
                    )
                    self.longest = max(self.longest, time.monotonic() - begun)
                    time.sleep(0.02)
        except Exception as exc:  # told by whoever waits for this thread
            self.failure = str(exc)

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over = True
        self.join(30)


@every_way
@every_size
def test_a_schema_of_many_tables_is_reset(
    filled: Database,
    run_cli: Run,
    outcome: Callable[..., None],
    thorough: bool,
    tables: int,
    way: str,
    tmp_path: object,
) -> None:
    """Every table is empty or made anew, positions are forgotten, permanent data was read all the while."""
    if tables > LEAN and not thorough:
        outcome("size", name=f"{tables:,} tables {way}", seconds="left to make torture")
        return
    make(filled, tables)
    kept = filled.snapshot("system")
    plan = run_cli("reset", "--projections", way, "--dry-run", "--json", database=filled, timeout=120).json["plan"]

    begun = time.monotonic()
    with Reader(filled) as reader:
        result = run_cli("reset", "--projections", way, "--confirm", "DELETE", "--json", database=filled, timeout=1200)
    seconds = time.monotonic() - begun

    transactions = len({step["phase"] for step in plan["steps"]})
    name = f"{tables:,} tables {way}"
    outcome(
        "size", name=name, seconds=round(seconds, 1), transactions=transactions, reads=f"{reader.longest * 1000:.0f} ms"
    )
    assert result.status == 0, result.out
    assert reader.failure == ""
    assert reader.longest < PATIENCE
    assert filled.snapshot("system") == kept
    assert filled.value("select count(*) from events.projection_versions") == 0
    left = filled.value("select count(*) from pg_class where relname like 'bulk_%' and relkind = 'r'")
    assert left == (tables if way == "--empty" else 0)
    assert rows_left(filled) == 0


def make(database: Database, tables: int) -> None:
    """Tables with a key, an index, a sequence and wide values, some of which reference one another, and a row each."""
    for low in range(0, tables, 250):
        database.execute(
            "".join(
                f"create table public.bulk_{n} (id bigint generated always as identity primary key, peer bigint, note text);"
                f"create index on public.bulk_{n} (peer);"
                + (
                    f"alter table public.bulk_{n} add foreign key (peer) references public.bulk_{n - 1};"
                    if n % 5
                    else ""
                )
                + f"insert into public.bulk_{n} (note) values ('x');"
                for n in range(low, min(tables, low + 250))
            )
        )


def rows_left(database: Database) -> int:
    """Pages that hold anything: an exact count would take as many locks as there are tables."""
    return int(
        database.value(
            "select coalesce(sum(pg_relation_size(c.oid)), 0) from pg_class c where relname like 'bulk_%' and relkind = 'r'"
        )
    )
