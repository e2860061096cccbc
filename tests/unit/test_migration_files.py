"""Migration files: yoyo's names and order, and a mistake for everything that yoyo would silently ignore."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from balados_db import errors
from balados_db.manifest.loading import load_manifest
from balados_db.migration_files import checksum, read_all, read_migrations
from balados_db.model import Migration
from tests.conftest import EXAMPLE

Read = Callable[..., tuple[Migration, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write files by name, then read their folder."""

    def read(**files: str) -> tuple[Migration, ...]:
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return read_migrations("reading", tmp_path)

    return read


def ids(migrations: tuple[Migration, ...]) -> list[str]:
    return [m.id for m in migrations]


# ── which files, in which order ──────────────────────────────────────────────────────────────────────────


def test_a_migration_is_a_file(read: Read) -> None:
    """The id is the name without its ending, the hash is yoyo's: of the name; the checksum is of the content."""
    (found,) = read(m1__sql="create table t ();\n")

    assert (found.id, found.source, found.depends, found.transactional) == ("m1", "create table t ();\n", (), True)
    assert found.hash == hashlib.sha256(b"m1").hexdigest()
    assert found.checksum == "sha256:" + hashlib.sha256(b"create table t ();\n").hexdigest()
    assert found.is_sql


def test_a_rollback_is_found_beside_its_migration(read: Read, tmp_path: Path) -> None:
    """It belongs to the migration and is none itself."""
    found = read(m1__sql="", m1__rollback__sql="", m2__sql="")

    assert ids(found) == ["m1", "m2"]
    assert [m.rollback for m in found] == [tmp_path / "m1.rollback.sql", None]


def test_other_files_are_no_migrations(read: Read, tmp_path: Path) -> None:
    """Notes, Python's own files and folders may lie beside them."""
    (tmp_path / "old").mkdir()
    (tmp_path / "__init__.py").write_text("")

    assert ids(read(m1__sql="", readme__md="", m2__sql__bak="", notes__txt="")) == ["m1"]


def test_an_empty_folder_holds_no_migration(read: Read) -> None:
    """That is no mistake: a schema may begin empty."""
    assert read() == ()


ORDERS = {
    "by name": ({"b__sql": "", "a__sql": "", "c__sql": ""}, "a b c"),
    "by text, not by number": ({"m10__sql": "", "m9__sql": ""}, "m10 m9"),
    "dependencies first": ({"a__sql": "-- depends: c\n", "b__sql": "", "c__sql": ""}, "b c a"),
    "several dependencies": ({"a__sql": "-- depends: b c\n", "b__sql": "", "c__sql": "-- depends: b\n"}, "b c a"),
    "several lines": ({"a__sql": "-- depends: b\n-- depends: c\n", "b__sql": "", "c__sql": ""}, "b c a"),
    "sql and python together": ({"b__py": "", "a__sql": "-- depends: b\n"}, "b a"),
    "python: a set": ({"a__py": "__depends__ = {'b', 'c'}\n", "b__sql": "", "c__sql": ""}, "b c a"),
    "python: a word": ({"a__py": "__depends__ = 'b'\n", "b__sql": ""}, "b a"),
    "python: with a type": ({"a__py": "__depends__: set[str] = {'b'}\n", "b__sql": ""}, "b a"),
    "python: an empty set": ({"a__py": "__depends__ = set()\n", "b__sql": ""}, "a b"),
}


@pytest.mark.parametrize(("files", "order"), ORDERS.values(), ids=ORDERS)
def test_order(read: Read, files: dict[str, str], order: str) -> None:
    """Dependencies first, else by name; the same on every machine."""
    assert ids(read(**files)) == order.split()


# ── content ──────────────────────────────────────────────────────────────────────────────────────────────


def test_line_ends_and_byte_order_marks_do_not_count(tmp_path: Path) -> None:
    """The same file from a Windows editor has the same checksum: nobody edited it."""
    (tmp_path / "a.sql").write_bytes(b"select 1;\nselect 2;\n")
    (tmp_path / "b.sql").write_bytes(b"\xef\xbb\xbfselect 1;\r\nselect 2;\r\n")
    first, second = read_migrations("reading", tmp_path)

    assert first.checksum == second.checksum
    assert first.source == second.source


def test_everything_else_counts() -> None:
    """A blank or a comment is an edit: nobody guesses what is harmless."""
    texts = ("select 1;", "select 1; ", "select 1;\n", "-- x\nselect 1;", "SELECT 1;")

    assert len({checksum(text) for text in texts}) == len(texts)


TRANSACTIONAL = {
    "nothing said": ("a__sql", "create table t ();\n", True),
    "false": ("a__sql", "-- transactional: false\ncreate index concurrently i on t (a);\n", False),
    "true": ("a__sql", "-- transactional: true\n", True),
    "False": ("a__sql", "--transactional: False\n", False),
    "after other comments and blank lines": ("a__sql", "-- why\n\n  -- transactional: false\n", False),
    "python": ("a__py", "__transactional__ = False\n", False),
    "python, nothing said": ("a__py", "steps = []\n", True),
}


