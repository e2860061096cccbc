"""Carry out a reset in several databases: a fence in each over all of it, one transaction after the other."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from balados_db.errors import StalePlan, in_database
from balados_db.execution.course import Course
from balados_db.execution.executor import afterwards, grace_of, not_given_back, refuse_read_only
from balados_db.execution.orders import Orders, Outcome
from balados_db.execution.planners import are_ignored, look_at_part
from balados_db.execution.run import Run, Tracker
from balados_db.execution.transaction import atomic
from balados_db.execution.unfinished import told_what_is_done
from balados_db.model import Manifest
from balados_db.planning.across import plan_reset_across
from balados_db.planning.ground import Ground
from balados_db.planning.plan import Phase, Plan, Site
from balados_db.planning.request import ResetRequest
from balados_db.planning.reset import fence_of, preconditions_of
from balados_db.planning.shape import Whole
from balados_db.planning.together import together
from balados_db.postgres.catalog import Look, read_state
from balados_db.postgres.connection import translated
from balados_db.postgres.locking import fence, pid_of

if TYPE_CHECKING:
    from psycopg import Connection

Connections = Mapping[str, "Connection[Any]"]  # by the database's name in the manifest


@dataclass(frozen=True, kw_only=True)
class AcrossOrders:
    """What it takes: the whole manifest, what is asked for, and for each database what it takes there."""

    manifest: Manifest
    request: ResetRequest
    parts: Mapping[str, Orders]
    wait_for_projectors: bool = False

    def together(self, conns: Connections) -> Whole:
        """All databases as one."""
        states = []
        for name, conn in conns.items():
            with in_database(name), translated("look"):
                states.append(read_state(Look(conn=conn, manifest=self.parts[name].manifest)))
        return Whole(manifest=self.manifest, state=together(states))

    def look(self, name: str, conn: Connection[Any], whole: Whole, ours: tuple[int, ...]) -> Ground:
        """What there is in one of the databases."""
        part = self.parts[name]
        with in_database(name), translated("look"):
            return look_at_part(Look(conn=conn, manifest=part.manifest, ours=ours), part.files, self.request, whole)

    def plan(self, conns: Connections, whole: Whole, guards: Connections | None = None) -> Plan:
        """Look everywhere and plan. Behind our own fences nobody counts as live."""
        ours = {name: (pid_of(guard),) for name, guard in (guards or {}).items()}
        grounds = {name: self.look(name, conn, whole, ours.get(name, ())) for name, conn in conns.items()}
        return plan_reset_across(
            grounds, ignore_live=are_ignored(self.manifest, self.wait_for_projectors, bool(guards))
        )


def plan_across(orders: AcrossOrders) -> Plan:
    """Look everywhere and plan; a database that cannot be reached is named before anything is done."""
    with ExitStack() as opened:
        conns = _opened(orders, opened)
        return orders.plan(conns, orders.together(conns))


def _opened(orders: AcrossOrders, opened: ExitStack) -> dict[str, Connection[Any]]:
    conns = {}
    for name, part in orders.parts.items():
        with in_database(name):
            conns[name] = opened.enter_context(part.open())
    return conns


def execute_across(plan: Plan, orders: AcrossOrders) -> Outcome:
    """Carry a plan out. What fails before the first commit changes nothing; later the same command finishes it.

    Raises StalePlan, whatever a step raises, and Unfinished once something is committed.
    """
    for site in plan.sites:
        with in_database(site.name):
            refuse_read_only(site.identity)
    if plan.is_empty:
        return Outcome(done=())
    orders = _on_one_course(orders)
    course = next(iter(orders.parts.values())).course
    course.begin()
    cut: list[str] = []
    with ExitStack() as opened:
        conns = _opened(orders, opened)
        with ExitStack() as fences:
            guards = {site.name: _fenced(site, orders, fences, cut) for site in plan.sites}
            whole = orders.together(conns)
            _refuse_other(plan, orders.plan(conns, whole, guards))
            _phases(plan, orders, conns, guards, whole, course)
        slipped = [text for site in plan.sites for text in afterwards(site.fence, orders.parts[site.name])]
    return Outcome(done=course.done, warnings=(*not_given_back(course.done), *slipped, *dict.fromkeys(cut)))


def _on_one_course(orders: AcrossOrders) -> AcrossOrders:
    """All databases are one run: what is committed in any of them is committed."""
    course = next(iter(orders.parts.values())).course
    return replace(orders, parts={name: replace(part, course=course) for name, part in orders.parts.items()})


def _fenced(site: Site, orders: AcrossOrders, fences: ExitStack, cut: list[str]) -> Connection[Any]:
    part = orders.parts[site.name]
    with in_database(site.name):
        return fences.enter_context(fence(part.open, site.fence, part.patience, grace_of(part, cut)))


def _phases(
    plan: Plan, orders: AcrossOrders, conns: Connections, guards: Connections, whole: Whole, course: Course
) -> None:
    """One after the other, each in its database; all fences must stand at every commit."""
    fenced = [(conns[site.name], pid_of(guards[site.name])) for site in plan.sites]
    tell = orders.parts[plan.sites[0].name].progress
    tracker = Tracker(tell=tell, total=len(plan.steps)) if tell else None
    entered: set[str] = set()
    with told_what_is_done(plan, course):
        for phase in plan.phases:
            name = _place(phase)
            part, run = orders.parts[name], _run(plan, phase, orders, conns[name], guards[name], tracker)
            sure = _nothing if name in entered else _sure(plan, orders, name, conns[name], guards[name], whole)
            with in_database(name):
                atomic(run, part, fenced, sure)
            entered.add(name)


def _place(phase: Phase) -> str:
    assert phase.database is not None
    return phase.database


def _run(
    plan: Plan,
    phase: Phase,
    orders: AcrossOrders,
    conn: Connection[Any],
    guard: Connection[Any],
    tracker: Tracker | None,
) -> Run:
    part = orders.parts[_place(phase)]
    return Run(
        conn=conn,
        manifest=part.manifest,
        files=part.files,
        plan=plan,
        phase=phase,
        client=socket.gethostname(),
        progress=tracker,
        ours=(pid_of(guard),),
    )


# ── still the same ───────────────────────────────────────────────────────────────────────────────────────


def _refuse_other(shown: Plan, fresh: Plan) -> None:
    """Behind the fences, before the first transaction: nothing is committed in one where another is not as it was."""
    for was, now in zip(shown.sites, fresh.sites, strict=True):
        with in_database(was.name):
            _compare(was, now.preconditions, now.fence.ids)
    if shown.digest != fresh.digest:
        raise StalePlan(changes="its steps", planned=shown.digest, now=fresh.digest)


def _nothing() -> None:
    """Later transactions of a database find what the first one left."""


def _sure(
    plan: Plan, orders: AcrossOrders, name: str, conn: Connection[Any], guard: Connection[Any], whole: Whole
) -> Callable[[], None]:
    """Under the locks of a database's first transaction: what was seen there without them is still so."""
    site = next(site for site in plan.sites if site.name == name)

    def sure() -> None:
        ground = orders.look(name, conn, whole, (pid_of(guard),))
        fence = fence_of(ground.state, ground.manifest, ground.shape)
        now = preconditions_of(ground.state, ground.manifest, ground.files, ground.shape)
        _compare(site, now, fence.ids)

    return sure


def _compare(site: Site, now: Mapping[str, Any], ids: tuple[int, ...]) -> None:
    changes = [key for key, value in site.preconditions.items() if now.get(key) != value]
    if changes:
        raise StalePlan(changes=", ".join(changes))
    if not set(ids) <= set(site.fence.ids):
        raise StalePlan(changes="subscriptions were made since it was planned")
