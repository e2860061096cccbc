"""`rebuild status|wait`: what happens after a reset, in sight."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from balados_db.answers.looking import RebuildAnswer
from balados_db.cli.options import Group, command, common_options
from balados_db.cli.progress import progress
from balados_db.cli.session import Session
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.execution.watching import Eye
    from balados_db.finding import Finding
    from balados_db.planning.rebuild import Course


@click.group("rebuild", cls=Group, params=common_options(), help="How far projectors are after a reset; wait for them.")
def rebuild(**_: object) -> None:
    """Holds the two commands."""


@command(
    "status",
    """How far each projector is, how fast, how long it will take.

    Where somebody is behind it looks twice, a second apart, because a rate is measured and never guessed.""",
)
@click.option("--watch", is_flag=True, help="Go on looking until all have caught up with the head.")
def status(session: Session, watch: bool) -> Report:
    """Look, and look again; writes nothing."""
    from balados_db.execution.watching import INTERVAL, SECOND_LOOK
    from balados_db.planning.rebuild_findings import beside

    with _opened(session) as eye, _shown(session, watch) as show:
        course = eye.look_patiently()
        show(course)
        while course.goes_on:
            time.sleep(INTERVAL if watch else SECOND_LOOK)
            course = eye.look() or course
            show(course)
            if not watch:
                break
    observed = tuple(beside(course, session.manifest))
    return _report(session, eye, course, warnings=tuple(map(str, observed)), observed=observed)


@command(
    "wait",
    """Wait until projectors have caught up with the head as it is now.

    Events that come later are not waited for. At the --timeout: exit 4, and it says which projector and why; without
    one it waits for as long as it takes. A place that is unknown or beyond the head is not waited for: exit 4 too.""",
)
@click.option("--projector", "projectors", multiple=True, metavar="P", help="Only this one; may be repeated.")
def wait(session: Session, projectors: tuple[str, ...]) -> Report:
    """Look until it is so, or until the time is over."""
    from balados_db.planning.rebuild_findings import shortfalls, unseen

    names = tuple(dict.fromkeys(session.projector(name).name for name in projectors))
    deadline = _deadline(session)
    with _opened(session, names) as eye, _shown(session) as show:
        if eye.journal is None:
            eye.wait(deadline, show)
        warnings = eye.keep_measure()
    findings = shortfalls(eye.course, session.manifest) if eye.course else unseen(eye.names)
    return _report(session, eye, eye.course, findings=findings if eye.journal is None else (), warnings=warnings)


def _deadline(session: Session) -> float:
    limit = session.options.timeout
    return float("inf") if limit is None else time.monotonic() + limit


def _opened(session: Session, names: tuple[str, ...] = ()) -> AbstractContextManager[Eye]:
    from balados_db.execution.watching import watching

    return watching([(part.open, part.manifest) for part in session.parts], session.manifest, names)


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────────


def _shown(session: Session, follow: bool = True) -> AbstractContextManager[Callable[[Course], None]]:
    """How each look is shown, on standard error: as asked; else bars on a terminal and lines elsewhere."""
    options = session.options
    chosen = options.progress or ("none" if options.json or options.quiet else "")
    if not follow or chosen == "none":
        return nullcontext(lambda course: None)
    if chosen == "json":
        begun = time.monotonic()
        return nullcontext(lambda course: _as_json(session, course, begun))
    from balados_db.rendering.console import console
    from balados_db.rendering.following import following

    return following(console(sys.stderr, options.no_color), bars=chosen != "plain")


def _as_json(session: Session, course: Course, begun: float) -> None:
    """A line for each projector."""
    from balados_db.answers.progress import ProgressLine
    from balados_db.rendering.following import in_words

    say = progress(session.options)
    assert say is not None
    for standing in course.standings:
        known = standing.left is not None and standing.goal is not None
        line = ProgressLine(
            step=f"rebuild:{standing.projector}",
            summary=in_words(standing),
            done=(standing.goal or 0) - (standing.left or 0) if known else None,
            total=standing.goal,
            seconds=round(time.monotonic() - begun, 3),
            projector=standing,
        )
        say(line)


def _report(
    session: Session,
    eye: Eye,
    course: Course | None,
    *,
    findings: tuple[Finding, ...] = (),
    warnings: tuple[str, ...] = (),
    observed: tuple[Finding, ...] = (),
) -> Report:
    from balados_db.planning.status import unfinished

    standings = course.standings if course else ()
    head = course.glance.state.head if course else None
    answer = RebuildAnswer(
        head=head,
        goal=head if eye.goal is None else eye.goal,
        caught_up=course is not None and course.caught_up,
        seconds=round(time.monotonic() - eye.begun, 3),
        projectors=standings,
        observed=observed,
    )
    return Report(
        command=session.command,
        findings=(*unfinished(eye.journal), *findings),
        warnings=warnings if standings else (*warnings, *_nobody(eye)),
        identity=eye.identity,
        result=answer,
        tables=_tables(course),
        next=(("balados-db", *eye.journal.arguments),) if eye.journal else (),
    )


def _nobody(eye: Eye) -> tuple[str, ...]:
    return () if eye.names else ("the manifest declares no projector: there is nobody to look at",)


def _tables(course: Course | None) -> dict[str, tuple[dict[str, Any], ...]]:
    from balados_db.rendering.following import row_of

    return {"": tuple(row_of(standing) for standing in course.standings)} if course else {}


rebuild.add_command(status)
rebuild.add_command(wait)
