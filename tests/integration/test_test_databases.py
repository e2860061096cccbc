"""Databases for tests: cloned from one template, dropped whatever happens, and nobody else's is touched."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from balados_db.errors import NoAppend, NotForTests, TemplateFailed, UnknownSubscriber
from balados_db.testing.databases import Databases
from balados_db.testing.events import Events
from tests.conftest import ROOT, Database

FAILING = """\
from yoyo import step

def once(conn):
    with open({file!r}, "a") as file:
        file.write("x")
    conn.cursor().execute("create nonsense")

steps = [step(once)]
"""


@pytest.fixture
def service(tmp_path: Path, server: str) -> Iterator[Path]:
    """A copy of the example's service, and its manifest; the databases of its tests are dropped in the end."""
    shutil.copytree(ROOT / "examples" / "service", tmp_path / "service")
    manifest = tmp_path / "service" / "balados-db.toml"
    yield manifest
    with Databases(server, manifest) as databases:
        prefix = databases.project.prefix
    for name in existing(server, prefix):
        execute(server, "drop database if exists {} with (force)", name)


def keep_install_sql(manifest: Path) -> None:
    """Give the service a copy of the store's SQL, as one that changes it has."""
    shutil.copytree(ROOT / "sql", manifest.parent / "sql")
    manifest.write_text(manifest.read_text().replace('"preset"', '"sql/eventstore"'))


def execute(server: str, statement: str, *names: str) -> None:
    """Run a statement about databases."""
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def existing(server: str, prefix: str) -> dict[str, int]:
    """Databases by name, with their oids."""
    with psycopg.connect(server) as conn:
        found = conn.execute("select datname, oid::int from pg_database where starts_with(datname, %s)", [prefix])
        return dict(found.fetchall())


def kinds(server: str, databases: Databases) -> dict[str, int]:
    """What there is of the project's databases, without the project's prefix."""
    prefix = databases.project.prefix
    return {name.removeprefix(prefix): oid for name, oid in existing(server, prefix).items()}


def test_databases_are_clones_of_one_template(server: str, service: Path) -> None:
    """They are migrated, they are empty, they share nothing; when the run ends the template is all that is left."""
    with Databases(server, service) as databases:
        first, second = databases.new(), databases.new()
        first.execute("insert into members.members values ('ada')")

        assert second.execute("select * from members.members") == []
        assert first.value("select current_database()") == first.name != second.name
        databases.drop(first)
        assert first.name not in existing(server, "balados_test_")

    (left,) = kinds(server, databases)
    assert left.startswith("template_")


def test_a_template_is_used_again_until_its_content_changes(server: str, service: Path) -> None:
    """The same files, the same template; a migration that changes makes a new one, and the old one goes."""
    templates = []
    keep_install_sql(service)
    for change in (None, None, "migrations/shelf/0001_loans.sql", None, "sql/eventstore/0002_immutability.sql"):
        if change:
            file = service.parent / change
            file.write_text(file.read_text() + "\n-- changed\n")
        with Databases(server, service) as databases:
            databases.new()
        templates.append(kinds(server, databases))

    assert [len(found) for found in templates] == [1] * 5
    assert templates[0] == templates[1] != templates[2] == templates[3] != templates[4]


def test_what_a_killed_run_left_is_cleared_up(server: str, service: Path) -> None:
    """Its databases go, and a template that it did not finish; those of a run that lives stay, and strangers' too."""
    stranger = "balados_test_stranger"
    execute(server, "create database {}", stranger)
    try:
        with Databases(server, service) as living:
            kept = living.new()
            killed = Databases(server, service)
            left = killed.new()
            execute(server, "create database {}", killed.project.building)
            killed._conn.close()  # which is what a killed process does
            file = service.parent / "migrations" / "shelf" / "0001_loans.sql"
            file.write_text(file.read_text() + "\n-- changed\n")

            with Databases(server, service) as later:
                later.new()
                found = existing(server, "balados_test_")

            assert kept.name in found
            assert stranger in found
            assert left.name not in found
            assert killed.project.building not in found
            # The files are newer than the template of the run that lives, which was dropped: it gets the new one.
            assert living.new().value("select count(*) from shelf.loans") == 0
    finally:
        execute(server, "drop database {}", stranger)


