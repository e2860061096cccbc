"""--dry-run, and everything else that only plans: a READ ONLY transaction, a reader's rights and a reader's locks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import Database, Result
from tests.recorder import Conversation, recorded

Run = Callable[..., Result]
FORGET = (
    "drop table users._yoyo_migration, users._yoyo_log, users._yoyo_version, users.yoyo_lock;"
    " delete from balados_db.structure where schema_name = 'users'"
)
# What may be said outside of a transaction, or to begin and end one. Not a word of it reads a table.
AROUND = re.compile(
    r"select pg_catalog\.pg_backend_pid\(\)|show session_replication_role|begin transaction isolation level \w+( \w+)? read only|rollback",
    re.I,
)
TAKES = re.compile(r"pg_(try_)?advisory|\block\s+table\b|\bfor (no key )?(update|share)\b", re.I)


@pytest.fixture
def reader(filled: Database) -> Iterator[Database]:
    """The filled database, as a role that may see schemas and read tables, and nothing else; its stamp is there."""
    role = f"reader_{filled.name}"
    schemas = "system, users, public, events, balados_db"
    filled.execute(
        f"revoke create on schema public from public; create role {role} login password 'look';"
        f" grant usage on schema {schemas} to {role}; grant select on all tables in schema {schemas} to {role}"
    )
    url = make_conninfo("", **{**conninfo_to_dict(filled.url), "user": role, "password": "look"})
    yield Database(filled.name, url)
    filled.execute(f"drop owned by {role}; drop role {role}")


def lines(plan: Path) -> dict[tuple[str, ...], int]:
    """Every command that can be planned, as it is looked at, and how that ends for a reader."""
    dry = "--dry-run"
    return {
        ("create", dry): 0,
        ("init", dry): 0,
        ("up", dry): 0,
        ("migrate", dry): 0,
        ("schema", "create", "users", dry): 0,
        ("schema", "migrate", "users", dry): 0,
        ("rollback", "--schema", "users", "--with-dependents", dry): 5,
        ("reset", "--projections", dry): 0,
        ("reset", "--projections", "--recreate", dry): 0,
        ("reset", "--projector", "PlayStatusesProjector", dry): 0,
        ("reset", "--projections", "--verify", "rows", dry): 0,
        ("reset", "--system", dry): 0,
        ("reset", "--events", dry): 0,
        ("reset", "--all", "--recreate", dry): 0,
        ("reset", "--projections", "--empty", dry): 5,  # it may not truncate, and says so
        ("environment", "set", "staging", dry): 0,
        ("plan", "reset", "--all", "--out", "-"): 0,
        ("apply", str(plan), dry): 0,
    }


def test_every_dry_run_reads_and_nothing_else(reader: Database, filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """A role that may only read gets every plan; each statement is in a READ ONLY transaction, and none takes a lock."""
    plan = tmp_path / "plan.json"
    assert run_cli("plan", "migrate", "--out", str(plan), database=reader).status == 0
    before, expected = filled.snapshot(), lines(plan)

    with recorded(reader.url) as (url, said), ThreadPoolExecutor(4) as pool:
        for words, done in zip(expected, pool.map(lambda words: run_cli(*words, "--url", url), expected), strict=True):
            assert done.status == expected[words], (words, done.err)

    assert filled.snapshot() == before
    assert len(said) >= len(expected)
    for conversation in said:
        assert outside_of_reading(conversation) == []
        assert [text for text in conversation if TAKES.search(text)] == []


def test_who_may_only_read_plans_for_whoever_may(
    reader: Database, filled: Database, run_cli: Run, tmp_path: Path
) -> None:
    """The plan is that of the database: it can be looked at with one login, and applied with another."""
    file = tmp_path / "plan.json"

    shown = run_cli("plan", "reset", "--projections", "--out", str(file), "--json", database=reader)
    owners = run_cli("reset", "--projections", "--dry-run", "--json", database=filled)
    applied = run_cli("apply", str(file), "--confirm", "DELETE", "--json", database=filled)

    assert shown.json["plan"]["digest"] == owners.json["plan"]["digest"]
    assert any("users.play_statuses" in text and "may not truncate" in text for text in shown.json["warnings"])
    assert not any("may not truncate" in text for text in owners.json["warnings"])
    assert applied.status == 0, applied.out
    assert filled.rows("users.play_statuses") == 0


def outside_of_reading(conversation: Conversation) -> list[str]:
    """Statements that are not in a READ ONLY transaction. A savepoint is no end of one."""
    reading, found = False, []
    for text in conversation:
        statement = re.sub(r"--.*\n", "", text).strip().rstrip(";").strip()
        if AROUND.fullmatch(statement):
            reading = statement.lower().startswith("begin") or (reading and statement.lower() != "rollback")
        elif not reading:
            found.append(statement)
    return found


def test_adopting_is_compared_elsewhere(reader: Database, filled: Database, run_cli: Run) -> None:
    """A dry run never tries migrations in the database itself: in a scratch database, or it says that it needs one."""
    filled.execute(FORGET)
    role = f"reader_{filled.name}"

    refused = run_cli("adopt", "--schema", "users", "--dry-run", "--json", database=reader)
    filled.execute(f"alter role {role} createdb")
    with recorded(reader.url) as (url, said):
        done = run_cli("adopt", "--schema", "users", "--dry-run", "--json", "--url", url)
    filled.execute(f"alter role {role} nocreatedb")

    assert (refused.status, refused.code) == (5, "not_allowed")
    assert "createdb" in refused.json["errors"][0]["hint"]
    assert done.status == 0, done.out
    assert any("balados_db_scratch" in text for conversation in said for text in conversation)


def test_a_dry_run_takes_a_reader_s_locks(filled: Database, run_cli: Run) -> None:
    """Held up behind somebody's ACCESS EXCLUSIVE lock it asks for ACCESS SHARE; it gives up in time and says who it was."""
    before = filled.snapshot()
    locks = (
        "select l.mode, l.locktype from pg_locks l join pg_stat_activity a using (pid)"
        " where a.datname = current_database() and a.application_name like 'balados-db/%'"
    )
    with psycopg.connect(filled.url, application_name="the holder") as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("lock table users.subscriptions in access exclusive mode")
        begun = time.monotonic()
        run = pool.submit(
            run_cli, "reset", "--all", "--dry-run", "--json", "--lock-timeout", "3", database=filled, timeout=30
        )
        seen = set()
        while not run.done():
            seen |= set(filled.execute(locks))
            time.sleep(0.02)
        done = run.result()
        assert time.monotonic() - begun < 3 + 15

    assert ("AccessShareLock", "relation") in seen
    assert seen <= {("AccessShareLock", "relation"), ("ExclusiveLock", "virtualxid")}
    assert (done.status, done.code) == (6, "lock_timeout"), done.out
    assert "the holder" in done.json["errors"][0]["message"]
    assert done.json["errors"][0]["details"]["objects"][0]["pid"] > 0
    assert filled.snapshot() == before
