"""`explain`: what a code or an exit status means, from the error classes themselves."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from balados_db.answers.table import ANSWERS
from balados_db.cli.explain import codes, described_code
from balados_db.exits import ExitStatus
from tests.conftest import Result

RunCli = Callable[..., Result]


def test_a_code_is_explained_in_full(run_cli: RunCli) -> None:
    """A code comes with its message, its exit status, whether to try again, and what to do."""
    done = run_cli("explain", "lock_held")

    assert done.status == 0
    for said in ("exit 6, busy", "Another balados-db run", "try again?  yes", "wait for it to end"):
        assert said in done.out


def test_the_code_of_a_finding_is_explained(run_cli: RunCli) -> None:
    """What a check found leads to what it means; a code that an error has as well is explained as both."""
    assert "pooled: a finding\n\n  A pooler is in between" in run_cli("explain", "pooled").out
    both = run_cli("explain", "migration_edited", "--json").json["result"]
    assert [len(both["codes"]), len(both["finding_codes"])] == [1, 1]
    assert run_cli("explain", "squawk_ban_drop_table").status == 0


def test_an_exit_status_is_explained_by_number_and_by_name(run_cli: RunCli) -> None:
    """A number that a pipeline shows leads to its meaning and its codes; so does the status' name."""
    done = run_cli("explain", "8")

    assert "exit 8: unreachable" in done.out
    assert "what to do  check the URL" in done.out
    assert "no_database" in done.out
    assert run_cli("explain", "partial").out.startswith("exit 9: partial")


def test_without_a_word_everything_is_listed(run_cli: RunCli) -> None:
    """`explain` alone lists every exit status and every code."""
    done = run_cli("explain")

    assert all(f"{int(status):>3}  {status.name.lower()}: " in done.out for status in ExitStatus)
    assert all(f" {code} " in done.out for code in codes())


def test_an_unknown_word_gets_the_nearest_code(run_cli: RunCli) -> None:
    """A misspelt code is a usage error that names the right one."""
    done = run_cli("explain", "lock-holds")

    assert (done.status, done.code) == (2, "usage")
    assert "did you mean 'lock_held'?" in done.err


def test_json_is_one_object_with_facts(run_cli: RunCli) -> None:
    """--json gives the same facts by name."""
    (code,) = run_cli("explain", "replay_never", "--json").json["result"]["codes"]
    (status,) = run_cli("explain", "6", "--json").json["result"]["statuses"]

    assert (code["exit_status"], code["name"], code["retryable"]) == (5, "protected", False)
    assert "<name>" in code["message"]
    assert (status["name"], status["retryable"]) == ("busy", True)
    assert "lock_held" in status["codes"]
    assert len(run_cli("explain", "--json").json["result"]["codes"]) == len(codes())


@pytest.mark.parametrize("status", list(ExitStatus), ids=lambda status: status.name)
def test_every_status_has_its_words_in_the_one_table(status: ExitStatus) -> None:
    """What each exit status means and what to do about it is what `explain` says."""
    assert status.means
    assert status.do


@pytest.mark.parametrize("code", list(codes()))
def test_every_code_can_be_explained(code: str) -> None:
    """Every error has a message, and no placeholder of it is shown raw."""
    facts = described_code(codes()[code])

    assert facts.message
    assert "{" not in facts.message
    assert facts.do


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_schema_of_a_command_is_printed(run_cli: RunCli) -> None:
    """As people see it and inside of the JSON it is the same: draft 2020-12, complete in itself."""
    told = json.loads(run_cli("explain", "--schema", "rebuild", "wait").out)

    assert told["$schema"].endswith("2020-12/schema")
    assert told["title"] == "balados-db rebuild wait"
    assert {"Success", "Failure", "RebuildAnswer"} <= set(told["$defs"])
    assert run_cli("explain", "--schema", "rebuild", "wait", "--json").json["result"]["schemas"] == {
        "rebuild wait": told
    }


def test_without_a_command_all_schemas_are_printed(run_cli: RunCli) -> None:
    """By the command's name, and those of what is written beside the commands' objects."""
    assert set(json.loads(run_cli("explain", "--schema").out)) == {*ANSWERS, "failure", "plan-file", "progress"}


def test_the_nearest_command_is_named(run_cli: RunCli) -> None:
    """A misspelt command is a usage error that names the right one."""
    done = run_cli("explain", "--schema", "rest")

    assert (done.status, done.code) == (2, "usage")
    assert "did you mean 'reset'?" in done.err
