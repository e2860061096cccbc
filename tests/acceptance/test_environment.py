"""`environment show` and `environment set`: the stamp inside the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from balados_db.errors import StalePlan
from balados_db.execution.planners import environment_planner
from balados_db.manifest.loading import load_manifest
from balados_db.postgres.connection import connect
from balados_db.postgres.source import Source
from tests.conftest import EXAMPLE, Database, Result

RunCli = Callable[..., Result]

SET = ("environment", "set")
SHOW = ("environment", "show")


def test_a_database_without_a_stamp_says_so(run_cli: RunCli, database: Database) -> None:
    """A database that nobody stamped is no error; nothing is protected in it."""
    done = run_cli(*SHOW, database=database)

    assert (done.status, done.out.splitlines()[0]) == (0, "not stamped")
    assert run_cli(*SHOW, "--json", database=database).json["result"]["protected"] is False


def test_a_stamp_is_set_once(run_cli: RunCli, database: Database) -> None:
    """set writes the stamp into any database; the second time there is nothing to do."""
    assert run_cli(*SET, "staging", "--json", database=database).json["changed"] is True
    assert run_cli(*SET, "staging", "--json", database=database).json["changed"] is False

    assert run_cli(*SHOW, database=database).out.splitlines()[0] == "staging"


def test_a_dry_run_stamps_nothing(run_cli: RunCli, database: Database) -> None:
    """--dry-run shows the plan and leaves no trace."""
    before = database.snapshot()

    done = run_cli(*SET, "staging", "--dry-run", database=database)

    assert "stamp the database as staging" in done.out
    assert database.snapshot() == before


def test_a_protected_stamp_protects(run_cli: RunCli, balados: Database) -> None:
    """A database that is called production says so, and its permanent data cannot be reset."""
    run_cli(*SET, "production", database=balados)

    assert "protected" in run_cli(*SHOW, database=balados).out
    done = run_cli("reset", "--system", "--confirm", "DELETE", database=balados)
    assert (done.status, done.code) == (5, "environment_protected")


def test_a_protected_name_is_not_taken_away_without_its_phrase(run_cli: RunCli, database: Database) -> None:
    """Taking a protected name away would unlock destruction: a reset's phrase or the new name do not confirm it."""
    run_cli(*SET, "production", database=database)

    for confirm in ((), ("--confirm", "DELETE"), ("--confirm", "development")):
        done = run_cli(*SET, "development", *confirm, database=database)
        assert (done.status, done.code) == (3, "not_confirmed")
    assert run_cli(*SHOW, database=database).out.splitlines()[0] == "production"


def test_the_protected_name_itself_is_the_phrase(run_cli: RunCli, database: Database) -> None:
    """Who names what is given up may give it up."""
    run_cli(*SET, "production", database=database)

    plan = run_cli(*SET, "development", "--dry-run", "--json", database=database).json["plan"]
    done = run_cli(*SET, "development", "--confirm", "production", database=database)

    assert (plan["phrase"], plan["danger"]) == ("production", "danger")
    assert done.status == 0
    assert run_cli(*SHOW, database=database).out.splitlines()[0] == "development"


def test_a_protected_name_that_came_meanwhile_is_kept(run_cli: RunCli, database: Database) -> None:
    """Between looking and locking somebody stamps the database as production: nobody was asked, so nothing is done."""
    planner = environment_planner(load_manifest(EXAMPLE), "development")
    with connect(Source(name="test", conninfo=database.url), command="test") as conn:
        assert planner(conn, ()).phrase is None
        run_cli(*SET, "production", database=database)

        with pytest.raises(StalePlan, match="stamped production meanwhile"):
            planner(conn, (4711,))


def test_names_that_the_manifest_protects_count(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Which names are protected is the manifest's to say."""
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text('version = 1\n[environments]\nprotected = ["live"]\n')
    run_cli(*SET, "live", database=database, manifest=manifest)

    assert run_cli(*SHOW, "--json", database=database, manifest=manifest).json["result"]["protected"] is True
    assert run_cli(*SET, "test", database=database, manifest=manifest).status == 3


def test_a_copy_says_that_it_is_one(run_cli: RunCli, database: Database, new_database: Callable[..., Database]) -> None:
    """A copy brings the stamp along, and says for which database it was made until it is stamped itself."""
    run_cli(*SET, "staging", database=database)
    copy = new_database(database.name)

    shown = run_cli(*SHOW, database=copy)
    assert shown.out.splitlines()[0] == "staging"
    assert f"stamped for database {database.name}: this is a copy of it" in shown.out

    assert run_cli(*SET, "staging", "--json", database=copy).json["changed"] is True
    assert "copy" not in run_cli(*SHOW, database=copy).out


def test_show_needs_no_manifest(run_cli: RunCli, database: Database) -> None:
    """A URL is enough to ask a database what it is."""
    run_cli(*SET, "production", database=database)

    shown = run_cli(*SHOW, "--json", database=database, manifest=None).json

    assert (shown["result"]["environment"], shown["result"]["protected"]) == ("production", True)
    assert shown["target"]["database"] == database.name


@pytest.mark.parametrize("name", ["", " production", "a\nb"], ids=["empty", "blank", "line end"])
def test_names_that_nobody_could_type_again_are_refused(run_cli: RunCli, name: str) -> None:
    """A name is asked for as a phrase one day: it has no blank at its ends and no control characters."""
    assert run_cli(*SET, name, env={"DATABASE_URL": "postgresql://127.0.0.1:1/x"}).status == 2
