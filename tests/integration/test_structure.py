"""What is recorded of a schema's structure: whatever decides what its tables hold, or let in, is a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from balados_db.postgres.catalog import Structure, read_structures
from tests.conftest import Database

MADE = """
create schema made;
create type made.pair as (a int, b text);
create table made.of_type of made.pair (primary key (a));
create table made.parent (a int);
create table made.child () inherits (made.parent);
create table made.members (id serial primary key, name text, loose int, unique (name) deferrable);
create table made.visits (member int constraint visitor references made.members);
create view made.names as select id, name from made.members;
create function made.less(int, int) returns bool language sql immutable as 'select $1 < $2';
create operator made.<<< (leftarg = int, rightarg = int, function = made.less);
create collation made.plain (locale = 'C');
create conversion made.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create operator family made.family using btree;
create text search dictionary made.words (template = simple);
create text search configuration made.search (copy = simple);
"""
CHANGES = {
    "a child leaves its parent": "alter table made.child no inherit made.parent",
    "a table gets a parent": "alter table made.visits add a int; alter table made.visits inherit made.parent",
    "a table leaves its type": "alter table made.of_type not of",
    "foreign keys are not looked after": "alter table made.visits disable trigger all",
    "a view's column gets a default": "alter view made.names alter column name set default 'nobody'",
    "a sequence loses its column": "alter sequence made.members_id_seq owned by none",
    "a sequence changes its column": "alter sequence made.members_id_seq owned by made.members.loose",
    "an operator goes": "drop operator made.<<<(int, int)",
    "an operator comes": "create operator made.>>> (leftarg = int, rightarg = int, function = made.less)",
    "a collation goes": "drop collation made.plain",
    "a conversion goes": "drop conversion made.latin",
    "an operator family goes": "drop operator family made.family using btree",
    "a dictionary is told otherwise": "alter text search dictionary made.words (accept = false)",
    "a text search looks elsewhere": "alter text search configuration made.search alter mapping for word with made.words",
    "a text search leaves words out": "alter text search configuration made.search drop mapping for word",
    "a text search goes": "drop text search configuration made.search",
}
TUNING = {
    "storage": "alter table made.members alter name set storage external",
    "statistics": "alter table made.members alter name set statistics 500; analyze made.members",
    "rows and numbers": "insert into made.members (name) values ('ada'), ('bob')",
    "an owner": "alter table made.members owner to current_user; grant select on made.members to public",
    "a comment": "comment on table made.members is 'who'",
}


@pytest.fixture
def made(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A schema with one of each, seen as the command sees it."""
    with database.connect(row_factory=namedtuple_row) as conn:
        conn.execute(MADE)
        conn.execute("set search_path = pg_catalog")
        yield conn


def seen(conn: psycopg.Connection[Any], changes: dict[str, str]) -> set[str]:
    """Which of these changes show, each made alone."""
    before = structure(conn)
    found = set()
    for name, statements in changes.items():
        with conn.transaction(force_rollback=True):
            conn.execute(statements)
            found |= {name} if structure(conn) != before else set()
    return found


def structure(conn: psycopg.Connection[Any]) -> Structure:
    return read_structures(conn, ["made"], [])["made"]


def test_what_decides_what_tables_hold_is_structure(made: psycopg.Connection[Any]) -> None:
    """A reset that emptied such a schema in place would not leave what its migrations make."""
    assert CHANGES.keys() - seen(made, CHANGES) == set()


def test_tuning_and_rights_are_no_structure(made: psycopg.Connection[Any]) -> None:
    """They are kept by emptying in place, and lost by recreating: no reason for the latter."""
    assert seen(made, TUNING) == set()
