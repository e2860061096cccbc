"""The example's projector keeps Commanded's protocol: a reset that is safe for it is safe for the real ones."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import psycopg
import pytest

PROGRAMS = Path(__file__).resolve().parents[2] / "examples" / "projector"
PATIENCE = 20.0  # seconds
TABLES = (
    *("users.subscriptions", "users.play_statuses", "users.user_privacy"),
    *("public.public_events", "public.podcast_popularity", "public.episode_popularity"),
)
NAMES = {"SubscriptionsProjector", "PlayStatusesProjector", "PublicEventsProjector", "PopularityProjector"}
LOCKS = """
select a.application_name, s.subscription_name
  from pg_locks l
  join pg_stat_activity a using (pid)
  join events.subscriptions s on s.subscription_id = l.objid::bigint
 where l.locktype = 'advisory'
   and l.granted
   and l.objsubid = 2
   and l.classid = 'events.subscriptions'::regclass
   and l.database = (select oid from pg_database where datname = current_database())
"""


def run(program: str, database, *words: str) -> str:
    """Run one of the example's programs to its end; returns what it said."""
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / program), "--url", database.url, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def project(database, *words: str) -> None:
    """Let projectors catch up: all of them, or those that are named."""
    run("projector.py", database, *(words or ("--all",)), "--until-caught-up")


