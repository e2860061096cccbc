"""From nothing to ready, and onwards: create, init, up, migrate, schema, new, rollback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]


def manifest_with(folder: Path, kind: str = "permanent", **files: str) -> Path:
    """A manifest with one schema, `one`, and its migrations."""
    (folder / "one").mkdir()
    for name, text in files.items():
        (folder / "one" / f"{name}.sql").write_text(text)
    (folder / "balados-db.toml").write_text(f'version = 1\n[schemas.one]\nkind = "{kind}"\nmigrations = "one"\n')
    return folder / "balados-db.toml"


def missing(database: Database) -> Database:
    """A database that does not exist, on the same server."""
    name = f"{database.name}_missing"
    parts = psycopg.conninfo.conninfo_to_dict(database.url)
    return Database(name, psycopg.conninfo.make_conninfo("", **{**parts, "dbname": name}))


def test_create_and_init_make_everything_from_nothing(database: Database, run_cli: Run) -> None:
    """`create` makes database and schemas, `init` the rest; both say what is there already."""
    new = missing(database)
    try:
        created = run_cli("create", "--json", database=new)
        assert created.status == 0, created.err
        assert created.json["changed"] is True
        assert new.value("select count(*) from pg_namespace where nspname in ('system', 'users', 'events')") == 3
        assert run_cli("create", "--json", database=new).json["changed"] is False

        assert run_cli("init", database=new).status == 0
        assert new.rows("events.streams") == 1
        assert new.rows("system._yoyo_migration") == 6
        assert run_cli("init", "--json", database=new).json["changed"] is False
        assert run_cli("status", "--check", database=new).status == 0
    finally:
        database.execute(f'drop database if exists "{new.name}" with (force)')


def test_a_dry_run_of_up_names_every_step_for_a_database_that_does_not_exist(database: Database, run_cli: Run) -> None:
    """Nothing is created, not even the database."""
    result = run_cli("up", "--dry-run", "--json", database=missing(database))

    assert result.status == 0, result.err
    steps = [s["id"] for s in result.json["plan"]["steps"]]
    assert steps[0] == "create_database"
    assert "install_event_store:events" in steps
    assert database.value("select count(*) from pg_database where datname = %s", missing(database).name) == 0


def test_two_inits_at_once_are_serialised(database: Database, run_cli: Run) -> None:
    """Both succeed: the second one finds nothing left to do."""
    words = [*COMMAND, "--manifest", str(EXAMPLE), "--url", database.url, "up"]
    runs = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        for _ in range(2)
    ]
    ends = [(run.communicate(timeout=60)[1], run.returncode)[::-1] for run in runs]

    assert [status for status, _ in ends] == [0, 0], ends
    assert database.rows("events.streams") == 1
    assert database.rows("users._yoyo_migration") == 6


def test_init_leaves_a_store_that_its_own_library_made_and_names_what_it_adds(database: Database, run_cli: Run) -> None:
    """Recognised by its full set of tables; guards and projection_versions are a step that says so."""
    database.execute("create schema events")
    for file in sorted((ROOT / "sql/eventstore").glob("0*.sql")):
        database.execute(file.read_text().replace("{event_store}", "events"))
    oid = database.value("select 'events.streams'::regclass::oid")

    result = run_cli("init", "--json", database=database)

    assert result.status == 0, result.err
    assert "add_to_event_store:events" in [s["id"] for s in result.json["plan"]["steps"]]
    assert database.value("select 'events.streams'::regclass::oid") == oid
    assert database.rows("events.projection_versions") == 0
    assert run_cli("init", "--json", database=database).json["changed"] is False


def test_init_refuses_a_part_of_a_store(database: Database, run_cli: Run) -> None:
    """An unrelated table called `events` is no event store, and no reason to overwrite it."""
    database.execute("create schema events; create table events.events (n int)")
    before = database.snapshot()

    result = run_cli("init", database=database)

    assert (result.status, result.code) == (5, "unknown_event_store")
    assert database.snapshot() == before


def test_migrate_is_all_or_nothing_over_every_schema(balados: Database, run_cli: Run, tmp_path: Path) -> None:
    """A failure in the last file of the last schema leaves every schema as it was."""
    text = EXAMPLE.read_text().replace('"migrations/', f'"{tmp_path}/migrations/').replace('"sql/', f'"{ROOT}/sql/')
    subprocess.run(["cp", "-r", str(ROOT / "migrations"), str(tmp_path)], check=True)
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(text)
    (tmp_path / "migrations/system/0007_good.sql").write_text("create table good (n int);")
    (tmp_path / "migrations/projections/public/0006_bad.sql").write_text("create table fine (n int);\n\nselect 1/0;\n")
    before = balados.snapshot()

    result = run_cli("migrate", database=balados, manifest=manifest)

    assert (result.status, result.code) == (1, "migration_failed")
    assert "division by zero" in result.err
    assert balados.snapshot() == before

    (tmp_path / "migrations/projections/public/0006_bad.sql").write_text("create table fine (n int);\n")
    assert run_cli("migrate", "--system", database=balados, manifest=manifest).status == 0
    assert balados.rows("system.good") == 0
    assert run_cli("status", "--check", database=balados, manifest=manifest).status == 4
    assert run_cli("schema", "migrate", "public", database=balados, manifest=manifest).status == 0
    assert run_cli("status", "--check", database=balados, manifest=manifest).status == 0


def test_what_was_done_before_a_failure_is_said(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """`up` makes the database, then a file fails: nobody is told that nothing was changed."""
    manifest = manifest_with(tmp_path, **{"0001_a": "select 1/0;\n"})
    new = missing(database)

    result = run_cli("up", "--json", database=new, manifest=manifest)

    assert (result.status, result.json["changed"]) == (1, True)
    assert f"create database {new.name}" in result.json["errors"][0]["message"]
    assert "Nothing was changed" not in result.json["errors"][0]["message"]


def test_an_error_names_file_line_and_column(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """And the server's own message; the position is that of the offending word."""
    manifest = manifest_with(tmp_path, **{"0001_a": "create table t (n int);\n-- é\ninsert into nope values (1);\n"})

    result = run_cli("migrate", database=database, manifest=manifest)

    assert "0001_a.sql:3:13:" in result.err
    assert 'relation "nope" does not exist' in result.err
    assert "its own schema" in result.err
    assert database.value("select count(*) from pg_namespace where nspname = 'one'") == 0


