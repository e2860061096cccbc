"""The JSON object that programs read: one line, one shape, in success and in every failure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from balados_db import errors
from balados_db.answers.answer import StepResult
from balados_db.answers.files import ServerStopAnswer
from balados_db.finding import Finding, Severity
from balados_db.planning.create import plan_create
from balados_db.planning.plan import Plan
from balados_db.rendering.envelope import failure, success
from balados_db.report import Report
from tests.contract import faults
from tests.unit.builders import EMPTY_SERVER, FRESH, MANIFEST, Change, in_database, in_identity, in_schema
from tests.unit.reset_rows import ALL, EVENTS, SAFE, STATS_ALONE, SYSTEM, Row

KEYS = [
    "schema",
    "command",
    "ok",
    "exit_status",
    "changed",
    "dry_run",
    "target",
    "plan",
    "databases",
    "result",
    "warnings",
    "errors",
    "next_actions",
]  # the contract's, and whether it was a dry run
TYPES = {
    "schema": str,
    "command": str,
    "ok": bool,
    "exit_status": int,
    "changed": bool,
    "dry_run": bool,
    "target": dict | None,
    "plan": dict | None,
    "databases": dict,
    "result": dict,
    "warnings": list,
    "errors": list,
    "next_actions": list,
}
PLAN = Row(id="", request=SAFE).plan(in_identity(environment="staging"))
DONE = tuple(StepResult(id=s.id, summary=s.summary, seconds=0.25, details={"tables": 1}) for s in PLAN.steps)

PENDING = Finding(code="migrations_pending", subject="stats", message="stats: pending", cure="balados-db migrate")

REPORTS = {
    "a plan that was carried out": Report(command="reset", plan=PLAN, done=DONE, next=(("balados-db", "status"),)),
    "a dry run": Report(command="reset", plan=PLAN, dry_run=True),
    "nothing to do": Report(command="migrate", plan=Plan(command="migrate", identity=FRESH.identity)),
    "a database that is not there yet": Report(
        command="create", plan=plan_create(EMPTY_SERVER, MANIFEST, "club"), dry_run=True
    ),
    "an answer": Report(
        command="server stop", identity=FRESH.identity, result=ServerStopAnswer(stopped=True, home="/x")
    ),
    "findings": Report(command="migrate", findings=(PENDING,)),
    "words for people": Report(command="create", text="# Title\n"),
    "warnings": Report(command="init", warnings=("é — ünï",)),
}
VIEW = {"type": "view", "identity": "v", "schema": None, "reason": "reads loans", "cure": "drop view v"}
FAILURES = {
    "a lock": errors.LockHeld(holder="process 4711"),
    "usage": errors.UsageError(problem="two\nlines"),
    "objects": errors.DependentsOutside(count=1, names="view v", objects=[VIEW]),
    "a fact that is no JSON": errors.UsageError(problem="x", where=object(), names={"a"}, pair=("a", 1)),
    "a bug": errors.InternalError(problem="KeyError: 'x'"),
    "Ctrl-C": errors.Interrupted(outcome="Rolled back."),
    "a file name that is no text": errors.ManifestMissing(looked_for="/tmp/\udcff.toml"),
}


def spoken(report: Report) -> dict[str, Any]:
    return json.loads(success(report, report.command))


def failed(error: errors.BaladosDbError) -> dict[str, Any]:
    return json.loads(failure(error, "reset"))


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_success_has_the_contracts_shape(report: Report) -> None:
    """The same keys in the same order with the same types, whatever the command."""
    told = spoken(report)

    assert faults(told) == []
    assert list(told) == KEYS
    assert [key for key, type_ in TYPES.items() if not isinstance(told[key], type_)] == []
    assert (told["schema"], told["command"], told["errors"]) == ("balados-db/1", report.command, [])
    assert told["exit_status"] == int(report.exit_status)
    assert told["ok"] is (told["exit_status"] == 0)


@pytest.mark.parametrize("error", FAILURES.values(), ids=FAILURES)
def test_a_failure_has_the_contracts_shape(error: errors.BaladosDbError) -> None:
    """One error with code, message, hint and facts; nothing was changed."""
    told = failed(error)

    assert faults(told) == []
    assert list(told) == KEYS
    assert [key for key, type_ in TYPES.items() if not isinstance(told[key], type_)] == []
    assert (told["ok"], told["exit_status"], told["changed"]) == (False, int(error.exit_status), False)
    (only,) = told["errors"]
    assert set(only) == {"code", "message", "hint", "retryable", "database", "details"}
    assert (only["code"], only["retryable"]) == (error.code, error.exit_status.retryable)
    assert set(only["details"]) == set(error.facts)


@pytest.mark.parametrize("error", FAILURES.values(), ids=FAILURES)
def test_it_is_one_line(error: errors.BaladosDbError) -> None:
    """A program may read line by line."""
    assert "\n" not in failure(error, "reset")


def test_objects_are_data() -> None:
    """What stands in the way is listed by type and identity, not in a sentence."""
    assert failed(FAILURES["objects"])["errors"][0]["details"]["objects"] == [VIEW]


def test_the_target_is_what_the_server_says() -> None:
    """Server, database, role, environment and version, of the plan or of the answer."""
    assert spoken(REPORTS["a dry run"])["target"] == {
        "server": "127.0.0.1:5432",
        "database": "club",
        "role": "librarian",
        "environment": "staging",
        "server_version": "15.4",
        "pooled": False,
        "source": "DATABASE_URL",
    }
    assert spoken(REPORTS["an answer"])["target"]["server"] == "127.0.0.1:5432"


def test_a_plan_carries_all_that_a_human_must_be_shown() -> None:
    """A service can show danger, phrase, steps, what goes and what stays, and the digest that pins it."""
    plan = spoken(REPORTS["a dry run"])["plan"]

    assert plan["digest"] == PLAN.digest
    assert (plan["danger"], plan["phrase"], plan["scope"]) == ("safe", "DELETE", "projections")
    assert [s["id"] for s in plan["steps"]] == [s.id for s in PLAN.steps]
    assert set(plan["steps"][0]) == {"id", "summary", "destroys", "phase", "atomic", "database"}
    assert plan["destroys"][0] == {
        "schema": "reading",
        "table": "loans",
        "rows": 10,
        "exact": True,
        "bytes": 8192,
        "rebuilt_by": ["Loans"],
        "database": None,
    }
    assert plan["keeps"][0]["schema"] == "members"
    assert plan["ways"][0]["way"] == "empty"


DANGERS = {"safe": SAFE, "danger": SYSTEM, "extreme": EVENTS}


@pytest.mark.parametrize(("danger", "request_"), DANGERS.items(), ids=DANGERS)
def test_danger_and_phrase_go_together(danger: str, request_: Any) -> None:
    """The words of the contract, and the manifest's phrase for that scope."""
    plan = Row(id="", request=request_).plan()
    told = spoken(Report(command="reset", plan=plan, dry_run=True))["plan"]

    assert (told["danger"], told["phrase"]) == (danger, MANIFEST.phrases[request_.scope])


