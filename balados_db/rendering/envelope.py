"""The one JSON object that a program reads."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import msgspec

from balados_db.errors import BaladosDbError
from balados_db.exits import ExitStatus
from balados_db.planning.plan import Plan
from balados_db.report import Report

SCHEMA = "balados-db/1"


def success(report: Report, command: str) -> str:
    """A report as one line of JSON."""
    identity = report.plan.identity if report.plan else None
    beside = {"databases": {n: _one(part) for n, part in report.databases.items()}} if report.databases else {}
    return _encode(
        {
            "schema": SCHEMA,
            "command": command,
            "ok": report.exit_status is ExitStatus.OK,
            "exit_status": int(report.exit_status),
            "changed": report.changed,
            "dry_run": report.dry_run,
            "target": identity.target if identity else report.result.get("target"),
            "plan": _plan(report.plan),
            **beside,
            "result": {
                **{k: v for k, v in report.result.items() if k != "target"},
                **({"text": report.text} if report.text is not None else {}),
                "steps": [asdict(step) for step in report.done],
                "findings": [asdict(finding) for finding in report.findings],
            },
            "warnings": list(report.warnings),
            "errors": [],
            "next_actions": [list(words) for words in report.next],
        }
    )


def _one(report: Report) -> dict[str, Any]:
    """What one of several databases has to say."""
    identity = report.plan.identity if report.plan else None
    return {
        "target": identity.target if identity else report.result.get("target"),
        "changed": report.changed,
        "plan": _plan(report.plan),
        "result": {
            **{k: v for k, v in report.result.items() if k != "target"},
            "steps": [asdict(step) for step in report.done],
            "findings": [asdict(finding) for finding in report.findings],
        },
        "warnings": list(report.warnings),
    }


def failure(error: BaladosDbError, command: str) -> str:
    """An error as one line of JSON, of the same shape."""
    return _encode(
        {
            "schema": SCHEMA,
            "command": command,
            "ok": False,
            "exit_status": int(error.exit_status),
            "changed": error.changed,
            "dry_run": False,
            "target": None,
            "plan": None,
            "result": {"done": list(error.done)} if error.done else {},
            "warnings": [],
            "errors": [
                {
                    "code": error.code,
                    "message": error.message,
                    "hint": error.hint,
                    "retryable": error.exit_status.retryable,
                    "details": {**error.facts, **({"in_database": error.database} if error.database else {})},
                }
            ],
            "next_actions": [list(words) for words in error.next_actions],
        }
    )


def _encode(value: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:
        # A word of the command line that is not UTF-8: spelled with escapes, it can at least be named.
        return json.dumps(value, default=str)


def _plan(plan: Plan | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {
        "digest": plan.digest,
        "danger": plan.danger.value,
        "phrase": plan.phrase,
        "scope": plan.scope,
        "steps": steps_of(plan),
        "destroys": [asdict(d) for d in plan.destroys],
        "keeps": [asdict(k) for k in plan.keeps],
        "ways": [asdict(w) for w in plan.ways],
        "connected": [asdict(s) for s in plan.connected],
        "stale": list(plan.stale),
        "not_restored": list(plan.not_restored),
    }


def steps_of(plan: Plan) -> list[dict[str, Any]]:
    """Every step, in order, with the phase that it belongs to."""
    return [
        {
            "id": step.id,
            "summary": step.summary,
            "destroys": step.destroys,
            "phase": phase.name,
            "atomic": phase.atomic,
        }
        for phase in plan.phases
        for step in phase.steps
    ]
