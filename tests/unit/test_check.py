"""`check`: what is found in a manifest and its migrations without a database, as tables; and the lock file."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from balados_db.checkup import Checkup, look
from balados_db.errors import LockFileInvalid, UsageError
from balados_db.finding import Severity
from balados_db.lock_file import lock_beside, read_lock, renewed, text_of
from balados_db.manifest.loading import load_manifest
from balados_db.sql_text import code_of, is_empty, statements
from balados_db.squawk import ask
from tests.conftest import EXAMPLE, ROOT

MANIFEST = """\
version = 1
[schemas.kept]
kind = "permanent"
migrations = "kept"
[schemas.reading]
kind = "projection"
migrations = "reading"
[schemas.log]
kind = "event_store"
[projectors.Reader]
tables = ["reading.books"]
"""
BOOKS = {
    "reading/0001_books.sql": "create table books (id int);",
    "reading/0001_books.rollback.sql": "drop table books;",
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a manifest and files beside it; returns the manifest."""

    def write(files: dict[str, str], manifest: str = MANIFEST) -> Path:
        for folder in ("kept", "reading"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        file = tmp_path / "balados-db.toml"
        file.write_text(manifest, encoding="utf-8")
        return file

    return write


def found(seen: Checkup) -> set[str]:
    """Each finding as `severity code file:line`, the file as seen from the manifest."""
    root = seen.file.parent
    return {
        f"{f.severity.value} {f.code} {Path(f.file).relative_to(root).as_posix() if f.file else '-'}"
        f"{f':{f.line}' if f.line else ''}"
        for f in seen.findings
    }


def with_rollback(**files: str) -> dict[str, str]:
    """Migrations of `kept`, each with a way back."""
    backs = {f"kept/{name}.rollback.sql": "select 1;" for name in files}
    return {**BOOKS, **{f"kept/{name}.sql": text for name, text in files.items()}, **backs}


# ── what is found in migrations ──────────────────────────────────────────────────────────────────────────

HEALTHY = with_rollback(
    **{"0001_a": "create table a (id int);", "0002_b": "-- depends: 0001_a\nalter table a add b int;"}
)

FINDINGS: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": (HEALTHY, set()),
    "the same number twice": (
        with_rollback(**{"0001_a": "select 1;", "0002_b": "select 1;", "0002_c": "select 1;"}),
        {"error number_twice kept/0002_b.sql", "error number_twice kept/0002_c.sql"},
    ),
    "the same number, differently wide": (
        with_rollback(**{"02_b": "select 1;", "2_a": "select 1;"}),
        {"error number_twice kept/02_b.sql", "error number_twice kept/2_a.sql"},
    ),
    "numbers that do not sort as numbers": (
        with_rollback(**{"9_a": "select 1;", "10_b": "select 1;"}),
        {"warning number_width kept/10_b.sql"},
    ),
    "one id, two files": (
        {**BOOKS, "kept/0001_a.sql": "select 1;", "kept/0001_a.rollback.sql": "select 1;", "kept/0001_a.py": ""},
        {"error id_twice kept/0001_a.sql"},
    ),
    "ids that differ by case": (
        with_rollback(**{"0001_A": "select 1;", "0001_a": "select 1;"}),
        {
            "error id_differs_by_case kept/0001_a.sql",
            "error number_twice kept/0001_a.sql",
            "error number_twice kept/0001_A.sql",
        },
    ),
    "one id in two schemas": (
        with_rollback(**{"0001_Books": "select 1;"}),
        {"note id_in_two_schemas reading/0001_books.sql"},
    ),
    "an orphan dependency": (
        with_rollback(**{"0001_a": "-- depends: 0000_z\nselect 1;"}),
        {"error depends_on_nothing kept/0001_a.sql"},
    ),
    "a circle of dependencies": (
        with_rollback(**{"0001_a": "-- depends: 0002_b\nselect 1;", "0002_b": "-- depends: 0001_a\nselect 1;"}),
        {"error depends_on_itself kept/0001_a.sql", "warning depends_forward kept/0001_a.sql"},
    ),
    "a dependency on a later one": (
        with_rollback(**{"0001_a": "-- depends: 0002_b\nselect 1;", "0002_b": "select 1;"}),
        {"warning depends_forward kept/0001_a.sql"},
    ),
    "several misspelt directives in one file": (
        with_rollback(**{"0001_a": "-- transaction: false\n-- depend: 0000_z\n-- Depends: x\nselect 1;"}),
        {
            "error directive_wrong kept/0001_a.sql:1",
            "error directive_wrong kept/0001_a.sql:2",
            "error directive_wrong kept/0001_a.sql:3",
        },
    ),
    "other words for a directive": (
        with_rollback(**{"0001_a": "-- requires: 0000_z\n-- no-transaction: true\n-- depends-on: x\nselect 1;"}),
        {
            "warning directive_misspelt kept/0001_a.sql:1",
            "warning directive_misspelt kept/0001_a.sql:2",
            "warning directive_misspelt kept/0001_a.sql:3",
        },
    ),
    "directives without a colon": (
        with_rollback(**{"0001_a": "-- depends 0000_z\n-- transactional = false\nselect 1;"}),
        {"warning directive_misspelt kept/0001_a.sql:1", "warning directive_misspelt kept/0001_a.sql:2"},
    ),
    "prose that is no directive": (
        with_rollback(
            **{"0001_a": "-- Note: slow\n-- This depends on nothing\n-- after the war\n-- needs an index\nselect 1;"}
        ),
        set(),
    ),
    "a misspelt name in Python": (
        {**BOOKS, "kept/0001_a.py": "__depend__ = {'x'}\n__transaction__ = False\n__author__ = 'me'\n"},
        {"warning directive_misspelt kept/0001_a.py:1", "warning directive_misspelt kept/0001_a.py:2"},
    ),
    "no rollback": ({**BOOKS, "kept/0001_a.sql": "create table a ();"}, {"warning rollback_missing kept/0001_a.sql"}),
    "an empty rollback": (
        {**BOOKS, "kept/0001_a.sql": "create table a ();", "kept/0001_a.rollback.sql": "-- Takes back: a\n;\n"},
        {"warning rollback_empty kept/0001_a.rollback.sql"},
    ),
    "a rollback of nothing": (
        {**BOOKS, "kept/0009_z.rollback.sql": "select 1;"},
        {"warning rollback_left_over kept/0009_z.rollback.sql"},
    ),
    "an empty migration": (with_rollback(**{"0001_a": "-- later\n"}), {"warning migration_empty kept/0001_a.sql"}),
    "DDL of another schema": (
        with_rollback(
            **{
                "0001_a": "create table kept.a ();\n\ncreate table reading.b ();\nalter table if exists only other.c\n  add x int;\n"
                'drop table "Od.d".t;\ncreate unique index i on reading.b (x);\n-- create table log.no ();\n'
                "select 'create table log.no ()';\ndo $$ begin create table log.no (); end $$;\n"
                "insert into reading.b values (1);\ncreate schema extra;"
            }
        ),
        {f"note ddl_elsewhere kept/0001_a.sql:{line}" for line in (3, 4, 6, 7, 12)},
    ),
    "a kept table that leans on a projection": (
        with_rollback(
            **{"0001_a": "create table a (\n  book int references reading.books (id),\n  me int references kept.b);"}
        ),
        {"note leans_on_projection kept/0001_a.sql:2"},
    ),
    "a projection that leans on what is kept": (
        {**HEALTHY, "reading/0001_books.sql": "create table books (id int references kept.a (id));"},
        set(),
    ),
    "a COMMIT": (
        with_rollback(
            **{"0001_a": "create table a ();\ncommit;\ncreate function f() returns int begin atomic select 1; end;"}
        ),
        {"error transaction_command kept/0001_a.sql:2"},
    ),
    "no UTF-8, and everything else all the same": (
        {**BOOKS, "kept/post-apply.sql": "", "kept/0002_b.SQL": "", "kept/0003_c.py": "def", "kept/0004_d.sql": "drop"},
        {
            "error post_apply kept/post-apply.sql",
            "error ending_ignored kept/0002_b.SQL",
            "error migration_unreadable kept/0003_c.py:1",
            "warning rollback_missing kept/0004_d.sql",
        },
    ),
}


