"""Whatever the command prints for programs follows its JSON Schema, in every test that starts it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from jsonschema import Draft202012Validator

from balados_db.answers.progress import PROGRESS
from balados_db.answers.table import ANSWERS
from balados_db.cli.explain import described_findings
from balados_db.rendering.envelope import SCHEMA
from balados_db.rendering.schemas import named_schema

PROGRESS_MARK = f'{{"schema": "{PROGRESS}"'
MARK = f'{{"schema":"{SCHEMA}"'


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of a command's object."""
    schema = named_schema(name)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(told: dict[str, Any]) -> list[str]:
    """What is wrong with an object by the schema of its own command; where there is none, by that of a failure."""
    name = told["command"] if told.get("command") in ANSWERS else "failure"
    found = validator(name).iter_errors(told)
    wrong = [f"{deepest.json_path}: {deepest.message}" for error in found for deepest in _deepest(error)]
    codes = {finding["code"] for finding in told["result"].get("findings", ())}
    return wrong + [f"nobody explains {code}" for code in codes if not described_findings(code)]


def _deepest(error: Any) -> Iterator[Any]:
    """`anyOf` says only that neither fits: the reasons are below it."""
    if not error.context:
        yield error
    for inner in error.context:
        yield from _deepest(inner)


def check(output: str) -> None:
    """Fail where an object of ours does not follow its schema, or is not alone on standard output."""
    lines = output.removesuffix("\n").split("\n")  # not at what else Python calls the end of a line
    for line in lines:
        if line.startswith(MARK):
            assert lines == [line], f"one object, and nothing beside it:\n{output}"
            assert faults(json.loads(line)) == [], line


def check_lines(errors: str) -> None:
    """Fail where a line of progress does not follow its schema."""
    for line in errors.split("\n"):
        if line.startswith(PROGRESS_MARK):
            assert [error.message for error in validator("progress").iter_errors(json.loads(line))] == [], line


@contextmanager
def checked_outputs() -> Iterator[None]:
    """Check what every subprocess prints whose output is collected."""
    collect = subprocess.Popen.communicate

    def communicate(self: Any, *arguments: Any, **options: Any) -> Any:
        out, err = collect(self, *arguments, **options)
        check(_text(out))
        check_lines(_text(err))
        return out, err

    with patch.object(subprocess.Popen, "communicate", communicate):
        yield


def _text(output: str | bytes | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
