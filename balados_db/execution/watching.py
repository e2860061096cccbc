"""Look at a rebuild again and again: the eye of `rebuild status` and `rebuild wait`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from balados_db.errors import LockTimeout
from balados_db.model import Identity, Journal, Manifest
from balados_db.planning.forecast import measure
from balados_db.planning.rebuild import Course, Glance, Goals, heads_of, judge
from balados_db.planning.together import together
from balados_db.postgres.catalog import read_identity, steadily
from balados_db.postgres.connection import translated
from balados_db.postgres.eventstore import read_progress
from balados_db.postgres.journal import read_journal
from balados_db.postgres.rebuilds import write_measured

if TYPE_CHECKING:
    from psycopg import Connection

INTERVAL = 0.5  # seconds between two looks
SECOND_LOOK = 1.0  # seconds until `status` looks again: of one look no rate can be told
Part = tuple[Callable[[], "Connection[Any]"], Manifest]  # how to open a database, and what is declared in it


@dataclass
class Eye:
    """Looks again and again through the same connections, and remembers what it saw."""

    looks: tuple[tuple[Connection[Any], Manifest], ...]  # one for each database
    manifest: Manifest
    names: tuple[str, ...]
    identity: Identity
    journal: Journal | None
    begun: float
    course: Course | None = None
    goals: dict[str, Goals] = field(default_factory=dict)
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
        glance = _glance(self.looks, hasty)
        if goal:
            self.goal = self.goal if self.goals else glance.state.head
            self.goals = {
                name: heads_of(glance.state, self.manifest, name, self.goals.get(name, {})) for name in self.names
            }
        self.course = judge(glance, self.course, self.manifest, self.names, self.goals)
        return self.course

    def wait(self, deadline: float, show: Callable[[Course], None]) -> None:
        """Look on until everybody is there; the first look says what is to be reached. `deadline` is monotonic."""
        while True:
            course = self.look(goal=True)
            if course is not None:
                show(course)
            if (course is not None and not course.goes_on) or time.monotonic() >= deadline:
                return
            time.sleep(max(0.0, min(INTERVAL, deadline - time.monotonic())))

    def keep_measure(self) -> tuple[str, ...]:
        """Keep how long it took whoever caught up, so that the next reset can say so. That it cannot is no harm."""
        found = measure(self.course, self.manifest) if self.course else ()
        if not found or self.identity.read_only or self.identity.in_recovery:
            return ()
        said = [write_measured(conn, found) for conn, _ in self.looks]
        return tuple(f"how long it took could not be noted in the database: {problem}" for problem in said if problem)


def _glance(looks: tuple[tuple[Connection[Any], Manifest], ...], hasty: bool) -> Glance:
    with translated("look"):
        states = [steadily(c, partial(read_progress, c, m, hasty=hasty)) for c, m in looks]
    when = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Glance(at=time.monotonic(), when=when, state=together(states))


@contextmanager
def watching(parts: Sequence[Part], manifest: Manifest, names: tuple[str, ...] = ()) -> Iterator[Eye]:
    """Connect, and ask once what does not change: which database it is, and whether a reset waits to be finished."""
    begun = time.monotonic()
    chosen = names or tuple(p.name for p in manifest.projectors)
    with ExitStack() as opened:
        looks = tuple((opened.enter_context(open_()), part) for open_, part in parts)
        with translated("look"):
            found = [steadily(c, partial(_who, c)) for c, _ in looks]
        journal = next((journal for _, journal in found if journal), None)
        yield Eye(looks, manifest, chosen, found[0][0], journal, begun)


def _who(conn: Connection[Any]) -> tuple[Identity, Journal | None]:
    return read_identity(conn), read_journal(conn)
