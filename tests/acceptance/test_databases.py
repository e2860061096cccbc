"""Schemas in several databases: each command says what it does in which, and finishes what it began."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.apart import Apart, manifest_apart
from tests.conftest import Database, Result

Run = Callable[..., Result]


@pytest.fixture
def apart(new_database: Callable[..., Database]) -> Apart:
    """Two empty databases."""
    return Apart(new_database(prefix="main"), new_database(prefix="events"))


@pytest.fixture
def ready(apart: Apart, run: Run) -> Apart:
    """The same, made ready."""
    assert run("up").status == 0
    return apart


@pytest.fixture
def run(run_cli: Run, apart: Apart, tmp_path: Path) -> Run:
    """The command with the manifest that tells them apart."""
    file = manifest_apart(tmp_path)
    return lambda *words, env=None, **facts: run_cli(*words, manifest=file, env={**apart.env, **(env or {})}, **facts)


def schemas(database: Database) -> set[str]:
    rows = database.execute("select nspname from pg_namespace where nspname in ('system', 'users', 'events')")
    return {row[0] for row in rows}


def test_one_command_makes_both_ready(run: Run, apart: Apart) -> None:
    """Each schema lies where the manifest says; done again, nothing is left to do; every answer names both."""
    first = run("up", "--json")
    again = run("up")
    status = run("status", "--json")

    assert first.status == 0, first.out
    assert {n: part["changed"] for n, part in first.json["databases"].items()} == {"main": True, "events": True}
    assert first.json["databases"]["events"]["target"]["database"] == apart.events.name
    assert (schemas(apart.main), schemas(apart.events)) == ({"system", "users"}, {"events"})
    assert again.out.count("Nothing to do.") == 2
    assert (status.status, status.json["result"]["head"]) == (0, 0)
    assert {s["schema"]: s["database"] for s in status.json["result"]["schemas"]}["events"] == "events"
    assert status.json["result"]["databases"]["main"]["database"] == apart.main.name
    assert f"events: {apart.events.name}" in run("status").out


def test_databases_that_are_not_there_are_all_created(
    run: Run, apart: Apart, new_database: Callable[..., Database]
) -> None:
    """Two that are missing on one server are two; two names for one that is missing are refused all the same."""
    server = new_database()
    missing = {
        variable: Database(f"{database.name}_new", f"{database.url}_new")
        for variable, database in (("DATABASE_URL", apart.main), ("EVENTS_URL", apart.events))
    }
    env = {variable: database.url for variable, database in missing.items()}
    try:
        assert run("up", env={**env, "EVENTS_URL": env["DATABASE_URL"]}).code == "same_database"
        assert run("up", "--dry-run", env=env).status == 0
        made = run("up", "--json", env=env)
        assert made.status == 0, made.out
        assert [schemas(database) for database in missing.values()] == [{"system", "users"}, {"events"}]
        assert run("status", "--check", env=env).status == 0
    finally:
        for database in missing.values():
            server.execute(f'drop database if exists "{database.name}" with (force)')


def test_what_only_looks_looks_everywhere(run: Run, ready: Apart) -> None:
    """verify, doctor, docs, history, rebuild and the stamp answer for both."""
    verified = run("verify", "--json")
    assert verified.status == 0, verified.out
    assert [part["result"]["checked"]["schemas"] for part in verified.json["databases"].values()] == [3, 1]
    assert set(run("doctor", "--json").json["databases"]) == {"main", "events"}
    reference = run("docs").out
    assert "stream_events" in reference
    assert "play_statuses" in reference
    assert "Nothing is recorded" in run("history").out
    assert run("rebuild", "status", "--json").json["result"]["head"] == 0
    assert run("environment", "set", "staging").status == 0
    shown = run("environment", "show", "--json").json["databases"]
    assert [part["result"]["environment"] for part in shown.values()] == ["staging", "staging"]


def test_a_database_out_of_reach_stops_it_before_the_first_deed(run: Run, apart: Apart) -> None:
    """Exit 8, the database is named, and nothing has changed in the other one."""
    before = apart.main.snapshot()
    nowhere = {"EVENTS_URL": "postgresql://nobody@127.0.0.1:1/none"}
    result = run("up", "--json", env=nowhere)

    error = result.json["errors"][0]
    assert (result.status, error["database"]) == (8, "events")
    assert "In database events" in error["message"]
    assert apart.main.snapshot() == before
    assert run("migrate", "--schema", "users", env=nowhere).status == 0


def test_a_failure_in_the_second_says_what_is_done_and_the_same_command_goes_on(run: Run, apart: Apart) -> None:
    """Exit 9; the first one stays done."""
    apart.events.execute(
        "create function public.no() returns event_trigger language plpgsql as $$ begin raise exception 'not now'; end $$;"
        "create event trigger no on ddl_command_start when tag in ('CREATE TABLE') execute function public.no()"
    )
    failed = run("up", "--json")

    error = failed.json["errors"][0]
    assert (failed.status, error["code"], error["retryable"], failed.json["changed"]) == (9, "partial", True, True)
    assert (error["details"]["failed"], error["details"]["finished"]) == ("events", "main")
    assert "not now" in error["message"]
    assert schemas(apart.main) == {"system", "users"}

    apart.events.execute("drop event trigger no")
    again = run("up", "--json")
    assert {n: part["changed"] for n, part in again.json["databases"].items()} == {"main": False, "events": True}


def test_one_database_by_two_names_is_refused(run: Run, apart: Apart) -> None:
    """By its address, and by what the server says where addresses differ."""
    for url, command in ((apart.main.url, "up"), (f"{apart.main.url}?application_name=x", "status")):
        result = run(command, env={"EVENTS_URL": url})
        assert (result.status, result.code) == (2, "same_database"), command
    port = apart.main.url.rpartition("/")[0].rpartition(":")[2]
    assert (
        run("migrate", env={"EVENTS_URL": apart.main.url.replace(f":{port}/", "/"), "PGPORT": port}).code
        == "same_database"
    )


def test_where_each_url_comes_from(run: Run, apart: Apart) -> None:
    """--url NAME=URL, then BALADOS_DB_URL_NAME, then the manifest; what names the main one says nothing about others."""
    nowhere = {"EVENTS_URL": "", "DATABASE_URL": apart.main.url}
    missing = run("up", env=nowhere)
    assert (missing.status, missing.code) == (2, "no_url_for")
    assert "BALADOS_DB_URL_EVENTS" in missing.err

    named = run("up", "--dry-run", "--json", env={**nowhere, "BALADOS_DB_URL_EVENTS": apart.events.url})
    assert named.json["databases"]["events"]["target"]["database"] == apart.events.name
    given = run("up", "--dry-run", "--json", "--url", f"events={apart.main.url}", "--url", apart.events.url)
    assert given.json["databases"]["events"]["target"]["database"] == apart.main.name
    assert given.json["databases"]["main"]["target"]["database"] == apart.events.name

    unknown = run("status", "--url", f"event={apart.events.url}")
    assert (unknown.status, unknown.code) == (2, "usage")
    assert "'events'" in unknown.err


def test_a_rollback_that_would_leave_positions_behind_is_refused(run: Run, ready: Apart) -> None:
    """Exit 5 with another way; of permanent data it concerns one database, and goes."""
    before = ready.snapshot()

    refused = run("rollback", "--schema", "users", "--with-dependents", "--confirm", "DELETE")

    assert (refused.status, refused.code) == (5, "across_databases")
    assert "reset --schema users --recreate" in refused.err
    assert ready.snapshot() == before
    assert run("rollback", "--schema", "system", "--confirm", "DELETE").status == 0


def test_a_rollback_of_what_lies_together_elsewhere_goes(run_cli: Run, apart: Apart, tmp_path: Path) -> None:
    """Tables, positions and events in one database beside the main one: it concerns that one alone."""
    file = manifest_apart(tmp_path)
    text = file.read_text()
    for name in ("users", "public"):
        text = text.replace(f"[schemas.{name}]\n", f'[schemas.{name}]\ndatabase = "events"\n')
    file.write_text(text)
    assert run_cli("up", manifest=file, env=apart.env).status == 0
    before = apart.main.snapshot()
    words = ("rollback", "--schema", "users", "--with-dependents", "--projector-grace", "0")

    assert run_cli(*words, manifest=file, env=apart.env).status == 3
    done = run_cli(*words, "--confirm", "DELETE", "--json", manifest=file, env=apart.env)

    assert done.status == 0, done.out
    assert done.json["target"]["database"] == apart.events.name
    assert apart.main.snapshot() == before