def test_plain_yoyo_understands_the_history(balados: Database) -> None:
    """`yoyo list` shows everything applied, `yoyo apply` has nothing to do, checksums are in the log's comment."""
    parts = psycopg.conninfo.conninfo_to_dict(balados.url)
    url = f"postgresql+psycopg://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}?schema=users"
    yoyo = [
        sys.executable,
        "-m",
        "yoyo",
        "{}",
        "-b",
        "--no-config-file",
        "-d",
        url,
        str(ROOT / "migrations/projections/users"),
    ]
    environment = clean_environment(PGPASSWORD=str(parts.get("password", "")))

    def run(verb: str) -> str:
        words = [verb if w == "{}" else w for w in yoyo]
        return subprocess.run(words, capture_output=True, text=True, env=environment, check=True, timeout=60).stdout

    listed = run("list")
    assert listed.count("\nA ") == 6
    assert "\nU " not in listed
    before = balados.snapshot("users")
    run("apply")
    assert balados.snapshot("users") == before
    assert balados.value("select count(*) from users._yoyo_log where comment ~ '^sha256:[0-9a-f]{64}$'") == 6


def test_settings_of_one_file_do_not_reach_the_next(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """A pg_dump header empties the search_path; the next file finds its own again."""
    dump = "select pg_catalog.set_config('search_path', '', false);\nset client_min_messages = error;\nset check_function_bodies = false;\n"
    manifest = manifest_with(
        tmp_path, **{"0001_a": dump + "create table one.a (n int);", "0002_b": "create table b (n int);"}
    )

    assert run_cli("migrate", database=database, manifest=manifest).status == 0
    assert database.rows("one.b") == 0


def test_a_file_outside_a_transaction_is_a_phase_of_its_own(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """CREATE INDEX CONCURRENTLY works, the plan names it as not atomic, and the history knows it."""
    files = {
        "0001_a": "create table a (n int);",
        "0002_b": "-- transactional: false\ncreate index concurrently a_n on a (n);\n",
        "0003_c": "create table c (n int);",
    }
    manifest = manifest_with(tmp_path, **files)

    planned = run_cli("migrate", "--dry-run", "--json", database=database, manifest=manifest).json["plan"]["steps"]
    assert [s["atomic"] for s in planned if "0002_b" in s["summary"]] == [False]
    result = run_cli("migrate", database=database, manifest=manifest)

    assert result.status == 0, result.err
    assert database.value("select count(*) from pg_indexes where indexname = 'a_n'") == 1
    assert database.rows("one._yoyo_migration") == 3


def test_a_python_migration_shares_the_transaction(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """Its steps run; one that commits is refused and leaves nothing."""
    manifest = manifest_with(tmp_path, **{"0001_a": "create table a (n int);"})
    step = "from yoyo import step\n__depends__ = {'0001_a'}\ndef go(conn):\n    conn.cursor().execute('insert into a values (7)')\n"
    (tmp_path / "one" / "0002_b.py").write_text(step + "step(go)\n")
    assert run_cli("migrate", database=database, manifest=manifest).status == 0
    assert database.execute("select n from one.a") == [(7,)]

    (tmp_path / "one" / "0003_c.py").write_text(
        step.replace("(7)", "(8)").replace("values (8)')\n", "values (8)')\n    conn.commit()\n") + "step(go)\n"
    )
    before = database.snapshot()
    result = run_cli("migrate", database=database, manifest=manifest)
    assert result.status in (1, 2), result.err
    assert "Traceback" not in result.err
    assert database.snapshot() == before


@pytest.mark.parametrize("name", ["Mixed Case", "select", 'quo"te', "dé.jà", "percent%s {x}"])
def test_schemas_with_any_name_are_made_migrated_and_reset(
    name: str, database: Database, run_cli: Run, tmp_path: Path
) -> None:
    """Names are identifiers, never text: case, keywords, quotes, dots, percent signs and braces are just letters."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "0001_a.sql").write_text("create table t (n int); insert into t values (1);")
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(f'version = 1\n[schemas."{quoted}"]\nkind = "projection"\nmigrations = "m"\n')

    assert run_cli("up", database=database, manifest=manifest).status == 0
    for way in ("--empty", "--recreate"):
        result = run_cli("reset", "--schema", name, way, "--confirm", "DELETE", database=database, manifest=manifest)
        assert result.status == 0, result.err
    assert database.rows('"{}".t'.format(name.replace('"', '""'))) == 1
    assert run_cli("status", "--check", database=database, manifest=manifest).status == 0


def test_new_writes_the_next_file_and_it_applies(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """Numbered after the last one, depending on it, with its rollback beside it."""
    manifest = manifest_with(tmp_path, **{"0009_a": "create table a (n int);"})

    result = run_cli("new", "Add a Column!", "--schema", "one", "--json", manifest=manifest)

    file = Path(result.json["result"]["files"][0])
    assert file.name == "0010_add_a_column.sql"
    assert "-- depends: 0009_a" in file.read_text()
    assert file.with_name("0010_add_a_column.rollback.sql").exists()
    file.write_text(file.read_text() + "alter table a add b int;\n")
    assert run_cli("migrate", database=database, manifest=manifest).status == 0


# ── rollback ─────────────────────────────────────────────────────────────────────────────────────────────


def test_rollback_takes_back_the_newest_or_down_to_one(balados: Database, run_cli: Run) -> None:
    """It needs the phrase of the schema's kind, and plain history follows."""
    refused = run_cli("rollback", "--schema", "system", database=balados)
    assert refused.status == 3

    one = run_cli("rollback", "--schema", "system", "--confirm", "DELETE", database=balados)
    assert one.status == 0, one.err
    assert balados.value("select to_regclass('system.email_verifications')") is None
    down = run_cli("rollback", "--schema", "system", "--to", "0001_users", "--confirm", "DELETE", database=balados)
    assert down.status == 0, down.err
    assert balados.execute("select migration_id from system._yoyo_migration") == [("0001_users",)]
    assert run_cli("migrate", database=balados).status == 0
    assert run_cli("status", "--check", database=balados).status == 0


def test_rollback_names_what_needs_what_it_drops(filled: Database, run_cli: Run) -> None:
    """The file says RESTRICT, as it should; PostgreSQL's own sentence names nothing."""
    filled.execute("create view system.shown as select * from public.podcast_popularity")

    result = run_cli(
        "rollback",
        "--schema",
        "public",
        "--to",
        "0001_public_events",
        "--with-dependents",
        "--confirm",
        "DELETE",
        database=filled,
    )

    assert (result.status, result.code) == (1, "migration_failed")
    assert "view system.shown depends on" in result.err
    assert "never with CASCADE" in result.err


def test_rollback_of_a_projection_is_a_reset_of_it(filled: Database, run_cli: Run) -> None:
    """Rows and positions of its projectors go as well, with the same refusals."""
    refused = run_cli("rollback", "--schema", "public", "--confirm", "DELETE", database=filled)
    assert (refused.status, refused.code) == (5, "projector_across_scope")
    filled.execute("delete from balados_db.structure where schema_name = 'x'")

    result = run_cli("rollback", "--schema", "public", "--with-dependents", "--confirm", "DELETE", database=filled)

    assert result.status == 0, result.err
    assert filled.value("select to_regprocedure('public.is_subscription_active(timestamptz, timestamptz)')") is None
    assert filled.rows("public.podcast_popularity") == 0
    left = {name for (name,) in filled.execute("select projection_name from events.projection_versions")}
    assert "PopularityProjector" not in left
    assert "SubscriptionsProjector" in left


def test_a_rollback_that_was_done_already_has_nothing_to_do(filled: Database, run_cli: Run) -> None:
    """The same words again are no mistake, though the projector's tables are gone by now."""
    words = ("rollback", "--schema", "users", "--to", "0001_updated_at", "--with-dependents", "--confirm", "DELETE")

    assert run_cli(*words, database=filled).status == 0
    again = run_cli(*words, "--json", database=filled)

    assert (again.status, again.json["changed"]) == (0, False), again.out


def test_rollback_is_refused_where_a_kept_table_would_lose_something(
    balados: Database, run_cli: Run, tmp_path: Path
) -> None:
    """A rollback file that reaches into another schema is taken back."""
    manifest = manifest_with(
        tmp_path,
        **{"0001_a": "create table a (n int);", "0001_a.rollback": "drop table a; drop table system.app_tokens;"},
    )
    assert run_cli("migrate", database=balados, manifest=manifest).status == 0
    before = balados.snapshot()

    result = run_cli("rollback", "--schema", "one", "--confirm", "DELETE", database=balados, manifest=manifest)

    assert (result.status, result.code) == (1, "promise_broken")
    assert "app_tokens" in result.err
    assert balados.snapshot() == before


def test_a_migration_that_waits_for_a_lock_gives_up_in_time(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """--lock-timeout bounds it, whatever the files before it set; exit 6, nothing changed."""
    manifest = manifest_with(tmp_path, **{"0001_a": "create table a (n int); set lock_timeout = 0;"})
    assert run_cli("migrate", database=database, manifest=manifest).status == 0
    (tmp_path / "one" / "0002_b.sql").write_text("set lock_timeout = 0;\n")
    (tmp_path / "one" / "0003_c.sql").write_text("alter table a add m int;\n")
    before = database.snapshot()
    with database.connect() as reader:
        reader.execute("begin")
        reader.execute("select * from one.a")
        result = run_cli("--lock-timeout", "1", "migrate", database=database, manifest=manifest, timeout=20)

    assert (result.status, result.code) == (6, "lock_timeout")
    assert "0003_c.sql" in result.err
    assert database.snapshot() == before
