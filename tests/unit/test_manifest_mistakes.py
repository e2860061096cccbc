"""Every mistake in a manifest says where it is, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from balados_db import errors
from balados_db.manifest.loading import load_manifest
from balados_db.manifest.names import invalid_name
from balados_db.manifest.place import FILE_NAME
from tests.unit.manifests import CUSTOM, SMALL, Write

# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────

STORE = '[schemas.log]\nkind = "event_store"\n'
CHECKPOINT = '[[checkpoints]]\ntable = "reading.places"\nprojector = "name"\n'
LONG = "x" * 64

MISTAKES = {
    # id: what is written, the key that is named, a word of the problem
    "a table that nobody knows": (SMALL + "[schema.x]\n", "schema", "did you mean 'schemas'?"),
    "a key at the top": ('version = 1\nurl = "x"\n', "url", "unknown key"),
    "a key of a schema": (
        'version = 1\n[schemas.a]\nkind = "permanent"\nmigration = "x"\n',
        "schemas.a.migration",
        "did you mean 'migrations'?",
    ),
    "a key of a projector": (SMALL + "[projectors.P]\ntable = []\n", "projectors.P.table", "did you mean 'tables'?"),
    "a key of the database": (SMALL + "[database]\nuri = 'x'\n", "database.uri", "did you mean 'url'?"),
    "a phrase for no scope": (SMALL + "[confirmation]\nevent = 'x'\n", "confirmation.event", "did you mean 'events'?"),
    "a key of a checkpoint": (
        SMALL + CHECKPOINT + "projektor = 'x'\n",
        "checkpoints[0].projektor",
        "did you mean 'projector'?",
    ),
    "a key of a layout": (CUSTOM.replace("proof", "prof"), "event_store.prof", "did you mean 'proof'?"),
    "a key of liveness": (
        CUSTOM.replace('table = "consumers"\nid', 'tabel = "consumers"\nid'),
        "event_store.liveness.tabel",
        "did you mean 'table'?",
    ),
    "a key of a layout's checkpoint": (
        CUSTOM.replace('projector = "name"', 'projector_ = "name"'),
        "event_store.checkpoints[0].projector_",
        "did you mean 'projector'?",
    ),
    "no version": ("", "version", "version = 1"),
    "another version": ("version = 2\n", "version", "version = 1"),
    "a truth for a version": ("version = true\n", "version", "version = 1"),
    "no kind": ("version = 1\n[schemas.a]\n", "schemas.a", "kind"),
    "a kind that nobody knows": (
        "version = 1\n[schemas.a]\nkind = 'projecton'\n",
        "schemas.a.kind",
        "did you mean 'projection'?",
    ),
    "a number for words": (
        "version = 1\n[schemas.a]\nkind = 'permanent'\nholds = 3\n",
        "schemas.a.holds",
        "Expected `str`",
    ),
    "a word for a table": ("version = 1\n[schemas]\na = 'permanent'\n", "schemas.a", "expected a table"),
    "a word for tables": ("version = 1\nschemas = 'a'\n", "schemas", "expected a table of tables"),
    "one table for several": (SMALL + "[checkpoints]\ntable = 'a.b'\n", "checkpoints", "expected [[checkpoints]]"),
    "a word for a list": (SMALL + "[environments]\nprotected = 'x'\n", "environments.protected", "Expected `array`"),
    "a replay that nobody knows": (
        SMALL + "[subscriptions.M]\nreplay = 'nevr'\n",
        "subscriptions.M.replay",
        "'nevr' is not one of allowed, never; did you mean 'never'?",
    ),
    # names
    "a name of PostgreSQL's": ("version = 1\n[schemas.pg_x]\nkind = 'permanent'\n", "schemas.pg_x", "PostgreSQL"),
    "the information schema": (
        "version = 1\n[schemas.information_schema]\nkind = 'permanent'\n",
        "schemas.information_schema",
        "PostgreSQL",
    ),
    "our own name": ("version = 1\n[schemas.balados_db]\nkind = 'permanent'\n", "schemas.balados_db", "own records"),
    "a name that would be cut": (f"version = 1\n[schemas.{LONG}]\nkind = 'permanent'\n", f"schemas.{LONG}", "64 bytes"),
    "no name": ("version = 1\n[schemas.'']\nkind = 'permanent'\n", "schemas.", "needs a name"),
    # event stores
    "two event stores": (SMALL + STORE.replace("log", "log2"), "schemas.log2", "only one"),
    "a layout that nobody knows": (SMALL + "layout = 'comanded'\n", "schemas.log.layout", "did you mean 'commanded'?"),
    "a layout of a projection": (
        "version = 1\n[schemas.a]\nkind = 'projection'\nlayout = 'commanded'\n",
        "schemas.a.layout",
        "only an event store",
    ),
    "install SQL of permanent data": (
        "version = 1\n[schemas.a]\nkind = 'permanent'\ninstall = 'x'\n",
        "schemas.a.install",
        "only an event store",
    ),
    "migrations of an event store": (SMALL + "migrations = 'x'\n", "schemas.log.migrations", "`install`"),
    "a custom layout that is not spelled out": (SMALL + "layout = 'custom'\n", "schemas.log.layout", "[event_store]"),
    "a preset that is spelled out too": (SMALL + "[event_store]\ntables = ['a']\n", "event_store", "commanded"),
    "a layout without a store": ("version = 1\n[event_store]\ntables = ['a']\n", "event_store", "event_store"),
    "a layout without tables": (
        CUSTOM.replace('tables = ["messages", "categories"]\n', ""),
        "event_store.tables",
        "reset --events",
    ),
    # projectors
    "a table without a schema": (SMALL + "[projectors.P]\ntables = ['loans']\n", "projectors.P.tables", "a dot"),
    "a schema without a table": (SMALL + "[projectors.P]\ntables = ['reading.']\n", "projectors.P.tables", "a dot"),
    "a table of a schema that is not declared": (
        SMALL + "[projectors.P]\ntables = ['readin.loans']\n",
        "projectors.P.tables",
        "did you mean 'reading'?",
    ),
    "a permanent table": (SMALL + "[projectors.P]\ntables = ['members.cards']\n", "projectors.P.tables", "permanent"),
    "a table of the events": (
        SMALL + "[projectors.P]\ntables = ['log.events']\n",
        "projectors.P.tables",
        "event_store",
    ),
    "a checkpoint table": (
        SMALL + CHECKPOINT + "[projectors.P]\ntables = ['reading.places']\n",
        "projectors.P.tables",
        "checkpoint table",
    ),
    "a table that is named twice": (
        SMALL + "[projectors.P]\ntables = ['reading.loans', 'reading.fines', 'reading.loans']\n",
        "projectors.P.tables",
        "'reading.loans' is named twice",
    ),
    "a NUL in a name": (SMALL + '[projectors."a\\u0000b"]\ntables = []\n', "projectors", "NUL"),
    "a read of a schema that is not declared": (
        SMALL + "[projectors.P]\ntables = []\nreads = ['membrs.cards']\n",
        "projectors.P.reads",
        "did you mean 'members'?",
    ),
    "a read without a schema": (SMALL + "[projectors.P]\nreads = ['cards']\n", "projectors.P.reads", "a dot"),
    "a channel without a name": (SMALL + "[rebuild]\nnotify = ''\n", "rebuild.notify", "1 to 63 bytes"),
    "a channel that is cut": (SMALL + f"[rebuild]\nnotify = '{'x' * 64}'\n", "rebuild.notify", "1 to 63 bytes"),
    "a command in one word": (SMALL + "[rebuild]\ncommand = 'a b'\n", "rebuild.command", "array"),
    "a command without a program": (SMALL + "[rebuild]\ncommand = ['', 'b']\n", "rebuild.command", "the program"),
    "a command with a NUL": (SMALL + "[rebuild]\ncommand = ['a', \"b\\u0000\"]\n", "rebuild.command[1]", "NUL"),
    "a command for no time": (SMALL + "[rebuild]\ntimeout = 0\n", "rebuild.timeout", "how many seconds"),
    "reads in the singular": (SMALL + "[projectors.P]\nread = []\n", "projectors.P.read", "did you mean 'reads'?"),
    # checkpoints
    "a checkpoint table without a schema": (
        SMALL + CHECKPOINT.replace("reading.", ""),
        "checkpoints[0].table",
        "a dot",
    ),
    "a checkpoint table without its projector": (
        SMALL + "[[checkpoints]]\ntable = 'a.b'\n",
        "checkpoints[0]",
        "projector",
    ),
    "a checkpoint table twice": (SMALL + CHECKPOINT + CHECKPOINT, "checkpoints[1].table", "declared twice"),
    "a way to forget that nobody knows": (
        SMALL + CHECKPOINT + "forget = 'delet'\n",
        "checkpoints[0].forget",
        "did you mean 'delete'?",
    ),
    "a way to forget that is a number": (SMALL + CHECKPOINT + "forget = 0\n", "checkpoints[0].forget", "Expected"),
    "two ways to forget": (
        SMALL + CHECKPOINT + "forget = { set = { a = 0 }, sql = 'x' }\n",
        "checkpoints[0].forget",
        'write "delete"',
    ),
    "no way to forget": (SMALL + CHECKPOINT + "forget = {}\n", "checkpoints[0].forget", 'write "delete"'),
    "a key of forgetting": (
        SMALL + CHECKPOINT + "forget = { sett = { a = 0 } }\n",
        "checkpoints[0].forget.sett",
        "did you mean 'set'?",
    ),
    "no column to set": (SMALL + CHECKPOINT + "forget = { set = {} }\n", "checkpoints[0].forget.set", "length >= 1"),
    "a value that no column takes": (
        SMALL + CHECKPOINT + "forget = { set = { a = [1] } }\n",
        "checkpoints[0].forget.set",
        "Expected",
    ),
    "an empty statement": (SMALL + CHECKPOINT + "forget = { sql = '' }\n", "checkpoints[0].forget.sql", "length >= 1"),
    "undeclared names, neither kept nor refused": (
        SMALL + CHECKPOINT + "undeclared = 'ignore'\n",
        "checkpoints[0].undeclared",
        "keep, refuse",
    ),
    # phrases
    "an empty phrase": (SMALL + "[confirmation]\nsystem = ''\n", "confirmation.system", "length >= 1"),
    "a shorter phrase": (SMALL + "[confirmation]\nall = 'DELETE'\n", "confirmation.all", "not shorter"),
    "a phrase that ends in a blank": (
        SMALL + "[confirmation]\nsystem = 'DELETE '\n",
        "confirmation.system",
        "no blank at its ends",
    ),
    "a phrase of two lines": (
        SMALL + '[confirmation]\nsystem = "DELETE\\nIT"\n',
        "confirmation.system",
        "control characters",
    ),
}


@pytest.mark.parametrize(("written", "key", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_says_where_it_is(write: Write, written: str, key: str, says: str) -> None:
    """File and key are named, and where there is one the nearest right word."""
    file = write(written)

    with pytest.raises(errors.ManifestInvalid) as caught:
        load_manifest(file)

    assert caught.value.facts["file"] == str(file)
    assert caught.value.facts["key"].startswith(key)
    assert says in caught.value.facts["problem"]


def test_what_is_no_toml_names_the_line(write: Write) -> None:
    """The parser's own words say where."""
    with pytest.raises(errors.ManifestSyntax, match="line 2"):
        load_manifest(write("version = 1\n[schemas\n"))


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A missing file, a folder, another encoding: never a traceback."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"version = 1 # \xe9\n")

    for file in (tmp_path / "none.toml", tmp_path, latin):
        with pytest.raises(errors.ManifestUnreadable) as caught:
            load_manifest(file)
        assert str(file) in caught.value.message


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    file = tmp_path / FILE_NAME
    file.write_bytes(b"\xef\xbb\xbfversion = 1\r\n")

    assert load_manifest(file).schemas == ()


FINE = ("a", "Ünï", "with space", 'quo"te', "x" * 63, "public", "$x", "user")


@pytest.mark.parametrize("name", FINE)
def test_any_name_that_postgresql_takes_is_taken(name: str) -> None:
    """Names are data: blanks, quotes and reserved words are quoted, not refused."""
    assert invalid_name(name) is None


def test_bytes_are_counted_not_letters() -> None:
    """PostgreSQL cuts names after 63 bytes, silently."""
    assert "64 bytes" in str(invalid_name("é" * 32))
