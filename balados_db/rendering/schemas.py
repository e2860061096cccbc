"""The JSON Schema of every command's object, made from the types themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec

from balados_db.answers.answer import Answer
from balados_db.answers.envelope import Failure, NamedObject, Success
from balados_db.answers.progress import PROGRESS, ProgressLine
from balados_db.answers.table import ANSWERS
from balados_db.plan_file import FORMAT, VERSION, json_schema
from balados_db.rendering.envelope import SCHEMA

DRAFT = "https://json-schema.org/draft/2020-12/schema"
PLACE = "#/$defs/{name}"
Schema = dict[str, Any]


def command_schema(command: str) -> Schema:
    """The schema of what a command prints: its success, with an answer of its own type, or its failure."""
    own = PLACE.format(name=ANSWERS[command].__name__)
    ways = [_success(command, own), _success_in_each(command, own), _failure(command)]
    return _complete(command, f"balados-db {command}", ways)


def failure_schema() -> Schema:
    """The schema of what is printed where no command was understood, or a group's name alone."""
    return _complete("failure", "balados-db: no command", [{"$ref": PLACE.format(name="Failure")}])


def progress_schema() -> Schema:
    """The schema of a line that `--progress json` writes."""
    return _complete("progress", "balados-db --progress json", [{"$ref": PLACE.format(name="ProgressLine")}])


def plan_file_schema() -> Schema:
    """The schema of the file that `plan` writes and `apply` reads."""
    return {
        "$schema": DRAFT,
        "$id": f"urn:{FORMAT.replace(' ', ':')}:{VERSION}",
        "title": FORMAT,
        "description": "The file that `balados-db plan COMMAND… --out FILE` writes and `balados-db apply FILE` reads.",
        **json_schema(),
    }


# What is printed or written beside the commands' objects.
EXTRA = {"failure": failure_schema, "plan-file": plan_file_schema, "progress": progress_schema}


def named_schema(name: str) -> Schema:
    """The schema of a command's object, or one of those beside them. Raises KeyError."""
    return EXTRA[name]() if name in EXTRA else command_schema(name)


def every_schema() -> dict[str, Schema]:
    """All of them, by name."""
    return {name: named_schema(name) for name in (*ANSWERS, *EXTRA)}


def _complete(name: str, title: str, ways: list[Schema]) -> Schema:
    found = {
        "$schema": DRAFT,
        "$id": f"urn:{SCHEMA.replace('/', ':')}:{name.replace(' ', ':')}",
        "title": title,
        "description": "What --json prints on standard output, or --progress json on standard error: a line each.",
        "anyOf": ways,
    }
    return {**found, "$defs": {name: _DEFS[name] for name in sorted(_needed(found))}}


def _success(command: str, answer: str) -> Schema:
    """Everything that `Success` says, and here which answer it carries."""
    own = {"command": {"const": command}, "databases": {"maxProperties": 0}, "result": {"$ref": answer}}
    return {"$ref": PLACE.format(name="Success"), "properties": own}


def _success_in_each(command: str, answer: str) -> Schema:
    """The same where it was done in several databases: each has its own answer."""
    each = {"$ref": PLACE.format(name="InDatabase"), "properties": {"result": {"$ref": answer}}}
    own = {
        "command": {"const": command},
        "databases": {"minProperties": 2, "additionalProperties": each},
        "result": {"$ref": PLACE.format(name=Answer.__name__)},
    }
    return {"$ref": PLACE.format(name="Success"), "properties": own}


def _failure(command: str) -> Schema:
    return {"$ref": PLACE.format(name="Failure"), "properties": {"command": {"const": command}}}


def _needed(schema: Any) -> set[str]:
    """The names of all definitions that a schema leads to."""
    found: set[str] = set()
    left = list(_references(schema))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _references(_DEFS[name])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


# ── from types ───────────────────────────────────────────────────────────────────────────────────────────


def _definitions() -> dict[str, Schema]:
    """Every type by its name. What we write is always written whole: all properties are there, and no others."""
    types = tuple(dict.fromkeys((Success, Failure, NamedObject, ProgressLine, *ANSWERS.values())))
    _, found = msgspec.json.schema_components(types, ref_template=PLACE)
    found = {name: _strict(deepcopy(schema)) for name, schema in found.items()}
    found["Success"]["properties"] |= {
        "exit_status": {"enum": [0, 4]},
        "schema": {"const": SCHEMA},
        "errors": {"type": "array", "maxItems": 0},
        # Which answer, each command says for itself.
        "result": {"type": "object"},
    }
    objects = {"type": "array", "items": {"$ref": PLACE.format(name="NamedObject")}}
    found["NamedObject"]["additionalProperties"] = True
    found["ErrorObject"]["properties"]["details"] = {"type": "object", "properties": {"objects": objects}}
    found["ProgressLine"]["properties"]["schema"] = {"const": PROGRESS}
    found["InDatabase"]["properties"]["result"] = {"type": "object"}
    found["Failure"]["properties"] |= {"ok": {"const": False}, "schema": {"const": SCHEMA}}
    return found


def _strict(schema: Schema) -> Schema:
    if "description" in schema:
        schema["description"] = " ".join(inspect.cleandoc(schema["description"]).split())
    if "properties" in schema:
        if schema.get("title") != "Details":  # each kind of step has its own
            schema["required"] = list(schema["properties"])
        schema["additionalProperties"] = False
        for inner in schema["properties"].values():
            inner.pop("default", None)
    return schema


_DEFS = _definitions()