def test_a_migration_that_fails_is_told(server: str, service: Path) -> None:
    """What `balados-db up` said is what the tests say; nothing half-built stays."""
    wrong = service.parent / "migrations" / "shelf" / "0002_wrong.sql"
    wrong.write_text("create table loans (nonsense);\n")

    with Databases(server, service) as databases:
        for _ in range(2):
            with pytest.raises(TemplateFailed, match=r"0002_wrong.sql"):
                databases.new()

        assert kinds(server, databases) == {}
        wrong.unlink()
        assert databases.new().value("select count(*) from shelf.loans") == 0


def test_what_failed_is_not_tried_again_for_every_test(server: str, service: Path, tmp_path: Path) -> None:
    """As long as the files are the same, the answer is: a thousand tests fail as fast as one."""
    tried = tmp_path / "tried"
    (service.parent / "migrations" / "shelf" / "0002_wrong.py").write_text(FAILING.format(file=str(tried)))

    with Databases(server, service) as databases:
        for _ in range(3):
            with pytest.raises(TemplateFailed, match="0002_wrong"):
                databases.new()

    assert tried.read_text() == "x"
    assert kinds(server, databases) == {}


def test_no_databases_are_made_beside_a_protected_one(service: Path, database: Database, run_cli: Callable) -> None:
    """A URL that leads to production is refused before anything is made."""
    run_cli("environment", "set", "production", database=database)

    with pytest.raises(NotForTests, match="production"):
        Databases(database.url, service)


# ── several ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def apart(service: Path) -> Path:
    """The same service with its journal in another database, whose URL leads somewhere real."""
    text = service.read_text().replace('layout = "commanded"', 'layout = "commanded"\ndatabase = "log"')
    service.write_text(
        text.replace("[schemas.members]", '[databases.log]\nurl = "${JOURNAL_URL}"\n\n[schemas.members]')
    )
    return service


def test_each_test_has_a_database_of_each(server: str, apart: Path) -> None:
    """Clones of a template of each, which share nothing; dropped together, and the templates are used again."""
    oids = []
    for _ in range(2):
        with Databases(server, apart) as databases:
            first, second = databases.new(), databases.new()
            first["log"].execute("insert into journal.streams (stream_uuid) values ('a')")
            assert second["log"].value("select count(*) from journal.streams where stream_uuid = 'a'") == 0
            assert first["main"] is first
            assert first["log"]["main"] is first
            assert set(first.system) == {"main", "log"}
            with pytest.raises(LookupError, match="main, log"):
                first["nothing"]
            databases.drop(first)
            found = existing(server, "balados_test_")
            assert {first.name, first["log"].name}.isdisjoint(found)
            assert {second.name, second["log"].name} <= set(found)
        oids.append(kinds(server, databases))

    one, other = sorted(oids[0])
    assert oids[0] == oids[1]
    assert (one.startswith("template_"), other) == (True, f"{one}_1")


