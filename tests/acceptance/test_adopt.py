"""`adopt`: databases that Ecto or psql made are the normal case for a new user."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import Database, Result

Run = Callable[..., Result]
FORGET = """
drop schema balados_db cascade;
do $$ declare t text; begin
  for t in select c.oid::regclass::text from pg_class c where relname in ('_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
  loop execute 'drop table ' || t; end loop;
end $$;
"""


@pytest.fixture
def foreign(filled: Database) -> Database:
    """Balados Sync's database as something else would have made it: no history, no records."""
    filled.execute(FORGET)
    return filled


def test_a_schema_that_equals_its_migrations_is_adopted_without_running_them(foreign: Database, run_cli: Run) -> None:
    """Rows stay, histories appear, plain status is clean, and a reset then empties."""
    before = {t: foreign.rows(t) for t in ("system.users", "users.subscriptions", "public.public_events")}

    result = run_cli("adopt", "--json", database=foreign)

    assert result.status == 0, result.err
    assert {t: foreign.rows(t) for t in before} == before
    assert foreign.rows("users._yoyo_migration") == 6
    status = run_cli("status", "--json", database=foreign).json["result"]["schemas"]
    assert all(not s["pending"] and not s["drift"] for s in status)
    ways = run_cli("reset", "--projections", "--dry-run", "--json", database=foreign).json["plan"]["ways"]
    assert {w["way"] for w in ways} == {"empty"}


def test_the_comparison_leaves_no_trace(foreign: Database, run_cli: Run) -> None:
    """No scratch database stays behind, and a dry run changes nothing."""
    before = foreign.snapshot()

    assert run_cli("adopt", "--dry-run", database=foreign).status == 0

    assert foreign.snapshot() == before
    ours = "select oid from pg_database where datname = current_database()"
    assert foreign.value(f"select count(*) from pg_database where datname ~ ('balados_db_scratch_' || ({ours}))") == 0


def test_differences_are_listed_and_refused_unless_accepted_by_name(foreign: Database, run_cli: Run) -> None:
    """Extra, missing and other facts each by name; what was accepted goes on being drift, and a reset recreates."""
    foreign.execute(
        "alter table users.subscriptions add extra int; drop index users.playlists_active_idx; alter table users.playlists alter description type varchar(99)"
    )
    before = foreign.snapshot()

    refused = run_cli("adopt", "--schema", "users", "--json", database=foreign)

    assert refused.status == 5
    found = {(d["kind"], d["name"]) for d in refused.json["errors"][0]["details"]["differences"]}
    assert found == {
        ("extra", "users: column subscriptions.extra"),
        ("missing", "users: index playlists.playlists_active_idx"),
        ("other", "users: column playlists.description"),
    }
    assert foreign.snapshot() == before

    accept = [word for _, name in sorted(found) for word in ("--accept", name)]
    adopted = run_cli("adopt", "--schema", "users", *accept, database=foreign)
    assert adopted.status == 0, adopted.err
    drift = run_cli("status", "--json", database=foreign).json["result"]["schemas"][1]["drift"]
    assert drift
    assert run_cli("adopt", database=foreign).status == 0  # the other schemas
    done = run_cli("reset", "--projections", "--confirm", "DELETE", "--json", database=foreign)
    assert done.status == 0, done.err
    assert {w["schema"]: w["way"] for w in done.json["plan"]["ways"]} == {"users": "recreate", "public": "empty"}
    assert (
        foreign.value(
            "select count(*) from pg_attribute where attrelid = 'users.subscriptions'::regclass and attname = 'extra'"
        )
        == 0
    )


def test_a_part_of_the_migrations_can_be_adopted(foreign: Database, run_cli: Run) -> None:
    """--to ID: the later ones stay pending and apply."""
    foreign.execute("drop table system.email_verifications")

    result = run_cli("adopt", "--schema", "system", "--to", "0005_user_podcast_settings", database=foreign)

    assert result.status == 0, result.err
    assert run_cli("migrate", "--schema", "system", database=foreign).status == 0
    assert foreign.rows("system.email_verifications") == 0


def test_a_role_that_may_not_create_databases_compares_in_a_transaction(foreign: Database, run_cli: Run) -> None:
    """The schemas are put aside, made anew, read, and everything is rolled back."""
    role = f"owner_{foreign.name}"
    foreign.execute(
        f"create role {role} login password 'own-Kx9' nosuperuser nocreatedb; alter database {foreign.name} owner to {role}"
    )
    foreign.execute(
        f"""do $$ declare r record; begin
        for r in select nspname from pg_namespace where nspname in ('system', 'users', 'events') loop execute format('alter schema %I owner to {role}', r.nspname); end loop;
        for r in select c.oid::regclass as t, relkind from pg_class c where relnamespace::regnamespace::text in ('system', 'users', 'events', 'public') and relkind in ('r', 'm') loop
          execute format('alter %s %s owner to {role}', case r.relkind when 'm' then 'materialized view' else 'table' end, r.t); end loop;
        for r in select p.oid::regprocedure as f from pg_proc p where pronamespace::regnamespace::text in ('users', 'public', 'events') loop execute format('alter function %s owner to {role}', r.f); end loop;
        end $$"""
    )
    parts = psycopg.conninfo.conninfo_to_dict(foreign.url)
    owner = Database(foreign.name, psycopg.conninfo.make_conninfo("", **{**parts, "user": role, "password": "own-Kx9"}))

    result = run_cli("adopt", "--schema", "users", "--schema", "system", database=owner)

    assert result.status == 0, result.err
    assert foreign.rows("users.subscriptions") == 20
    assert foreign.value("select count(*) from pg_namespace where nspname like 'balados_db_aside%%'") == 0


def test_what_is_adopted_already_is_said(filled: Database, run_cli: Run) -> None:
    """A schema with a history has nothing to adopt."""
    result = run_cli("adopt", "--schema", "users", database=filled)

    assert (result.status, result.code) == (2, "nothing_to_adopt")


def test_tables_that_something_else_made_are_not_migrated_over(foreign: Database, run_cli: Run) -> None:
    """`migrate` fails on the first table that exists, changes nothing, and names the cure."""
    before = foreign.snapshot()

    result = run_cli("migrate", database=foreign)

    assert result.status == 1
    assert "balados-db adopt" in result.err
    assert foreign.snapshot() == before
