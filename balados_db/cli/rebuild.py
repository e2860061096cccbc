"""`rebuild status|wait`: what happens after a reset, in sight."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from balados_db.answers.looking import RebuildAnswer
from balados_db.cli.options import Group, command, common_options
from balados_db.cli.progress import progress
from balados_db.cli.session import Session
from balados_db.errors import LockTimeout
from balados_db.report import Report

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.finding import Finding
    from balados_db.model import Identity, Journal, Manifest
    from balados_db.planning.rebuild import Course, Glance

INTERVAL = 0.5  # seconds between two looks
SECOND_LOOK = 1.0  # seconds until `status` looks again: of one look no rate can be told


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
    said = tuple(str(finding) for finding in beside(course, session.manifest))
    return _report(session, eye, course, warnings=said)


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
            _wait(eye, show, deadline)
        warnings = _keep_measure(eye)
    findings = shortfalls(eye.course, session.manifest) if eye.course else unseen(eye.names)
    return _report(session, eye, eye.course, findings=findings if eye.journal is None else (), warnings=warnings)


def _wait(eye: _Eye, show: Callable[[Course], None], deadline: float) -> None:
    """Look on until everybody is there; the first look says what is to be reached."""
    while True:
        course = eye.look(goal=True)
        if course is not None:
            show(course)
        if (course is not None and not course.goes_on) or time.monotonic() >= deadline:
            return
        time.sleep(max(0.0, min(INTERVAL, deadline - time.monotonic())))


def _keep_measure(eye: _Eye) -> tuple[str, ...]:
    """Keep how long it took whoever caught up, so that the next reset can say so. That it cannot be kept is no harm."""
    from balados_db.planning.forecast import measure
    from balados_db.postgres.rebuilds import write_measured

    found = measure(eye.course, eye.session.manifest) if eye.course else ()
    if not found or eye.identity.read_only or eye.identity.in_recovery:
        return ()
    said = [write_measured(conn, found) for conn, _ in eye.looks]
    return tuple(f"how long it took could not be noted in the database: {problem}" for problem in said if problem)


def _deadline(session: Session) -> float:
    limit = session.options.timeout
    return float("inf") if limit is None else time.monotonic() + limit


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Eye:
    """Looks again and again through one connection, and remembers what it saw."""

    looks: tuple[tuple[Connection[Any], Manifest], ...]  # one for each database
    session: Session
    names: tuple[str, ...]
    identity: Identity
    journal: Journal | None
    begun: float
    course: Course | None = None
    goals: dict[str, int | None] = field(default_factory=dict)
    goal: int | None = None  # the whole store's; some stores number each source of events apart

    def look(self, *, goal: bool = False) -> Course | None:
        """The next look; None where tables are locked, as by a reset. `goal`: that of the first one stays."""
        try:
            return self._look(goal, hasty=True)
        except LockTimeout:
            return None

    def look_patiently(self) -> Course:
        """A look that waits for locks as long as --lock-timeout says. Raises LockTimeout."""
        return self._look(False, hasty=False)

    def _look(self, goal: bool, *, hasty: bool) -> Course:
        from balados_db.planning.rebuild import judge
        from balados_db.planning.status import head_of

        glance = _glance(self.looks, hasty)
        if goal and not self.goals:
            self.goal = glance.state.head
            self.goals = {name: head_of(glance.state, self.session.manifest, name) for name in self.names}
        self.course = judge(glance, self.course, self.session.manifest, self.names, self.goals)
        return self.course


def _glance(looks: tuple[tuple[Connection[Any], Manifest], ...], hasty: bool) -> Glance:
    from balados_db.planning.rebuild import Glance
    from balados_db.planning.together import together
    from balados_db.postgres.catalog import steadily
    from balados_db.postgres.connection import translated
    from balados_db.postgres.eventstore import read_progress

    with translated("look"):
        states = [steadily(c, partial(read_progress, c, m, hasty=hasty)) for c, m in looks]
    when = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Glance(at=time.monotonic(), when=when, state=together(states))


@contextmanager
def _opened(session: Session, names: tuple[str, ...] = ()) -> Iterator[_Eye]:
    """Connect, and ask once what does not change: which database it is, and whether a reset waits to be finished."""
    begun = time.monotonic()
    chosen = names or tuple(p.name for p in session.manifest.projectors)
    from balados_db.postgres.catalog import steadily
    from balados_db.postgres.connection import translated

    with ExitStack() as opened:
        looks = tuple((opened.enter_context(part.open()), part.manifest) for part in session.parts)
        with translated("look"):
            found = [steadily(c, partial(_who, c)) for c, _ in looks]
        journal = next((journal for _, journal in found if journal), None)
        yield _Eye(looks, session, chosen, found[0][0], journal, begun)


def _who(conn: Connection[Any]) -> tuple[Identity, Journal | None]:
    from balados_db.postgres.catalog import read_identity
    from balados_db.postgres.journal import read_journal

    return read_identity(conn), read_journal(conn)


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
    from balados_db.rendering.following import following
    from balados_db.rendering.human import console

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
    eye: _Eye,
    course: Course | None,
    *,
    findings: tuple[Finding, ...] = (),
    warnings: tuple[str, ...] = (),
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


def _nobody(eye: _Eye) -> tuple[str, ...]:
    return () if eye.names else ("the manifest declares no projector: there is nobody to look at",)


def _tables(course: Course | None) -> dict[str, tuple[dict[str, Any], ...]]:
    from balados_db.rendering.following import row_of

    return {"": tuple(row_of(standing) for standing in course.standings)} if course else {}


rebuild.add_command(status)
rebuild.add_command(wait)