@pytest.mark.parametrize(("files", "expected"), FINDINGS.values(), ids=FINDINGS)
def test_what_is_found(write: Write, files: dict[str, str], expected: set[str]) -> None:
    """Each of these and nothing else, with its severity, its file and its line."""
    seen = look(write(files))

    assert found(seen) == expected
    assert [f for f in seen.findings if not (f.message and f.cure)] == []


def test_two_schemas_with_one_directory(write: Write) -> None:
    """Both would get every migration."""
    seen = look(
        write(BOOKS, MANIFEST.replace('"kept"\n', '"reading"\n', 1).replace("[schemas.reading]", "[schemas.two]"))
    )

    assert "warning migrations_shared -" in found(seen)


# ── what is found in the manifest ────────────────────────────────────────────────────────────────────────


def test_every_mistake_of_a_manifest_is_found_at_its_line(write: Write) -> None:
    """Not only the first, and none that only follows from another one."""
    wrong = """\
version = 2
[database]
uri = "x"
[schemas.users]
kind = "projecton"
[schemas."od d"]
kind = "projection"
migration = "x"
[projectors."A.b"]
tables = ["users.a"]   # its schema is wrong itself: no mistake of its own
[projectors.C]
events = []
tables = ["nosuch.a"]
[[checkpoints]]
table = "a"
projector = "n"
[[checkpoints]]
table = "a.b"
projektor = "n"
[confirmation]
all = "x"
[nonsense]
"""
    seen = look(write({}, wrong))

    assert {f.line: f.subject for f in seen.findings if f.code == "manifest_invalid"} == {
        1: "version",
        3: "database.uri",
        5: "schemas.users.kind",
        8: "schemas.od d.migration",
        13: "projectors.C.tables",
        15: "checkpoints[0].table",
        19: "checkpoints[1].projektor",
        21: "confirmation.all",
        22: "nonsense",
    }
    assert not seen.sound


