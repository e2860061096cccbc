"""Every error that a user can cause, from the outside: its status, its code, what to do, and that nothing changed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]
PASSWORD = "hunter2-Kx9"
BOOKS = 'version = 1\n[schemas.books]\nkind = "projection"\nmigrations = "books"\n'
RESET = ("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")
PHRASES = {"system": "DELETE", "events": "DELETE ALL EVENTS", "all": "DELETE ALL DATA"}
TABLE = "create table shelf (id int primary key, title text);\n"


class Refuse:
    """Run a command in words and for programs; both must be refused in the same, well-mannered way."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(
        self,
        line: tuple[str, ...],
        status: int,
        code: str,
        *,
        says: tuple[str, ...] = (),
        advises: str = "",
        on: Database | None = None,
        **options: Any,
    ) -> Result:
        """`says` are words of the message, `advises` of its hint; the database `on` which it runs must not change."""
        if on and "--url" not in line:
            options["database"] = on
        before = on.snapshot() if on else {}
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda words: self.run(*words, **options), [(*line, "--json"), line]))
        for result in results:
            assert (result.status, result.code) == (status, code), result.out + result.err
            assert "Traceback" not in result.out + result.err
            assert PASSWORD not in result.out + result.err
        error = self.one_object(results[0])
        assert results[1].out == ""
        assert f"{error['message']}" in results[1].err
        assert f"→ {error['hint']}" in results[1].err
        assert [words for words in says if words not in error["message"]] == [], error["message"]
        assert advises in error["hint"]
        assert (on.snapshot() if on else {}) == before
        return results[0]

    def one_object(self, result: Result) -> dict[str, Any]:
        """The one error in the one object on standard output; it has a hint and proposes no consent."""
        assert result.out.count("\n") == 1
        answer = result.json
        assert (answer["ok"], answer["exit_status"], answer["changed"]) == (False, result.status, False)
        assert "--confirm" not in json.dumps(answer["next_actions"])
        (error,) = answer["errors"]
        assert error["hint"], f"no hint: {error['message']}"
        return error


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the example in which files may be broken."""
    for name in ("migrations", "sql"):
        shutil.copytree(ROOT / name, tmp_path / "own" / name)
    shutil.copy(EXAMPLE, tmp_path / "own")
    return tmp_path / "own"


@pytest.fixture
def refuse(run_cli: Run) -> Refuse:
    return Refuse(run_cli)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a manifest and the files of its schema `books`; returns the manifest."""

    def write(manifest: str = BOOKS, **files: str) -> Path:
        (tmp_path / "books").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / "books" / name.replace("__", ".")).write_text(text)
        (tmp_path / "balados-db.toml").write_text(manifest)
        return tmp_path / "balados-db.toml"

    return write


@contextmanager
def holding(database: Database, *statements: str, name: str = "the-holder") -> Iterator[psycopg.Connection[Any]]:
    """A session that ran these statements and idles in its transaction."""
    with psycopg.connect(database.url, application_name=name) as conn:
        for statement in statements:
            conn.execute(statement)
        yield conn
        if not conn.closed:
            conn.rollback()


def url(database: Database, **parts: str) -> str:
    """The database's URL with other parts."""
    return make_conninfo("", **{**conninfo_to_dict(database.url), **parts})


# ── the command line ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "advises"),
    [
        (("reste",), "balados-db reset"),
        (("schema", "migrat", "users"), "schema migrate"),
        (("reset", "--projectoins"), "balados-db reset --help"),
        (("status", "--jsn"), "balados-db status --help"),
        (("reset",), "balados-db guide"),
        (("reset", "--projections", "--events"), "one of them"),
        (("reset", "--events", "--projections"), "one of them"),
        (("reset", "--system", "--all"), "one of them"),
        (("reset", "--projections", "--empty", "--recreate"), "one of them"),
        (("reset", "--schema", "users", "--schema", "public"), "once"),
        (("reset", "--all", "--schema", "users"), "reset --schema users"),
        (("rollback",), "--help"),
        (("migrate", "--timeout", "soon"), "--help"),
        (("migrate", "--timeout", "-1"), "--help"),
        (("migrate", "--timeout", "nan"), "--help"),
        (("migrate", "--lock-timeout", "inf"), "--help"),
    ],
    ids=" ".join,
)
def test_a_mistyped_line_is_refused_with_what_to_type(arguments: Any, advises: str, refuse: Refuse) -> None:
    """A line that says nothing, or two things, does neither: exit 2, before any connection."""
    nowhere = {"BALADOS_DB_URL": f"postgresql://app:{PASSWORD}@127.0.0.1:1/none"}

    refuse(arguments, 2, "usage", advises=advises, env=nowhere)


