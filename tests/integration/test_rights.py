"""What recreating gives back: owners, grants, publications; and what it says that it cannot, before anybody is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import Database, Result

Run = Callable[..., Result]
ROLES = ("rights_app", "rights_reader", "rights_runner")
MIGRATION = """
create table notes (id serial primary key, text text, at date);
create view recent as select id, at from notes;
create materialized view counted as select count(*) from notes;
create sequence numbers;
create type mood as enum ('good', 'bad');
create type pair as (a int, b int);
create domain positive as int check (value > 0);
create function double(int) returns int language sql as 'select 2 * $1';
create procedure nothing() language sql as 'select 1';
create aggregate total(int) (sfunc = int4pl, stype = int, initcond = '0');
"""
# Effective rights, owners and memberships of everything in the schema, by names.
FACTS = """
select c.relname || coalesce('.' || a.attname, ''), pg_get_userbyid(c.relowner), x.grantee::regrole::text, x.privilege_type, x.is_grantable
  from pg_class c
  left join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
 cross join lateral aclexplode(coalesce(a.attacl, c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) x
 where c.relnamespace = 'notes'::regnamespace and c.relkind in ('r', 'v', 'm', 'S') and c.relname !~ 'yoyo'
union all
select p.oid::regprocedure::text, pg_get_userbyid(proowner), x.grantee::regrole::text, x.privilege_type, x.is_grantable
  from pg_proc p cross join lateral aclexplode(coalesce(proacl, acldefault('f', proowner))) x where pronamespace = 'notes'::regnamespace
union all
select t.typname, pg_get_userbyid(typowner), x.grantee::regrole::text, x.privilege_type, x.is_grantable
  from pg_type t left join pg_class c on c.oid = t.typrelid cross join lateral aclexplode(coalesce(typacl, acldefault('T', typowner))) x
 where typnamespace = 'notes'::regnamespace and (typtype in ('e', 'd') or c.relkind = 'c')
union all
select tablename, pubname, attnames::text, rowfilter, false from pg_publication_tables where schemaname = 'notes'
 order by 1, 2, 3, 4
"""


@pytest.fixture(scope="session")
def roles(server: str) -> str:
    """A login without superuser, and two roles that it is no member of yet."""
    with psycopg.connect(server, autocommit=True) as conn:
        for role in ROLES:
            with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                conn.execute(sql.SQL("create role {} login password 'rights-Kx9'").format(sql.Identifier(role)))
    return server


@pytest.fixture
def notes(database: Database, roles: str, run_cli: Run, tmp_path: Path) -> tuple[Database, Path]:
    """A database that the runner owns, with one projection schema of its making."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "0001_notes.sql").write_text(MIGRATION)
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text('version = 1\n[schemas.notes]\nkind = "projection"\nmigrations = "notes"\n')
    database.execute(f"alter database {database.name} owner to rights_runner")
    done = run_cli("up", database=as_runner(database), manifest=manifest)
    assert done.status == 0, done.err
    return database, manifest


def as_runner(database: Database) -> Database:
    parts = psycopg.conninfo.conninfo_to_dict(database.url)
    url = psycopg.conninfo.make_conninfo("", **{**parts, "user": "rights_runner", "password": "rights-Kx9"})
    return Database(database.name, url)


def facts(database: Database) -> list[tuple[Any, ...]]:
    return database.execute(FACTS)


GIVEN = {
    "grants": "grant select, insert on notes.notes to rights_reader; grant usage on sequence notes.numbers to rights_reader",
    "grant options": "grant select on notes.notes to rights_reader with grant option",
    "columns": "grant select (id), update (text) on notes.notes to rights_reader; grant select (at) on notes.recent to public",
    "views": "grant select on notes.recent, notes.counted to rights_reader",
    "sequences of columns": "grant all on sequence notes.notes_id_seq to rights_reader",
    "functions": "revoke execute on function notes.double(int) from public; grant execute on function notes.double(int) to rights_reader",
    "procedures": "revoke execute on procedure notes.nothing() from public",
    "aggregates": "revoke execute on function notes.total(int) from public; grant execute on function notes.total(int) to rights_reader",
    "types": "revoke usage on type notes.mood from public; grant usage on type notes.pair to rights_reader; revoke usage on domain notes.positive from public",
    "what an owner took from itself": "revoke delete, truncate on notes.notes from rights_runner",
    "public": "grant select on notes.notes to public",
    "default privileges that came later": "alter default privileges for role rights_runner in schema notes grant all on tables to public;"
    "alter default privileges for role rights_runner in schema notes grant select on sequences to rights_reader",
}


@pytest.mark.parametrize("statements", GIVEN.values(), ids=GIVEN)
def test_every_right_is_given_back(notes: tuple[Database, Path], run_cli: Run, statements: str) -> None:
    """By a role without superuser that owns the schema; effective rights are compared, whoever wrote them down how."""
    database, manifest = notes
    as_runner(database).execute(statements)
    before = facts(database)

    result = run_cli(
        *("reset", "--projections", "--recreate", "--confirm", "DELETE"),
        database=as_runner(database),
        manifest=manifest,
    )

    assert result.status == 0, result.err
    assert facts(database) == before


CHAIN = """
grant usage on schema notes to rights_app, rights_reader;
grant select, insert on notes.notes to rights_app with grant option; grant insert on notes.notes to rights_reader;
set role rights_app;
grant select on notes.notes to rights_reader with grant option; grant insert on notes.notes to rights_reader;
grant update (text) on notes.notes to rights_reader;
set role rights_reader; grant select on notes.notes to public;
"""


@pytest.mark.parametrize("powerful", [True, False])
def test_a_right_is_given_by_whoever_passed_it_on(notes: tuple[Database, Path], run_cli: Run, powerful: bool) -> None:
    """With his own right those end that he gave: not where this role may not give for him, and then the owner does."""
    database, manifest = notes
    database.execute("grant update (text) on notes.notes to rights_app with grant option")
    database.execute(CHAIN)
    acl = "select a::text from pg_class, unnest(relacl) a where oid = 'notes.notes'::regclass union all select attname || a from"
    acl += " pg_attribute, unnest(attacl) a where attrelid = 'notes.notes'::regclass order by 1"
    before, effective = database.execute(acl), facts(database)

    result = run_cli(
        *("reset", "--projections", "--recreate", "--confirm", "DELETE"),
        database=database if powerful else as_runner(database),
        manifest=manifest,
    )

    assert result.status == 0, result.err
    assert facts(database) == effective
    assert (database.execute(acl) == before) is powerful


OWNED = {
    "a table with a serial": "alter table notes.notes owner to rights_app",
    "a view": "alter view notes.recent owner to rights_app",
    "a sequence": "alter sequence notes.numbers owner to rights_app",
    "a function": "alter function notes.double(int) owner to rights_app",
    "an aggregate": "alter aggregate notes.total(int) owner to rights_app",
    "types": "alter type notes.pair owner to rights_app; alter type notes.mood owner to rights_app; alter domain notes.positive owner to rights_app",
    "a table whose owner gave up rights": "alter table notes.notes owner to rights_app; revoke delete on notes.notes from rights_app; grant select on notes.notes to rights_reader",
}


@pytest.mark.parametrize("statements", OWNED.values(), ids=OWNED)
def test_owners_are_given_back_by_whoever_may(notes: tuple[Database, Path], run_cli: Run, statements: str) -> None:
    """A member of the owning role may, where that role may create in the schema."""
    database, manifest = notes
    database.execute(
        f"grant rights_app to rights_runner; grant create, usage on schema notes to rights_app; {statements}"
    )
    before = facts(database)

    result = run_cli(
        *("reset", "--projections", "--recreate", "--confirm", "DELETE"),
        database=as_runner(database),
        manifest=manifest,
    )
    database.execute("revoke rights_app from rights_runner")

    assert result.status == 0, result.err
    assert facts(database) == before


def test_a_published_table_gets_its_owner_and_its_publication(notes: tuple[Database, Path], run_cli: Run) -> None:
    """Its owner is a role that the runner may become, but whose rights it does not inherit."""
    database, manifest = notes
    database.execute(
        "grant rights_app to rights_runner; grant create, usage on schema notes to rights_app; alter table notes.notes owner to rights_app;"
        "create publication notes_pub for table notes.notes (id, at) where (id > 3); alter publication notes_pub owner to rights_runner;"
        "alter role rights_runner noinherit; revoke rights_app from rights_runner; grant rights_app to rights_runner"
    )
    before = facts(database)

    result = run_cli(
        "reset", "--projections", "--recreate", "--confirm", "DELETE", database=as_runner(database), manifest=manifest
    )
    database.execute("revoke rights_app from rights_runner; alter role rights_runner inherit")

    assert result.status == 0, result.err
    assert facts(database) == before


def test_an_owner_that_cannot_be_given_back_is_said_before_anybody_is_asked(
    notes: tuple[Database, Path], run_cli: Run
) -> None:
    """The owning role may not create in the schema: in the preview, in JSON, and again when it is done."""
    database, manifest = notes
    database.execute(
        "grant rights_app to rights_runner; grant usage on schema notes to rights_app; alter table notes.notes owner to rights_app"
    )
    words = ("reset", "--projections", "--recreate", "--json")

    plan = run_cli(*words, "--dry-run", database=as_runner(database), manifest=manifest).json["plan"]
    result = run_cli(*words, "--confirm", "DELETE", database=as_runner(database), manifest=manifest)
    database.execute("revoke rights_app from rights_runner")

    assert plan["not_restored"] == ["notes.notes: owner rights_app"]
    assert result.status == 0, result.out
    assert "not given back: notes.notes: owner rights_app" in result.json["warnings"]


def test_a_loss_that_nobody_was_told_of_takes_everything_back(notes: tuple[Database, Path], run_cli: Run) -> None:
    """A publication's filter no longer fits the table that the migrations make: exit 5, it is named, nothing changed."""
    database, manifest = notes
    database.execute(
        "create publication notes_pub for table notes.notes where (id > 3); alter publication notes_pub owner to rights_runner"
    )
    file = manifest.parent / "notes" / "0001_notes.sql"
    file.write_text(MIGRATION.replace("id serial primary key", "id text primary key"))
    before = database.snapshot()

    result = run_cli(
        "reset", "--projections", "--confirm", "DELETE", "--json", database=as_runner(database), manifest=manifest
    )

    error = result.json["errors"][0]
    assert (result.status, error["code"]) == (5, "not_given_back"), result.out
    assert error["details"]["objects"][0]["identity"] == "notes.notes"
    assert "notes_pub" in error["message"]
    assert database.snapshot() == before


def test_publications_are_given_back_and_those_of_tables_that_no_migration_makes_go(
    notes: tuple[Database, Path], run_cli: Run
) -> None:
    """Column lists and filters too; a table made by hand goes as a whole."""
    database, manifest = notes
    as_runner(database).execute("create table notes.by_hand (id int)")
    database.execute(
        "create publication notes_pub for table notes.notes (id, at) where (id > 3), notes.by_hand; alter publication notes_pub owner to rights_runner"
    )
    before = [fact for fact in facts(database) if fact[0] != "by_hand"]

    result = run_cli("reset", "--projections", "--confirm", "DELETE", database=as_runner(database), manifest=manifest)

    assert result.status == 0, result.err
    assert facts(database) == before
