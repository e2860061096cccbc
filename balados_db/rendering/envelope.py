"""Write the one JSON object that a program reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from balados_db.answers.answer import Answer, Target
from balados_db.answers.envelope import Before, ErrorObject, Failure, InDatabase, ShownPlan, ShownStep, Success
from balados_db.errors import BaladosDbError
from balados_db.exits import ExitStatus
from balados_db.planning.plan import Plan
from balados_db.report import Report

SCHEMA = "balados-db/1"


def success(report: Report, command: str) -> str:
    """A report as one line of JSON."""
    return _encode(
        Success(
            schema=SCHEMA,
            command=command,
            ok=report.exit_status is ExitStatus.OK,
            exit_status=int(report.exit_status),
            changed=report.changed,
            dry_run=report.dry_run,
            target=_target(report),
            plan=_plan(report.plan),
            databases={name: _one(part) for name, part in report.databases.items()},
            result=_answer(report),
            warnings=report.warnings,
            errors=(),
            next_actions=report.next,
        )
    )


def _one(report: Report) -> InDatabase:
    """What one of several databases has to say."""
    return InDatabase(
        target=_target(report),
        changed=report.changed,
        plan=_plan(report.plan),
        result=_answer(report),
        warnings=report.warnings,
    )


def _answer(report: Report) -> Answer:
    return replace(report.result, steps=report.done, findings=report.findings)


def failure(
    error: BaladosDbError, command: str, actions: Iterable[tuple[str, ...]] = (), *, dry_run: bool = False
) -> str:
    """An error as one line of JSON, of the same shape. `actions` are what to run next."""
    return _encode(
        Failure(
            schema=SCHEMA,
            command=command,
            ok=False,
            exit_status=int(error.exit_status),
            changed=error.changed,
            dry_run=dry_run,
            target=Target.of(error.identity) if error.identity else None,
            plan=None,
            databases={},
            result=Before(done=error.done),
            warnings=(),
            errors=(
                ErrorObject(
                    code=error.code,
                    message=error.message,
                    hint=error.hint,
                    retryable=error.exit_status.retryable,
                    database=error.database,
                    details=error.facts,
                ),
            ),
            next_actions=tuple(actions),
        )
    )


def _encode(value: Success | Failure) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:
        # A word of the command line that is not UTF-8: spelled with escapes, it can at least be named. As half of a
        # surrogate pair many a parser would refuse the whole object. What cannot be written cannot be run either.
        found = msgspec.to_builtins(value, enc_hook=str, str_keys=True)
        found["next_actions"] = [words for words in found["next_actions"] if _spelled(words) == words]
        return msgspec.json.encode(_spelled(found)).decode()


def _spelled(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_spelled(key): _spelled(inner) for key, inner in value.items()}
    return [*map(_spelled, value)] if isinstance(value, list | tuple) else value


def _target(report: Report) -> Target | None:
    identity = report.plan.identity if report.plan else report.identity
    return Target.of(identity) if identity else None


def _plan(plan: Plan | None) -> ShownPlan | None:
    if plan is None:
        return None
    return ShownPlan(
        digest=plan.digest,
        danger=plan.danger,
        phrase=plan.phrase,
        scope=plan.scope,
        targets={site.name: Target.of(site.identity) for site in plan.sites},
        steps=steps_of(plan),
        destroys=plan.destroys,
        keeps=plan.keeps,
        ways=plan.ways,
        starts_over=plan.starts_over,
        forecast=plan.forecast,
        connected=plan.connected,
        stale=plan.stale,
        not_restored=plan.not_restored,
        trigger=plan.trigger,
    )


def steps_of(plan: Plan) -> tuple[ShownStep, ...]:
    """Every step, in order, with the phase that it belongs to."""
    return tuple(
        ShownStep(
            id=step.id,
            summary=step.summary,
            destroys=step.destroys,
            phase=phase.name,
            atomic=phase.atomic,
            database=phase.database,
        )
        for phase in plan.phases
        for step in phase.steps
    )