@contextmanager
def running(database, name: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run one projector until it is stopped."""
    words = (str(PROGRAMS / "projector.py"), "--url", database.url, "--projector", name, "--retry-interval", "0.1")
    with log.open("w") as said, subprocess.Popen([sys.executable, *words], stderr=said, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.05)


def seen(database, name: str) -> int | None:
    """The place in the subscription's row, if there is a row."""
    rows = database.execute("select last_seen from events.subscriptions where subscription_name = %s", name)
    return rows[0][0] if rows else None


def version(database, name: str) -> int | None:
    """The newest event that the projector projected."""
    found = database.execute(
        "select last_seen_event_number from events.projection_versions where projection_name = %s", name
    )
    return found[0][0] if found else None


def contents(database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that the projectors fill."""
    return {table: database.execute(f"select * from {table} t order by t::text") for table in TABLES}


@pytest.fixture
def told(balados):
    """Balados Sync's database with 120 events that nobody has projected yet."""
    run("store.py", balados, "--events", "120")
    return balados


# ── place, lock, memory ──────────────────────────────────────────────────────────────────────────────────


def test_every_event_is_acknowledged_but_only_own_ones_count_as_projected(told):
    """`last_seen` is the head for everybody; `projection_versions` is the last event that concerned the projector."""
    project(told)

    assert {name: seen(told, name) for name in NAMES} == dict.fromkeys(NAMES, 120)
    newest = told.value(
        "select max(stream_version) from events.stream_events join events.events using (event_id)"
        " where stream_id = 0 and event_type in ('UserSubscribed', 'UserUnsubscribed')"
    )
    assert version(told, "SubscriptionsProjector") == newest < 120


def test_the_lock_is_held_while_it_lives_and_shows_whose_it_is(told, tmp_path):
    """pg_locks holds (oid of subscriptions, id of the row) for a process with the projector's name."""
    with running(told, "PopularityProjector", tmp_path / "log") as process:
        eventually(lambda: seen(told, "PopularityProjector") == 120, "caught up")

        assert told.execute(LOCKS) == [("PopularityProjector", "PopularityProjector")]

        process.terminate()
        assert process.wait(PATIENCE) == 0
    eventually(lambda: told.execute(LOCKS) == [], "the lock goes with the process")


def test_a_second_process_waits_for_the_lock_and_then_reads_the_row_anew(told, tmp_path):
    """Only one of two works; when it ends the other goes on from where that one got, not from what it read first."""
    with running(told, "SubscriptionsProjector", tmp_path / "first") as first:
        eventually(lambda: seen(told, "SubscriptionsProjector") == 120, "the first caught up")
        with running(told, "SubscriptionsProjector", tmp_path / "second"):
            eventually(lambda: "holds the lock" in (tmp_path / "second").read_text(), "the second waits")
            assert len(told.execute(LOCKS)) == 1

            first.send_signal(signal.SIGTERM)

            eventually(lambda: "subscribed at 120" in (tmp_path / "second").read_text(), "the second works")


def test_the_position_in_memory_survives_the_deletion_of_its_row(told, tmp_path):
    """Forgetting positions under a living projector loses history for good: what a reset has to prevent."""
    name = "SubscriptionsProjector"
    with running(told, name, tmp_path / "log"):
        eventually(lambda: seen(told, name) == 120, "caught up")
        told.execute("delete from events.subscriptions; delete from events.projection_versions")
        told.execute("truncate users.subscriptions")

        run("store.py", told, "--events", "60")
        eventually(lambda: (version(told, name) or 0) > 120, "new events are projected")

        assert seen(told, name) is None  # its acknowledgements found no row, and it did not mind
    left = told.rows("users.subscriptions")
    project(told, "--projector", name)

    assert seen(told, name) == 180
    assert told.rows("users.subscriptions") == left  # 1 to 120 were replayed, and all of them skipped


def test_what_was_seen_is_skipped_without_a_word(told):
    """Positions in `projection_versions` alone are enough to make a replay do nothing."""
    project(told)
    told.execute("delete from events.subscriptions")
    told.execute(f"truncate {', '.join(TABLES)}")

    project(told)

    assert {name: seen(told, name) for name in NAMES} == dict.fromkeys(NAMES, 120)
    assert sum(told.rows(table) for table in TABLES) == 0


def test_new_events_are_heard_of_at_once(told, tmp_path):
    """A projector that has caught up is told of new events by the store."""
    with running(told, "PlayStatusesProjector", tmp_path / "log"):
        eventually(lambda: seen(told, "PlayStatusesProjector") == 120, "caught up")

        run("store.py", told, "--events", "30")

        eventually(lambda: seen(told, "PlayStatusesProjector") == 150, "caught up again")


def test_a_lost_connection_is_not_the_end(told, tmp_path):
    """When the server ends its session, it subscribes again and goes on."""
    name = "PublicEventsProjector"
    with running(told, name, tmp_path / "log") as process:
        eventually(lambda: seen(told, name) == 120, "caught up")
        told.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", name)
        run("store.py", told, "--events", "30")

        eventually(lambda: seen(told, name) == 150, "caught up again")

        assert process.poll() is None
        assert "disconnected" in (tmp_path / "log").read_text()


# ── order, rows ──────────────────────────────────────────────────────────────────────────────────────────


def test_events_are_projected_in_order_one_transaction_each(told):
    """Rows appear in the order of `$all`, and no two events share a transaction."""
    project(told)

    times = [row[0] for row in told.execute("select event_timestamp from public.public_events order by ctid")]
    transactions = told.value("select count(distinct xmin::text) from public.public_events")
    assert times == sorted(times)
    assert transactions == len(times) > 10


def test_a_rebuild_gives_the_same_rows(told):
    """Rows are made from events alone: ids and times too."""
    run("store.py", told, "--events", "400")
    project(told)
    before = contents(told)
    told.execute("delete from events.subscriptions; delete from events.projection_versions")
    told.execute(f"truncate {', '.join(TABLES)}")

    project(told)

    assert contents(told) == before
    assert all(before[table] for table in TABLES)


def test_a_database_that_is_not_there_is_an_error(told):
    """The first connection must succeed: only one that was lost is tried again."""
    url = told.url.replace(told.name, "no_such_database")
    words = [sys.executable, str(PROGRAMS / "projector.py"), "--url", url, "--all"]

    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert done.returncode == 1
    assert 'database "no_such_database" does not exist' in done.stderr


# ── the store ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def store(balados, monkeypatch):
    """The example's writer, on an empty store."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    with psycopg.connect(balados.url, autocommit=True) as conn:
        yield import_module("store").Store(conn)


@pytest.fixture
def batch(monkeypatch):
    """Make the first events of a world of its own."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return lambda seed: next(iter(import_module("activity").sessions(1, seed)))[1]


@pytest.mark.parametrize("expected", [0, 2], ids=["that it is new", "that it is longer"])
def test_a_writer_that_is_wrong_about_a_stream_writes_nothing(balados, store, batch, expected):
    """Two writers at once: the later one is refused, whatever it believes the stream to be."""
    store.append("user-1", 0, batch("a"))
    before = balados.snapshot("events")

    with pytest.raises(import_module("store").WrongExpectedVersion):
        store.append("user-1", expected, batch("b"))

    assert {k: v for k, v in balados.snapshot("events").items() if "_seq" not in k} == {
        k: v for k, v in before.items() if "_seq" not in k
    }


def test_a_stream_that_does_not_exist_cannot_be_continued(store, batch):
    with pytest.raises(import_module("store").WrongExpectedVersion):
        store.append("user-1", 1, batch("a"))

    assert store.versions() == {"$all": 0}


def test_events_are_stored_by_the_rules_of_the_store(told):
    """`$all` counts from 1 without gaps; every stream does too; every event lies in both; data is JSON in bytea."""
    assert told.value("select stream_version from events.streams where stream_id = 0") == 120
    for stream, numbers, length in told.execute(
        "select stream_uuid, array_agg(e.stream_version order by e.stream_version), s.stream_version"
        " from events.streams s join events.stream_events e using (stream_id) group by 1, 3"
    ):
        assert numbers == list(range(1, length + 1)), stream
    assert (
        told.value(
            "select count(*) from events.stream_events a join events.stream_events o on o.event_id = a.event_id"
            " and o.stream_id = a.original_stream_id and o.stream_version = a.original_stream_version"
            " where a.stream_id = 0 and o.stream_id <> 0 and o.original_stream_version = o.stream_version"
        )
        == 120
    )
    assert told.value("select count(convert_from(data, 'UTF8')::jsonb ->> 'timestamp') from events.events") == 120


def test_the_same_seed_makes_the_same_events(told, balados_template, new_database):
    """Two databases filled alike hold the same events; filling one again adds others."""
    other = new_database(balados_template)
    run("store.py", other, "--events", "120")
    question = (
        "select * from events.stream_events join events.events using (event_id) order by stream_id, stream_version"
    )

    assert other.execute(question) == told.execute(question)
    run("store.py", told, "--events", "120")
    assert told.rows("events.events") == 240