DOUBTS = {
    "a projection that nobody fills": (MANIFEST.replace("reading.books", "reading.books"), BOOKS, set()),
    "a table that no migration mentions": (
        MANIFEST.replace("reading.books", "reading.boks"),
        BOOKS,
        {"warning projector_table_unknown balados-db.toml:11"},
    ),
    "a projector without tables": (
        MANIFEST + "[projectors.Idle]\n",
        BOOKS,
        {"warning projector_without_tables balados-db.toml:12"},
    ),
    "no directory": (
        MANIFEST.replace('"kept"', '"nowhere"'),
        BOOKS,
        {"error migrations_missing balados-db.toml:4"},
    ),
    "no install SQL": (
        MANIFEST.replace('"event_store"', '"event_store"\ninstall = "kept"'),
        BOOKS,
        {"error install_sql_missing balados-db.toml:10"},
    ),
    "no migrations, no events": (
        MANIFEST.replace('migrations = "kept"\n', "").replace('[schemas.log]\nkind = "event_store"\n', ""),
        BOOKS,
        {"note schema_without_migrations balados-db.toml:2", "note no_event_store balados-db.toml"},
    ),
}


@pytest.mark.parametrize(("manifest", "files", "expected"), DOUBTS.values(), ids=DOUBTS)
def test_what_is_doubtful_in_a_manifest(write: Write, manifest: str, files: dict[str, str], expected: set[str]) -> None:
    """Each with the line of its key."""
    assert found(look(write(files, manifest))) == expected


def test_the_example_is_sound_and_written_down() -> None:
    """Nothing is found in what we ship, and its lock file is what would be written."""
    seen = look(EXAMPLE)

    assert seen.findings == ()
    assert seen.judged == ()
    assert seen.lock is not None
    renewed_now = renewed(seen.lock, seen.files, (), seen.lock.file)
    assert text_of(renewed_now, tuple(seen.files)) == seen.lock.file.read_text(encoding="utf-8")


# ── the lock file ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def locked(write: Write) -> Path:
    """A healthy project, written down."""
    file = write(HEALTHY)
    write_down(file)
    return file


def write_down(file: Path, *accepted: str) -> None:
    seen = look(file)
    lock = renewed(seen.lock, seen.files, accepted, lock_beside(file))
    lock.file.write_text(text_of(lock, tuple(seen.files)), encoding="utf-8")


def test_twins_are_taken_as_they_are_only_the_first_time(write: Write) -> None:
    """A project that is older than its lock file has reasons; afterwards each needs a name."""
    file = write(with_rollback(**{"0001_a": "select 1;", "0002_b": "select 1;", "0002_c": "select 1;"}))
    assert [f.code for f in look(file).findings].count("number_twice") == 2
    write_down(file)
    assert found(look(file)) == set()

    for name in ("0002_d", "0002_d.rollback"):
        (file.parent / "kept" / f"{name}.sql").write_text("select 1;")
    write_down(file)
    assert {f.code for f in look(file).findings} == {"number_twice"}
    write_down(file, "kept/0002_d")
    assert found(look(file)) == set()
    assert '"0002_d" = ["sha256:' in lock_beside(file).read_text()
    assert look(file).lock == read_lock(lock_beside(file))

    with pytest.raises(UsageError, match="nothing has happened"):
        write_down(file, "kept/0002_d")


