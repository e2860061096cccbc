"""Tell whoever rebuilds that a reset is done: a notification, and a command of the manifest's.

Both come after the commit and after the fence: whoever starts earlier finds its lock taken, and tries again late. By
then nothing can be taken back, so nothing that goes wrong here is more than a warning.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from balados_db.answers.answer import StepResult
from balados_db.errors import BaladosDbError
from balados_db.execution.course import Course
from balados_db.model import Trigger
from balados_db.planning.plan import Plan, in_shell
from balados_db.postgres.connection import translated
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

VARIABLE = "BALADOS_DB_RESET"  # where the command finds what the notification says
MOST_BYTES = 7999  # of a notification; PostgreSQL refuses more
GRACE = 5.0  # seconds between asking a command to end and ending it


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What was set off, as steps, and what went wrong with it."""

    done: tuple[StepResult, ...] = ()
    warnings: tuple[str, ...] = ()


def pull(
    plan: Plan, receipt: int | None, opens: Sequence[Callable[[], Connection[Any]]], directory: Path, course: Course
) -> Pulled:
    """Notify in each database, then run the command in `directory`. An interruption ends it, and is a warning."""
    trigger = plan.trigger
    if trigger is None:
        return Pulled()
    told = _told(plan, receipt)
    parts: list[Part] = []
    try:
        with course.opened():
            parts.extend(part for open_ in opens for part in _notify(trigger, told, open_))
            parts.extend(_run(trigger, told, directory))
    except KeyboardInterrupt:
        parts.append("the reset is done, but this run was interrupted before everything was set off")
    return Pulled(
        done=tuple(part for part in parts if isinstance(part, StepResult)),
        warnings=tuple(part for part in parts if isinstance(part, str)),
    )


def _told(plan: Plan, receipt: int | None) -> str:
    """The payload: `projectors` is null where their names would not fit into a notification."""
    names = [s.projector for s in plan.starts_over]
    facts = {"event": plan.command, "scope": plan.scope, "projectors": names, "receipt": receipt}
    text = json.dumps(facts, ensure_ascii=False)
    return text if len(text.encode()) <= MOST_BYTES else json.dumps({**facts, "projectors": None})


Part = StepResult | str


def _notify(trigger: Trigger, told: str, open_: Callable[[], Connection[Any]]) -> Iterator[Part]:
    """A transaction of its own, which holds behind a pooler as well."""
    if trigger.notify is None:
        return
    begun = time.monotonic()
    try:
        with translated("notify"), open_() as conn:
            conn.execute(query("notify"), {"channel": trigger.notify, "payload": told})
            conn.commit()
    except (BaladosDbError, psycopg.Error, KeyboardInterrupt) as exc:
        why = str(exc).strip() or "it was interrupted"
        yield f"the reset is done, but channel {trigger.notify} was not notified: {why}"
        return
    seconds = time.monotonic() - begun
    yield StepResult(id="notify", summary=f"notify channel {trigger.notify}", seconds=seconds)


def _run(trigger: Trigger, told: str, directory: Path) -> Iterator[Part]:
    """What it prints goes to standard error, for standard output is our answer. It gets nothing to read."""
    if not trigger.command:
        return
    begun, said = time.monotonic(), f"run {in_shell(trigger.command)}"
    problem, status = None, None
    try:
        status = _status(trigger, told, directory)
    except (OSError, ValueError) as exc:
        problem = f"cannot be run: {getattr(exc, 'strerror', None) or exc}"
    except subprocess.TimeoutExpired:
        problem = f"was ended: it did not end within {trigger.timeout:g} s"
    except KeyboardInterrupt:
        problem = "was ended: this run was interrupted"
    if status:
        problem = f"failed with exit status {status}" if status > 0 else f"was ended by signal {-status}"
    if problem is not None:
        yield f"the reset is done, but the manifest's command ({in_shell(trigger.command)}) {problem}"
    if status is not None:
        yield StepResult(id="command", summary=said, seconds=time.monotonic() - begun, details={"exit_status": status})


def _status(trigger: Trigger, told: str, directory: Path) -> int:
    """How it ended. In a session of its own: what it starts is not ended by a key at our terminal."""
    sys.stderr.flush()
    process: subprocess.Popen[bytes] | None = None
    try:
        with _signals_held():
            process = subprocess.Popen(
                trigger.command,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                stderr=sys.stderr,
                cwd=directory,
                env={**os.environ, VARIABLE: told},
                start_new_session=True,
            )
        return process.wait(trigger.timeout)
    except BaseException:
        if process is not None:
            _end(process)
        raise


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals wait until the process is ours to end: one in between would leave it behind."""
    came: list[int] = []
    names = [name for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)]
    before = {n: signal.signal(getattr(signal, n), lambda number, _: came.append(number)) for n in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
        for number in came:
            signal.raise_signal(number)


def _end(process: subprocess.Popen[bytes]) -> None:
    """With whatever it started; politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return