@pytest.mark.parametrize(("name", "text", "transactional"), TRANSACTIONAL.values(), ids=TRANSACTIONAL)
def test_whether_it_is_part_of_a_transaction(read: Read, name: str, text: str, transactional: bool) -> None:
    """The directive is yoyo's own."""
    assert read(**{name: text})[0].transactional is transactional


def test_a_python_migration_is_not_run_to_be_read(read: Read) -> None:
    """Reading a folder has no side effects."""
    (found,) = read(a__py="raise SystemExit('run')\n")

    assert not found.is_sql


def test_comments_that_are_no_directives_are_comments(read: Read) -> None:
    """Words with a colon are common; only what is nearly a directive is a mistake."""
    prose = (
        "-- Note: this is slow.\n-- See also: depends on nothing\n-- deprecated: yes\n-- transition: table\nselect 1;\n"
    )

    assert read(a__sql=prose)[0].depends == ()


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────

MISTAKES = {
    "a directive after SQL": ({"a__sql": "select 1;\n-- transactional: false\n"}, "a.sql:2", "at the top"),
    "capitals": ({"a__sql": "-- Depends: b\n", "b__sql": ""}, "a.sql:1", "lower case"),
    "a misspelt dependency": ({"a__sql": "-- depend: b\n", "b__sql": ""}, "a.sql:1", "did you mean 'depends'?"),
    "a misspelt transaction": (
        {"a__sql": "-- why\n-- transational: false\n"},
        "a.sql:2",
        "did you mean 'transactional'?",
    ),
    "commas": ({"a__sql": "-- depends: b, c\n"}, "a.sql:1", "blanks"),
    "neither true nor false": ({"a__sql": "-- transactional: no\n"}, "a.sql:1", "true or false"),
    "a dependency that is not there": ({"a__sql": "-- depends: z\n"}, "a.sql", "depends on z"),
    "a circle": ({"a__sql": "-- depends: b\n", "b__sql": "-- depends: a\n"}, ".sql", "depends on itself"),
    "itself": ({"a__sql": "-- depends: a\n"}, "a.sql", "depends on itself"),
    "one id twice": ({"a__sql": "", "a__py": ""}, "a.", "used by another file"),
    "an ending that yoyo ignores": ({"a__SQL": ""}, "a.SQL", "'.sql'"),
    "a post-apply hook": ({"post-apply__sql": ""}, "post-apply.sql", "not run"),
    "no Python": ({"a__py": "def\n"}, "a.py:1", "not valid Python"),
    "a dependency that is computed": ({"a__py": "__depends__ = {BASE}\n"}, "a.py:1", "written out"),
    "a transaction that is computed": ({"a__py": "__transactional__ = not X\n"}, "a.py:1", "written out"),
    "a dependency that is a number": ({"a__py": "__depends__ = 5\n"}, "a.py", "set of migrations' names"),
}


@pytest.mark.parametrize(("files", "where", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_says_where_it_is(read: Read, files: dict[str, str], where: str, says: str) -> None:
    """Nothing that an author meant is ignored: file, line and the right way are named."""
    with pytest.raises(errors.MigrationInvalid) as caught:
        read(**files)

    assert where in caught.value.facts["file"]
    assert says in caught.value.facts["problem"]


def test_another_encoding_is_a_mistake(tmp_path: Path) -> None:
    """UTF-8 only; the byte is named."""
    (tmp_path / "a.sql").write_bytes(b"-- caf\xe9\n")

    with pytest.raises(errors.MigrationInvalid, match="not UTF-8 \\(byte 6\\)"):
        read_migrations("reading", tmp_path)


def test_what_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    """A folder or a broken link with a migration's name: an error of ours, not a traceback."""
    (tmp_path / "a.sql").symlink_to(tmp_path / "nowhere")
    with pytest.raises(errors.MigrationInvalid, match="cannot be read"):
        read_migrations("reading", tmp_path)

    (tmp_path / "a.sql").unlink()
    (tmp_path / "a.sql").mkdir()
    with pytest.raises(errors.MigrationInvalid, match="cannot be read"):
        read_migrations("reading", tmp_path)


def test_a_missing_folder_is_a_mistake(tmp_path: Path) -> None:
    """Yoyo finds no migrations there and says nothing."""
    with pytest.raises(errors.MigrationsMissing) as caught:
        read_migrations("reading", tmp_path / "none")

    assert caught.value.facts == {"schema": "reading", "directory": str(tmp_path / "none")}


# ── the example ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_migration_of_the_example_is_right() -> None:
    """Each has a way back, and each folder one order."""
    found = read_all(load_manifest(EXAMPLE))

    assert set(found) == {schema.name for schema in load_manifest(EXAMPLE).migrated}
    assert all(m.rollback for migrations in found.values() for m in migrations)


def test_schemas_without_migrations_are_not_read() -> None:
    """A schema that something else fills has nothing to read."""
    manifest = load_manifest(EXAMPLE)
    bare = replace(manifest, schemas=tuple(replace(s, migrations=None) for s in manifest.schemas))

    assert read_all(bare) == {}