CHANGES: dict[str, tuple[dict[str, str | None], set[str]]] = {
    "nothing": ({}, set()),
    "an edited migration": (
        {"kept/0001_a.sql": "create table a (id bigint);"},
        {"error migration_edited kept/0001_a.sql"},
    ),
    "line ends alone": ({"kept/0001_a.sql": "create table a (id int);\r\n"[:-2]}, set()),
    "a migration that is gone": (
        {"reading/0001_books.sql": None, "reading/0001_books.rollback.sql": None},
        {"error migration_file_missing balados-db.lock", "warning projector_table_unknown balados-db.toml:11"},
    ),
    "a new one": (
        {"kept/0003_c.sql": "select 1;", "kept/0003_c.rollback.sql": "select 1;"},
        {"warning migration_not_locked kept/0003_c.sql"},
    ),
    "a new one in front": (
        {"kept/0000_z.sql": "select 1;", "kept/0000_z.rollback.sql": "select 1;"},
        {"warning migration_not_locked kept/0000_z.sql", "warning migration_out_of_order kept/0000_z.sql"},
    ),
    "the same number as one that is written down": (
        {"kept/0002_c.sql": "select 1;", "kept/0002_c.rollback.sql": "select 1;"},
        {"warning migration_not_locked kept/0002_c.sql", "error number_twice kept/0002_c.sql"},
    ),
    "a rollback that is gone, of one that is written down": ({"kept/0001_a.rollback.sql": None}, set()),
    "one that cannot be read is not gone": (
        {"kept/0001_a.sql": "-- depend: x\n"},
        {"error directive_wrong kept/0001_a.sql:1", "error migration_edited kept/0001_a.sql"},
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CHANGES.values(), ids=CHANGES)
def test_what_the_lock_file_finds(locked: Path, changes: dict[str, str | None], expected: set[str]) -> None:
    """Edits, what is gone, what is new and where; of the rest nothing is said twice."""
    for name, text in changes.items():
        file = locked.parent / name
        file.unlink() if text is None else file.write_text(text)
    left = {name for name in found(look(locked)) if "migration_empty" not in name}

    assert left == expected


def test_a_renamed_migration_is_recognised(locked: Path) -> None:
    """Yoyo would apply it again: its history knows the name."""
    for ending in (".sql", ".rollback.sql"):
        (locked.parent / f"kept/0002_b{ending}").rename(locked.parent / f"kept/0002_better{ending}")
    gone = next(f for f in look(locked).findings if f.code == "migration_file_missing")

    assert "was renamed to 0002_better" in gone.message


def test_a_file_that_is_named_is_judged_in_full(locked: Path) -> None:
    """What the lock holds is judged again when somebody asks for it, and only what was asked for is told."""
    (locked.parent / "kept/0001_a.rollback.sql").unlink()
    (locked.parent / "kept/0002_b.rollback.sql").unlink()
    seen = look(locked, frozenset({locked.parent / "kept/0001_a.sql"}))
    told = {f"{f.code} {f.file and Path(f.file).name}" for f in seen.findings if seen.concerns(f)}

    assert told == {"rollback_missing 0001_a.sql"}
    assert [m.id for _, m in seen.judged] == ["0001_a"]


def test_an_edit_is_accepted_by_name_only(locked: Path) -> None:
    """Writing the lock again adds what is new and keeps what was edited a finding, until that is named."""
    (locked.parent / "kept/0001_a.sql").write_text("create table a (id bigint);")
    (locked.parent / "kept/0002_b.sql").unlink()
    write_down(locked)
    assert {"migration_edited", "migration_file_missing"} <= {f.code for f in look(locked).findings}

    write_down(locked, "kept/0001_a", "kept/0002_b")
    assert {"migration_edited", "migration_file_missing"} & {f.code for f in look(locked).findings} == set()
    with pytest.raises(UsageError, match="kept/0001_a"):
        write_down(locked, "kept/0001_a")


INVALID = {
    "a merge conflict": ("version = 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n", "a merge conflict is not settled"),
    "no TOML": ("version = 1\n[schemas\n", "line 2"),
    "another version": ("version = 2\n", "version = 1"),
    "something else": ("version = 1\n[users]\n", "nothing else"),
    "no checksums": ("version = 1\n[schemas.a]\nx = 1\n", "not a table of checksums"),
}


@pytest.mark.parametrize(("text", "says"), INVALID.values(), ids=INVALID)
def test_a_lock_file_that_cannot_be_read(tmp_path: Path, text: str, says: str) -> None:
    """It is an error of its own, which says what to do."""
    (tmp_path / "balados-db.lock").write_text(text)
    with pytest.raises(LockFileInvalid, match=says):
        read_lock(tmp_path / "balados-db.lock")


def test_odd_names_are_written_down(write: Write) -> None:
    """Blanks, quotes, dots and umlauts come back as they were."""
    manifest = MANIFEST.replace("[schemas.kept]", "[schemas.'ä \"b\".c']")
    file = write(with_rollback(**{"0001 ä.b": "select 1;"}), manifest)
    write_down(file)

    assert found(look(file)) == set()
    assert load_manifest(file).schemas[0].name == 'ä "b".c'


# ── SQL as text ──────────────────────────────────────────────────────────────────────────────────────────


def test_code_keeps_its_lines() -> None:
    """Comments, strings and bodies are blank, and every statement stays on its line."""
    source = "-- a;\nselect 'it''s; b', e'\\';' /* c;\n; */;\ndo $x$ begin; $$ end $x$;\n\n  drop table t;"

    assert [line for line, _ in statements(code_of(source))] == [2, 4, 6]


@pytest.mark.parametrize("source", ["", "\n;\n", "-- only words\n", "/* and\nmore */ ;"])
def test_nothing_is_empty(source: str) -> None:
    """Comments and semicolons are no statements."""
    assert is_empty(source)
    assert not is_empty(source + "\nselect 'x'")


# ── squawk ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def squawk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program called squawk on the PATH; none beside Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    python = sys.executable
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))

    def put(body: str) -> None:
        file = folder / "squawk"
        file.write_text(
            f"#!{python}\nimport json, sys\nif '--version' in sys.argv: sys.exit(print('squawk 9.8.7'))\n{body}"
        )
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return put