def test_what_was_done_is_listed() -> None:
    """Every step with its seconds and details; `changed` says that there was one."""
    told = spoken(REPORTS["a plan that was carried out"])

    assert told["changed"]
    assert told["result"]["steps"][0] == {
        "id": "capture_preserved",
        "summary": PLAN.steps[0].summary,
        "seconds": 0.25,
        "details": {"tables": 1},
    }
    assert told["next_actions"] == [["balados-db", "status"]]


@pytest.mark.parametrize("name", ["a dry run", "nothing to do", "an answer", "findings"])
def test_what_changed_nothing_says_so(name: str) -> None:
    """`changed` is true only after a step was carried out."""
    assert spoken(REPORTS[name])["changed"] is False


def test_findings_are_a_status_of_their_own() -> None:
    """Exit 4, not ok, and each finding with its code, words, severity and cure."""
    told = spoken(REPORTS["findings"])

    assert (told["exit_status"], told["ok"]) == (4, False)
    assert told["result"]["findings"] == [
        {
            "code": "migrations_pending",
            "subject": "stats",
            "message": "stats: pending",
            "cure": "balados-db migrate",
            "severity": "error",
            "file": None,
            "line": None,
        }
    ]


def test_a_note_asks_for_nothing() -> None:
    """What is merely good to know leaves the exit status at 0."""
    told = spoken(Report(command="verify", findings=(replace(PENDING, severity=Severity.NOTE),)))

    assert (told["exit_status"], told["ok"]) == (0, True)
    assert told["result"]["findings"][0]["severity"] == "note"


def test_words_for_people_are_none_of_it() -> None:
    """What a program is to know is data; a text beside it would only invite parsing."""
    assert "Title" not in json.dumps(spoken(REPORTS["words for people"]))


@pytest.mark.parametrize("spoilt", ["missing", "misspelt", "wrong", "unknown"])
def test_the_schema_refuses_what_nobody_promised(spoilt: str) -> None:
    """A missing, misspelt or unknown field and a wrong type are faults, at every depth."""
    told = spoken(REPORTS["a plan that was carried out"])
    step = told["result"]["steps"][0]
    if spoilt in ("missing", "misspelt"):
        seconds = step.pop("seconds")
        step.update({"secnds": seconds} if spoilt == "misspelt" else {})
    else:
        step["seconds" if spoilt == "wrong" else "more"] = "a lot"

    assert faults(told)


EVERYTHING: tuple[tuple[Any, tuple[Change, ...]], ...] = (
    (SAFE, ()),
    (SYSTEM, (in_schema("members", not_restorable=("x",)),)),
    (EVENTS, ()),
    (ALL, (in_database(undeclared=("elsewhere",)),)),
    (STATS_ALONE, ()),
)


@pytest.mark.parametrize(("request_", "changes"), EVERYTHING, ids=[str(n) for n in range(len(EVERYTHING))])
def test_next_actions_never_confirm(request_: Any, changes: tuple[Change, ...]) -> None:
    """Nobody can be led to destroy by following the suggestions."""
    plan = Row(id="", request=request_).plan(*changes)

    assert "--confirm" not in json.dumps(spoken(Report(command="reset", plan=plan, dry_run=True))["next_actions"])