def test_a_near_miss_names_what_was_meant(run_cli: Run) -> None:
    """Commands, subcommands, options, schemas and projectors that almost exist are named."""
    meant = {
        ("reste",): "balados-db reset",
        ("schema", "migrat"): "balados-db schema migrate",
        ("environment", "sett"): "balados-db environment set",
        ("reset", "--projectoins"): "--projections",
        ("reset", "--schema", "user"): "'users'",
        ("reset", "--projector", "PopularitProjector"): "'PopularityProjector'",
        ("rollback", "--schema", "sytem"): "'system'",
        ("migrate", "--schema", "evnts"): "'events'",
        ("schema", "create", "publik"): "'public'",
    }
    for arguments, word in meant.items():
        result = run_cli(*arguments)
        assert (result.status, word in result.err) == (2, True), result.err


@pytest.mark.parametrize("word", ["drop", "wipe", "flush", "truncate", "recreate", "rollback-all"])
def test_a_dangerous_word_is_refused_with_the_right_command(word: str, refuse: Refuse) -> None:
    """Habits that would destroy too much exist only to say what to type instead."""
    refuse((word, "--all", "--yes"), 2, "refusing_name", says=(f"`{word}`",), advises="balados-db r")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("reset", "--schema", "nothing"), "unknown_schema"),
        (("migrate", "--schema", "nothing"), "unknown_schema"),
        (("rollback", "--schema", "nothing"), "unknown_schema"),
        (("schema", "migrate", "nothing"), "unknown_schema"),
        (("new", "x", "--schema", "nothing"), "unknown_schema"),
        (("adopt", "--schema", "nothing"), "unknown_schema"),
        (("reset", "--projector", "nothing"), "unknown_projector"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_name_that_the_manifest_does_not_declare_is_refused(arguments: Any, code: str, refuse: Refuse) -> None:
    """Nothing can be done to a schema or projector that nobody declared; the declared ones are named."""
    refuse(arguments, 2, code, says=("'nothing'",), advises="it declares")


# ── the manifest ─────────────────────────────────────────────────────────────────────────────────────────


def schema(name: str, kind: str = "projection") -> str:
    """A manifest with one schema."""
    return f'version = 1\n[schemas."{name}"]\nkind = "{kind}"\n'


MANIFESTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "not TOML": ("version = \n", "manifest_syntax", ("line 1",)),
    "no version": ('[schemas.a]\nkind = "projection"\n', "manifest_invalid", ("version",)),
    "unknown key": (
        f"{BOOKS}migration = 1\n",
        "manifest_invalid",
        ("schemas.books.migration", "did you mean 'migrations'?"),
    ),
    "unknown table": ("version = 1\n[schema.a]\n", "manifest_invalid", ("schema", "did you mean 'schemas'?")),
    "bad kind": (schema("a", "projektion"), "manifest_invalid", ("schemas.a.kind", "did you mean 'projection'?")),
    "64 bytes": (schema("é" * 31 + "xy"), "manifest_invalid", ("64 bytes", "63")),
    "pg_": (schema("pg_mine"), "manifest_invalid", ("'pg_mine' belongs to PostgreSQL",)),
    "information_schema": (schema("information_schema"), "manifest_invalid", ("belongs to PostgreSQL",)),
    "our own": (schema("balados_db"), "manifest_invalid", ("its own records",)),
    "two stores": (
        schema("a", "event_store") + '[schemas.b]\nkind = "event_store"\n',
        "manifest_invalid",
        ("schemas.b", "only one"),
    ),
    "short phrase": (f'{BOOKS}[confirmation]\nall = "yes"\n', "manifest_invalid", ("confirmation.all", "not shorter")),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_wrong_manifest_is_refused_by_file_and_key(case: str, refuse: Refuse, written: Callable[..., Path]) -> None:
    """What is wrong is named before anything is connected to, with the nearest right word."""
    text, code, says = MANIFESTS[case]
    file = written(text)

    refuse(("reset", "--projections"), 2, code, says=(str(file), *says), advises="`", manifest=file)


def test_a_schema_name_of_63_bytes_is_right(run_cli: Run, written: Callable[..., Path]) -> None:
    """PostgreSQL's own limit is ours, in bytes: one less than the refused name passes."""
    result = run_cli("status", manifest=written(schema("é" * 31 + "x")))

    assert (result.status, result.code) == (2, "no_url")


def test_a_missing_manifest_says_where_it_was_looked_for(refuse: Refuse, tmp_path: Path) -> None:
    """Neither here nor above: the message names both, the hint what to do."""
    missing = tmp_path / "none.toml"

    refuse(("status",), 2, "manifest_missing", says=(str(tmp_path),), advises="manifest init", manifest=None)
    refuse(("status",), 2, "manifest_missing", says=(str(missing),), advises="--manifest", manifest=missing)


def test_a_manifest_that_cannot_be_read_is_named(refuse: Refuse, tmp_path: Path) -> None:
    """Bytes that are no text are said to be none."""
    file = tmp_path / "balados-db.toml"
    file.write_bytes(b"version = 1 # \xff\n")

    refuse(("status",), 2, "manifest_unreadable", says=("not UTF-8 (line 1, byte 14)",), advises="UTF-8", manifest=file)


@pytest.mark.parametrize(
    "words", [("status",), ("check",), ("manifest", "check"), ("reset", "--all")], ids=lambda words: "-".join(words)
)
def test_what_is_no_file_is_said_to_be_none(refuse: Refuse, tmp_path: Path, words: tuple[str, ...]) -> None:
    """It is there, so it is not said to be missing; a pipe is not waited for; a name that no file can have is refused."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for manifest, said in ((tmp_path, "a directory"), (pipe, "no ordinary file"), ("x" * 5000, "File name too long")):
        refuse(words, 2, "manifest_unreadable", says=(said,), manifest=manifest)


DEEP = {"deep": "a = " + "[" * 100_000, "deep tables": "a = " + "{a=" * 5000, "long": "version = " + "9" * 5000}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_no_parser_can_hold_is_a_mistake_in_the_file(
    refuse: Refuse, written: Callable[..., Path], text: str
) -> None:
    """Nesting and numbers without end are refused as other syntax is; in a lock file too."""
    file = written("version = 1\n")
    file.with_suffix(".lock").write_text(text)
    refuse(("check",), 2, "lock_file_invalid", says=(".lock",), manifest=file)

    file.write_text(text)
    refuse(("status",), 2, "manifest_syntax", says=(str(file),), manifest=file)


@pytest.mark.parametrize(
    "text",
    [
        schema("books") + 'holds = "\\u0000"\n',
        schema("books") + 'migrations = "\\u0000"\n',
        schema("books") + '[projectors."a\\u0000"]\n',
        schema("books") + '[[checkpoints]]\ntable = "books.\\u0000"\nprojector = "p"\n',
        schema("books") + '[rebuild]\ncommand = ["\\u0000"]\n',
    ],
    ids=["words", "path", "name", "table", "command"],
)
def test_what_postgresql_cannot_hold_is_refused_in_the_manifest(
    refuse: Refuse, written: Callable[..., Path], text: str
) -> None:
    """Before anything is asked or done, wherever it stands."""
    refuse(("status",), 2, "manifest_invalid", says=("a NUL",), manifest=written(text))


@pytest.mark.parametrize("option", ["--url", "--manifest"])
def test_an_empty_word_is_not_another_database(refuse: Refuse, filled: Database, option: str) -> None:
    """`--url "$UNSET"` must not fall through to whatever the environment names."""
    env = {"BALADOS_DB_URL": filled.url}
    for empty in ("", " ") if option == "--url" else ("",):
        line = (*RESET, option, empty)
        refuse(line, 2, "usage", says=(option, "empty"), advises="variable", on=filled, env=env)


def test_a_folder_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    """Whoever stands in a directory that somebody removed is told so, whatever they run."""
    lines = ("status", "check", "new x --schema users", "manifest init", "server url", "reset --all", "docs")
    lines = (*lines, f"plan reset --all --manifest {EXAMPLE} --out x")

    for number, line in enumerate(lines):
        gone = tmp_path / str(number)
        gone.mkdir()
        script = f'rmdir "$PWD" && exec {shlex.join(COMMAND)} {line} --json --url postgresql://127.0.0.1:1/x'
        done = subprocess.run(
            ["sh", "-c", script], cwd=gone, env=clean_environment(), capture_output=True, text=True, check=False
        )
        told = json.loads(done.stdout)
        assert (done.returncode, told["errors"][0]["code"], done.stderr) == (2, "no_working_directory", ""), line


def test_folders_that_cannot_be_read_are_named(refuse: Refuse, run_cli: Run, own: Path) -> None:
    """Of migrations or of install SQL: with the reason, and `check` finds it as well."""
    system, (install, *_) = own / "migrations/system", sorted((own / "sql/eventstore").iterdir())
    shutil.rmtree(system)
    system.symlink_to(system)
    manifest = own / EXAMPLE.name
    refuse(("status",), 2, "migrations_unreadable", says=(str(system), "symbolic links"), manifest=manifest)
    assert "migrations_unreadable" in run_cli("check", manifest=manifest).out

    system.unlink()
    shutil.copytree(ROOT / "migrations/system", system)
    install.write_bytes(b"-- caf\xe9\n" + install.read_bytes())
    assert "install_sql_unreadable" in run_cli("check", manifest=manifest).out
    refuse(("manifest", "check"), 2, "install_sql_unreadable", says=(str(install), "not UTF-8"), manifest=manifest)


def test_install_sql_that_is_no_text_installs_nothing(
    refuse: Refuse, own: Path, new_database: Callable[..., Database]
) -> None:
    """Refused before anything is made, and named."""
    install = sorted((own / "sql/eventstore").iterdir())[-1]
    install.write_bytes(b"-- caf\xe9\n" + install.read_bytes())

    for line in (("up",), ("init", "--dry-run")):
        refuse(line, 2, "install_sql_unreadable", says=(str(install),), on=new_database(), manifest=own / EXAMPLE.name)


# ── migration files ──────────────────────────────────────────────────────────────────────────────────────

FILES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "misspelt directive": ({"a__sql": "-- Depends: b\n", "b__sql": ""}, ("a.sql:1", "lower case")),
    "directive below": ({"a__sql": "select 1;\n-- depends: b\n", "b__sql": ""}, ("a.sql:2", "top of the file")),
    "depends with comma": ({"a__sql": "-- depends: b, c\n", "b__sql": "", "c__sql": ""}, ("a.sql:1", "blanks")),
    "unknown dependency": ({"a__sql": "-- depends: nothing\n"}, ("a.sql", "nothing")),
    "a cycle": ({"a__sql": "-- depends: b\n", "b__sql": "-- depends: a\n"}, ("depends on itself", "→")),
    "a duplicate id": ({"a__sql": "", "a__py": ""}, ("'a' is used by another file",)),
    "an ending in capitals": ({"a__SQL": ""}, ("a.SQL", "'.sql'")),
    "no Python": ({"a__py": "steps = [\n"}, ("a.py:1", "not valid Python")),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_migration_file_is_refused_before_it_runs(
    case: str, run_cli: Run, written: Callable[..., Path]
) -> None:
    """What yoyo would ignore in silence is a mistake with a file and a line, before any connection."""
    files, says = FILES[case]

    result = run_cli("migrate", manifest=written(**files))

    assert (result.status, result.code) == (2, "migration_invalid"), result.err
    assert all(words in result.err for words in says), result.err
    assert "Traceback" not in result.err


def test_a_missing_migrations_directory_is_no_empty_one(refuse: Refuse, tmp_path: Path) -> None:
    """A directory that is not there is refused: it is a typing error, not an absence of migrations."""
    file = tmp_path / "balados-db.toml"
    file.write_text(BOOKS)

    refuse(("migrate",), 2, "migrations_missing", says=("books",), advises="`migrations`", manifest=file)


# ── the URL ──────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_url_the_way_to_one_is_named(refuse: Refuse) -> None:
    """No database anywhere: the hint offers one for development."""
    refuse(("status",), 2, "no_url", advises="balados-db server start")


@pytest.mark.parametrize(
    "wrong",
    [
        f"mysql://app:{PASSWORD}@127.0.0.1/db",
        f"postgresql://app:%zz{PASSWORD}@127.0.0.1/db",
        f"postgresql://app:{PASSWORD}@[::1/db",
        f"host=127.0.0.1 password='{PASSWORD}",
        f"127.0.0.1/{PASSWORD}",
        f"host=127.0.0.1 nothing={PASSWORD}",
        f"postgresql://app:x@{PASSWORD}@127.0.0.1/db",
        f"postgresql://app:{PASSWORD}/x@127.0.0.1:1/db",
    ],
    ids=["scheme", "percent", "bracket", "quote", "bare", "keyword", "a bare @", "a bare slash"],
)
def test_a_wrong_url_is_refused_without_being_repeated(wrong: str, refuse: Refuse) -> None:
    """The message names where the URL came from and how to write one, never the URL, which may hold a password."""
    refuse(("status", "--url", wrong), 2, "invalid_url", says=("--url",), advises="percent-encoded")
    refuse(("status",), 2, "invalid_url", says=("BALADOS_DB_URL",), env={"BALADOS_DB_URL": wrong})


def test_a_blank_in_a_password_is_not_repeated_either(run_cli: Run) -> None:
    """Whether libpq takes a blank depends on its version; the password is shown by none."""
    for words in (("status",), ("status", "--json")):
        result = run_cli(*words, "--url", f"postgresql://app:{PASSWORD} x@127.0.0.1:1/db")
        assert (result.status, result.code) in ((2, "invalid_url"), (8, "unreachable"))
        assert PASSWORD not in result.out + result.err


def test_nobody_listening_is_unreachable(refuse: Refuse) -> None:
    """No server on that port: exit 8, worth trying again, and the message names host and port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/db"

    result = refuse(("status", "--url", nobody), 8, "unreachable", says=(f"127.0.0.1:{port}",), advises="--wait")

    assert result.json["errors"][0]["retryable"] is True


def test_a_wrong_password_is_said_to_be_wrong(database: Database, refuse: Refuse) -> None:
    """Exit 8: the login is named as the reason; the password is not."""
    refuse(("status", "--url", url(database, password=PASSWORD)), 8, "authentication_failed", advises="password")


def test_a_database_that_does_not_exist_can_be_created(database: Database, refuse: Refuse) -> None:
    """Exit 8, and the command that makes it."""
    wrong = url(database, dbname="nobody_made_this")

    for command in (("status",), ("migrate",), ("reset", "--all", "--confirm", "DELETE ALL DATA")):
        says = ("'nobody_made_this'",)
        refuse((*command, "--url", wrong), 8, "no_database", says=says, advises="balados-db create")


def test_sources_that_disagree_stop_a_destruction(filled: Database, refuse: Refuse, run_cli: Run) -> None:
    """Two variables that name two databases: reading takes the first, destroying neither; --url decides."""
    elsewhere = {"DATABASE_URL": f"postgresql://app:{PASSWORD}@127.0.0.1:1/other", "PGDATABASE": "other"}
    before = filled.snapshot()

    for name, value in elsewhere.items():
        env = {"BALADOS_DB_URL": filled.url, name: value}
        refuse(RESET, 2, "targets_disagree", says=("other", filled.name), advises="--url", env=env)
        assert run_cli("status", env=env).status == 0
    assert filled.snapshot() == before

    assert run_cli(*RESET, database=filled, env=elsewhere).status == 0
    assert filled.rows("users.subscriptions") == 0


# ── migrations that fail ─────────────────────────────────────────────────────────────────────────────────


def test_a_failing_migration_is_named_by_line_and_column(
    database: Database, run_cli: Run, written: Callable[..., Path]
) -> None:
    """The server's own words, the file, the line and the column; what ran before it is taken back too."""
    manifest = written(a__sql=TABLE, b__sql="-- a\n\nselect 1;\n  select nothing from shelf;\n")
    before = database.snapshot()

    result = run_cli("migrate", database=database, manifest=manifest)

    assert (result.status, result.code) == (1, "migration_failed"), result.err
    assert f"{manifest.parent}/books/b.sql:4:10" in result.err
    assert 'column "nothing" does not exist' in result.err
    assert "Nothing was changed" in result.err
    assert database.snapshot() == before


@pytest.mark.parametrize(
    "command",
    ["commit", "COMMIT AND CHAIN", "begin", "start transaction", "rollback", "savepoint s", "copy shelf from stdin"],
)
def test_a_migration_cannot_end_the_transaction_that_it_is_in(
    command: str, database: Database, run_cli: Run, written: Callable[..., Path]
) -> None:
    """Transaction commands and COPY FROM STDIN are refused by the server itself; nothing of the run stays."""
    manifest = written(a__sql=TABLE, b__sql=f"insert into shelf values (1, 'kept?');\n{command};\n")
    before = database.snapshot()

    result = run_cli("migrate", database=database, manifest=manifest)

    assert (result.status, result.code) == (1, "migration_failed"), result.err
    assert "b.sql" in result.err
    assert "→ a migration is part of one transaction" in result.err
    assert database.snapshot() == before


def test_an_edited_migration_is_refused(
    database: Database, run_cli: Run, refuse: Refuse, written: Callable[..., Path]
) -> None:
    """An applied file with another content: exit 2, the file named, nothing applied."""
    manifest = written(a__sql=TABLE)
    assert run_cli("migrate", database=database, manifest=manifest).status == 0
    written(a__sql=TABLE + "-- one more word\n", b__sql="select 1;\n")

    for line in (("migrate",), ("schema", "migrate", "books"), ("init",)):
        says = ("'books'", ": a.")
        refuse(line, 2, "migration_edited", says=says, advises="--schema books", on=database, manifest=manifest)


def test_an_applied_migration_without_its_file_is_refused(
    database: Database, run_cli: Run, refuse: Refuse, written: Callable[..., Path]
) -> None:
    """An applied file that is gone: exit 2, the file named; it cannot be rolled back either."""
    manifest = written(a__sql=TABLE, b__sql="select 1;\n")
    assert run_cli("migrate", database=database, manifest=manifest).status == 0
    (manifest.parent / "books" / "b.sql").unlink()
    before = database.snapshot()

    says = ("'books'", ": b.")
    refuse(("migrate",), 2, "migration_file_missing", says=says, advises="restore", on=database, manifest=manifest)
    gone = run_cli("rollback", "--schema", "books", "--confirm", "DELETE", database=database, manifest=manifest)
    assert (gone.status, gone.code) == (2, "migration_invalid")
    assert database.snapshot() == before


def test_a_migration_without_a_rollback_file_stays(
    database: Database, run_cli: Run, refuse: Refuse, written: Callable[..., Path]
) -> None:
    """What nobody wrote cannot be taken back: exit 2, and the name of the file that is missing."""
    manifest = written(a__sql=TABLE)
    assert run_cli("migrate", database=database, manifest=manifest).status == 0

    line, says = ("rollback", "--schema", "books", "--confirm", "DELETE"), ("a.rollback.sql",)
    refuse(line, 2, "rollback_missing", says=says, advises="write it", on=database, manifest=manifest)


# ── who may not ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stranger(filled: Database) -> Iterator[str]:
    """The URL of a role that may connect and nothing else."""
    role = f"stranger_{uuid.uuid4().hex[:8]}"
    name = sql.Identifier(role)
    with filled.connect() as conn:
        conn.execute(sql.SQL("create role {} login password {}").format(name, sql.Literal(PASSWORD)))
        yield url(filled, user=role, password=PASSWORD)
        conn.execute(sql.SQL("drop owned by {}; drop role {}").format(name, name))


def test_a_role_without_rights_is_refused_by_name(stranger: str, filled: Database, refuse: Refuse) -> None:
    """What the role may not do is said with the role's name: exit 5; nothing is done in part."""
    missing = make_conninfo(stranger, dbname="nobody_made_this")

    for line in (
        (*RESET, "--url", stranger),
        ("reset", "--all", "--confirm", "DELETE ALL DATA", "--url", stranger),
        ("create", "--url", missing),
    ):
        refuse(line, 5, "not_allowed", says=("permission denied",), advises="grant", on=filled)


def test_a_role_that_may_only_read_empties_nothing(
    stranger: str, filled: Database, refuse: Refuse, run_cli: Run
) -> None:
    """Every row may be read, none removed: refused before the phrase where that is known, and else by the server."""
    filled.execute(f"grant pg_read_all_data to {conninfo_to_dict(stranger)['user']}")
    empty = ("reset", "--projections", "--empty", "--url", stranger)

    refuse(empty, 5, "empty_impossible", says=("users", "may not truncate"), advises="--recreate", on=filled)
    refuse((*RESET, "--url", stranger), 5, "not_allowed", advises="owner", on=filled)
    assert run_cli("status", "--url", stranger).status == 0


def test_a_database_set_to_read_only_stays_as_it_is(filled: Database, refuse: Refuse) -> None:
    """Somebody's own fence is respected: exit 5, for destruction and for migrations."""
    filled.execute("drop schema users cascade")
    filled.execute(f"alter database {filled.name} set default_transaction_read_only = on")

    for line in (RESET, ("migrate",)):
        refuse(line, 5, "read_only", says=(filled.name,), advises="primary", on=filled)


def test_a_protected_environment_keeps_what_exists_nowhere_else(filled: Database, run_cli: Run, refuse: Refuse) -> None:
    """Stamped production: permanent data and events cannot be reset, phrase or not; projections can."""
    assert run_cli("environment", "set", "production", database=filled).status == 0

    for line in (
        *[("reset", f"--{scope}", "--confirm", phrase) for scope, phrase in PHRASES.items()],
        ("reset", "--all"),
        ("reset", "--schema", "system", "--confirm", "no"),
        ("rollback", "--schema", "system", "--confirm", "DELETE"),
    ):
        says = ("'production'",)
        refuse(line, 5, "environment_protected", says=says, advises="environment set", on=filled)

    assert run_cli(*RESET, database=filled).status == 0
    assert filled.rows("users.subscriptions") == 0
    assert filled.rows("events.events") == 20


def test_another_environment_than_the_manifest_believes_is_left_alone(
    filled: Database, run_cli: Run, refuse: Refuse, tmp_path: Path
) -> None:
    """The manifest says staging, the database was stamped development: exit 5 before anything is destroyed."""
    assert run_cli("environment", "set", "development", database=filled).status == 0
    believing = (EXAMPLE.read_text() + "\n").replace("[database]\n", '[database]\nenvironment = "staging"\n')
    for folder in ("migrations", "sql"):
        believing = believing.replace(f'"{folder}/', f'"{EXAMPLE.parent}/{folder}/')
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(believing)

    says = ("'staging'", "'development'")
    refuse(RESET, 5, "environment_mismatch", says=says, advises="environment show", on=filled, manifest=manifest)


# ── who is in the way ────────────────────────────────────────────────────────────────────────────────────


def test_one_run_at_a_time(filled: Database, refuse: Refuse) -> None:
    """Another run holds the mutex: exit 6 after --lock-timeout, its process and name given."""
    with holding(filled, "select pg_advisory_xact_lock(hashtextextended('balados-db', 0))") as other:
        says = (f"process {other.info.backend_pid}", "the-holder")
        for command in (RESET, ("rollback", "--schema", "system", "--confirm", "DELETE")):
            line = (*command, "--lock-timeout", "1")
            result = refuse(line, 6, "lock_held", says=says, advises="wait", on=filled)
            assert result.json["errors"][0]["retryable"] is True


def test_a_session_that_idles_on_a_table_is_named(filled: Database, run_cli: Run) -> None:
    """A table in use is not waited for endlessly: exit 6, with the process, its state and the table."""
    before = filled.snapshot()

    with holding(filled, "select count(*) from users.subscriptions") as other:
        process = f"process {other.info.backend_pid}"
        result = run_cli(*RESET, "--lock-timeout", "1", database=filled)

    assert (result.status, result.code) == (6, "lock_timeout"), result.err
    who = (process, "the-holder", "idle in transaction", "on users.subscriptions")
    assert [words for words in (*who, "--lock-timeout") if words not in result.err] == []
    assert filled.snapshot() == before


@pytest.mark.parametrize(
    "words", [("status",), ("verify",), ("docs", "--out", "-"), ("migrate", "--dry-run")], ids=" ".join
)
def test_who_only_looks_is_told_who_keeps_everybody_out(
    filled: Database, refuse: Refuse, words: tuple[str, ...]
) -> None:
    """A table locked even against reading: the process and the table are named, whatever command looks."""
    with holding(filled, "lock table users.subscriptions in access exclusive mode") as other:
        said = (f"process {other.info.backend_pid}", "users.subscriptions", "the-holder")
        line = (*words, "--lock-timeout", "1", "--url", filled.url)
        refuse(line, 6, "lock_timeout", says=said, advises="pg_terminate_backend")


def test_a_url_in_quotes_is_said_to_be_in_quotes(filled: Database, refuse: Refuse) -> None:
    """As files of variables often have it: the quotes are a part of the value, and nobody sees them."""
    env = {"BALADOS_DB_URL": f'"{filled.url}"'}
    refuse(("status",), 2, "invalid_url", says=("BALADOS_DB_URL", "in quotes"), advises="quotes", env=env)


def test_a_prepared_transaction_in_the_way_is_named(filled: Database, run_cli: Run) -> None:
    """It has no process to end, so it is given by its name."""
    with holding(filled, "delete from users.collections", "prepare transaction 'left behind'"):
        result = run_cli(*RESET, "--lock-timeout", "1", database=filled)
    filled.execute("rollback prepared 'left behind'")

    assert (result.status, result.code) == (6, "lock_timeout"), result.err
    assert "prepared transaction left behind holds a lock on users.collections" in result.err
    assert "rollback prepared 'left behind'" in result.err
    assert filled.rows("users.subscriptions") == 20


SUBSCRIBED = (
    "select pg_advisory_lock('events.subscriptions'::regclass::oid::int, subscription_id::int)"
    " from events.subscriptions where subscription_name = 'PopularityProjector'"
)


def test_a_live_projector_is_named(filled: Database, refuse: Refuse) -> None:
    """A projector that runs would keep its position in memory: exit 6, its name, process and application."""
    with holding(filled, SUBSCRIBED, name="worker-7") as projector:
        says = ("PopularityProjector", f"process {projector.info.backend_pid}", "worker-7")
        refuse(RESET, 6, "projectors_live", says=says, advises="--wait-for-projectors", on=filled)
        waiting = (*RESET, "--wait-for-projectors", "0.5")
        refuse(waiting, 6, "projectors_live", says=says[1:], on=filled)


def test_a_projector_that_stops_in_time_is_waited_for(filled: Database, run_cli: Run) -> None:
    """--wait-for-projectors begins as soon as the last one has let go."""
    with holding(filled, SUBSCRIBED) as projector:
        begun = time.monotonic()
        threading.Timer(1.0, projector.close).start()
        result = run_cli(*RESET, "--wait-for-projectors", "20", database=filled)

    assert result.status == 0, result.err
    assert 1 < time.monotonic() - begun < 15
    assert filled.rows("users.subscriptions") == 0
    names = filled.execute("select subscription_name from events.subscriptions")
    assert names == [("BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection",)]