def test_without_squawk_a_note_says_so(write: Write, squawk: Callable[[str], None]) -> None:
    """Its absence is no error."""
    verdict = ask(look(write(HEALTHY)).judged, Path())

    assert verdict.version is None
    assert [(f.code, f.severity) for f in verdict.findings] == [("squawk_absent", Severity.NOTE)]


def test_what_squawk_says_is_translated(write: Write, squawk: Callable[[str], None]) -> None:
    """Rule, words, help, file and line; it is told which files are in a transaction, and not asked for what we set."""
    squawk(
        "files = sys.argv[sys.argv.index('--') + 1:]\nfound = [dict(file=f, line=3, level='Error', message=str("
        "'--assume-in-transaction' in sys.argv), help=None, rule_name=rule) for f in files for rule in ('a-rule', 'require-lock-timeout')]\n"
        "print(json.dumps(found)); sys.exit(1)"
    )
    files = with_rollback(**{"0001_a": "select 1;", "0002_b": "-- transactional: false\nselect 1;"})
    verdict = ask(look(write(files)).judged, Path())

    assert verdict.version == "9.8.7"
    assert {(Path(f.file or "").name, f.line, f.code, f.severity, f.message) for f in verdict.findings} == {
        ("0001_a.sql", 4, "squawk_a_rule", Severity.ERROR, "True"),
        ("0001_books.sql", 4, "squawk_a_rule", Severity.ERROR, "True"),
        ("0002_b.sql", 4, "squawk_a_rule", Severity.ERROR, "False"),
    }


@pytest.mark.parametrize(
    "body", ["print('boom')", "sys.exit('boom')", "print('[{]')"], ids=["words", "status", "no JSON"]
)
def test_a_squawk_that_fails_is_a_warning(write: Write, squawk: Callable[[str], None], body: str) -> None:
    """Nobody mistakes its silence for consent, and nothing ends in a traceback."""
    squawk(body)
    verdict = ask(look(write(HEALTHY)).judged, Path())

    assert [(f.code, f.severity) for f in verdict.findings] == [("squawk_failed", Severity.WARNING)]


# ── the document ─────────────────────────────────────────────────────────────────────────────────────────


def test_every_code_is_in_the_document() -> None:
    """Whatever these rooms can find, docs/check.md says."""
    rooms = ("checkup", "lock_file", "manifest_check", "migration_check", "migration_files", "squawk")
    package, said = ROOT / "balados_db", (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    sources = [(package / f"{room}.py").read_text(encoding="utf-8") for room in rooms]
    codes = {code for text in sources for code in re.findall(r'(?:(?:error|warning|note)\(\s*|kind=)"([a-z_]+)"', text)}

    assert {"number_twice", "directive_wrong", "rollback_missing", "migration_edited"} <= codes
    assert {code for code in codes if f"`{code}`" not in said} == set()
