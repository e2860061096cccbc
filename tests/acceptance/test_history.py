"""`history`: every destructive run, from inside the database."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.conftest import Database, Result

RunCli = Callable[..., Result]


def test_where_nothing_was_recorded_it_is_empty(run_cli: RunCli, database: Database) -> None:
    """A database that balados-db never wrote to has an empty history, and looking leaves no trace."""
    before = database.snapshot()

    assert run_cli("history", "--json", database=database).json["result"]["runs"] == []
    assert run_cli("history", database=database).out == f"Nothing is recorded in {database.name}.\n"
    assert database.snapshot() == before


def test_a_reset_leaves_its_receipt(run_cli: RunCli, filled: Database) -> None:
    """Each run has its time, scope, role, client, plan and the rows that it destroyed; the newest comes first."""
    digest = run_cli("reset", "--projections", "--dry-run", "--json", database=filled).json["plan"]["digest"]
    for _ in range(2):
        assert run_cli("reset", "--projections", "--confirm", "DELETE", database=filled).status == 0

    newest, first = run_cli("history", "--json", database=filled).json["result"]["runs"]

    assert newest["id"] > first["id"]
    assert (first["command"], first["scope"], first["digest"]) == ("reset", "projections", digest)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["when"])
    assert first["role"]
    assert first["client"]
    assert (first["rows"], newest["rows"]) == (66, 0)


def test_people_see_a_table(run_cli: RunCli, filled: Database) -> None:
    """Without --json each run is one line; no manifest is needed."""
    run_cli("reset", "--projections", "--confirm", "DELETE", database=filled)

    done = run_cli("history", database=filled, manifest=None)

    assert done.status == 0
    assert re.search(r"reset +projections .* 66 rows", done.out)