def test_a_command_of_a_test_never_reaches_a_real_database(
    server: str, apart: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest's variable names one, and so do all others that count; run, refused, seen: it is not touched."""
    for name in ("JOURNAL_URL", "BALADOS_DB_URL_LOG", "DATABASE_URL", "BALADOS_DB_URL"):
        monkeypatch.setenv(name, database.url)
    before = database.snapshot()

    with Databases(server, apart) as databases:
        mine = databases.new()
        events = Events(mine, databases.project.manifest)
        number = events.append("a", "BookLent", {"book": "Dune"})
        events.checkpoint("LoansProjector", number)
        mine.execute("insert into shelf.loans values ('Dune', 'ada')")
        shown = mine["log"].run("status", "--check")
        done = mine.run("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")

        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert done.returncode == 0, done.stderr
        assert mine.execute("select * from shelf.loans") == []
        assert mine["log"].execute("select last_seen from journal.subscriptions") == []
        assert mine["log"].value("select count(*) from journal.events") == 1
    assert database.snapshot() == before


def test_a_template_of_which_one_is_missing_is_made_anew(server: str, apart: Path) -> None:
    """Killed before the first of them got its name, or one dropped by somebody: no test meets a half."""
    with Databases(server, apart) as databases:
        databases.new()
        whole = databases.project.template
    execute(server, "drop database {}", whole)  # as it is left when a run is killed before that gets its name

    with Databases(server, apart) as databases:
        assert databases.new()["log"].value("select count(*) from journal.streams") == 1
        execute(server, "drop database {}", f"{whole}_1")
        left = existing(server, databases.project.prefix)
        assert databases.new()["log"].value("select count(*) from journal.streams") == 1
        assert set(left) <= set(existing(server, databases.project.prefix))


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def databases(server: str, service: Path) -> Iterator[Databases]:
    with Databases(server, service) as databases:
        yield databases


def test_events_are_appended_as_the_library_does(databases: Databases) -> None:
    """Each has its number in its stream and among all; streams and `$all` know their versions."""
    database = databases.new()
    events = Events(database, databases.project.manifest)

    numbers = [events.append(stream, "BookLent", {"book": "Dune"}) for stream in ("a", "b", "a")]

    assert numbers == [1, 2, 3]
    versions = "select stream_uuid, stream_version from journal.streams order by stream_id"
    assert database.execute(versions) == [("$all", 3), ("a", 2), ("b", 1)]
    links = "select stream_version, original_stream_version from journal.stream_events where stream_id = 0 order by 1"
    assert database.execute(links) == [(1, 1), (2, 1), (3, 2)]
    assert database.value("select convert_from(data, 'UTF8')::json ->> 'book' from journal.events limit 1") == "Dune"


def test_a_position_is_set_wherever_it_is_remembered(databases: Databases) -> None:
    """`status` sees the projector at its position and its lag, and a reset forgets it."""
    database = databases.new()
    events = Events(database, databases.project.manifest)
    events.append("a", "BookLent")
    for position in (7, 1):
        events.checkpoint("LoansProjector", position)

    places = "select last_seen from journal.subscriptions union all select last_seen_event_number from journal.projection_versions"
    assert database.execute(places) == [(1,), (1,)]
    assert database.run("status", "--check").returncode == 0
    assert database.run("reset", "--projections", "--confirm", "DELETE").returncode == 0
    assert database.execute(places) == []


def test_a_misspelt_projector_is_refused(databases: Databases) -> None:
    """A position that nobody reads would make a test pass for the wrong reason."""
    events = Events(databases.new(), databases.project.manifest)

    with pytest.raises(UnknownSubscriber) as caught:
        events.checkpoint("LoanProjector", 1)

    assert "LoansProjector" in caught.value.hint


def test_a_layout_without_append_is_refused(server: str, service: Path) -> None:
    """A store that is spelled out says how an event is appended, or nobody guesses."""
    keep_install_sql(service)
    text = service.read_text().replace('layout = "commanded"', 'layout = "custom"')
    service.write_text(text + '\n[event_store]\ntables = ["streams", "events"]\n')
    with Databases(server, service) as databases:
        events = Events(databases.new(), databases.project.manifest)

        with pytest.raises(NoAppend, match="custom"):
            events.append("a", "BookLent")


def test_the_password_is_not_among_a_process_arguments(databases: Databases) -> None:
    """`run` hands the URL over by the environment; what it prints does not hold it either."""
    shown = databases.new().run("doctor", "--json")

    assert isinstance(shown, subprocess.CompletedProcess)
    password = psycopg.conninfo.conninfo_to_dict(databases.new().url).get("password", "?")
    assert password not in " ".join(shown.args) + shown.stdout + shown.stderr
