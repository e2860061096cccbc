"""Promises of how a refusal is told: each object, why, and what to do, none of it twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from balados_db import errors
from balados_db.answers.answer import StepResult
from balados_db.cli import main
from balados_db.cli.command_line import CommandLine
from balados_db.cli.endings import listed, tell
from balados_db.cli.signals import WATCH
from balados_db.execution.course import Course
from balados_db.planning.cures import advice, in_the_way

VIEW = in_the_way("view", "kept.v", "needs table shown.t", "move it", "kept")
OTHER = in_the_way("view", "kept.w", "needs table shown.t", "move it", "kept")
POLICY = in_the_way("policy", "p on kept.t", "needs function shown.f()", "move the function\nto kept", "kept")


def refusal(*objects: dict[str, Any], **facts: Any) -> errors.BaladosDbError:
    names = ", ".join(f"{o['type']} {o['identity']}" for o in objects)
    return errors.DependentsOutside(**{"count": len(objects), "names": names, "objects": list(objects), **facts})


def test_one_object_is_told_in_the_sentence_and_the_hint() -> None:
    """A list of one would say both again."""
    assert list(listed(refusal(VIEW, hint=advice([VIEW], "reset with --empty")))) == []


def test_one_object_whose_cure_the_hint_does_not_say_is_listed() -> None:
    """Its cure is never lost."""
    assert list(listed(refusal(VIEW, hint="read the manual"))) == [
        "- view kept.v: needs table shown.t",
        "  → move it",
    ]


def test_one_object_that_the_sentence_does_not_name_is_listed() -> None:
    """Its name is never lost."""
    assert list(listed(refusal(VIEW, names="something", hint="move it"))) == ["- view kept.v: needs table shown.t"]


def test_objects_with_one_cure_are_listed_and_the_hint_cures_them() -> None:
    """Said once, for all of them."""
    assert list(listed(refusal(VIEW, OTHER, hint=advice([VIEW, OTHER])))) == [
        "- view kept.v: needs table shown.t",
        "- view kept.w: needs table shown.t",
    ]


def test_a_cure_that_some_share_is_said_once_below_them() -> None:
    """Whatever lies between them; a long one stays together."""
    assert list(listed(refusal(VIEW, POLICY, OTHER, hint=advice([VIEW, POLICY, OTHER])))) == [
        "- view kept.v: needs table shown.t",
        "- view kept.w: needs table shown.t",
        "  → move it",
        "- policy p on kept.t: needs function shown.f()",
        "  → move the function",
        "    to kept",
    ]


def test_words_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence with its code, the objects, the hint: in this order."""
    tell(refusal(VIEW, POLICY, hint=advice([VIEW, POLICY])), CommandLine(names=["reset"]), color=False)

    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert lines[0].startswith("error[dependents_outside]: 2 object(s)")
    assert lines[1] == "  - view kept.v: needs table shown.t"
    assert lines[-1] == "  → do what is said beside each"


def test_json_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """With type, identity, schema, reason and cure of each object."""
    tell(refusal(VIEW), CommandLine(names=["reset"], flags={"--json"}), color=False)

    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out)["errors"][0]["details"]["objects"] == [
        {
            "type": "view",
            "identity": "kept.v",
            "schema": "kept",
            "reason": "needs table shown.t",
            "cure": "move it",
        }
    ]


def test_an_error_without_objects_or_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is made up."""
    tell(errors.UsageError(problem="no such option"), CommandLine(), color=False)

    assert capsys.readouterr().err == "error[usage]: no such option\n"


def test_a_bug_after_the_commit_says_what_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads that it failed must not take it for undone."""

    def invoke(arguments: list[str]) -> None:
        WATCH.course.commit(1, [StepResult(id="empty_tables", summary="empty shelf")], last=True)
        raise ValueError("embedded null byte")

    monkeypatch.setattr(WATCH, "course", Course())
    monkeypatch.setattr(main, "_invoke", invoke)
    status = main.run(["status", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert (int(status), told["changed"], told["result"]["done"]) == (1, True, ["empty shelf"])
    assert told["errors"][0]["message"].endswith("null byte. Done before it, and kept: empty shelf.")
