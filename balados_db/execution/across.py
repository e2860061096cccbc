"""Carry out a reset in several databases: a fence in each over all of it, one transaction after the other."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from balados_db.errors import StalePlan, in_database
from balados_db.execution.course import Course
from balados_db.execution.executor import (
    afterwards,
    grace_of,
    not_given_back,
    refuse_read_only,
    refuse_unfenced,
    using_up,
)
from balados_db.execution.orders import Orders, Outcome
from balados_db.execution.planners import are_ignored, look_at_part
from balados_db.execution.road import reported
from balados_db.execution.run import Progress, Run, Tracker
from balados_db.execution.transaction import atomic
from balados_db.execution.unfinished import told_what_is_done
from balados_db.model import Manifest
from balados_db.plan_file import PlanFile
from balados_db.planning.across import plan_reset_across
from balados_db.planning.facts import changes
from balados_db.planning.ground import Ground
from balados_db.planning.plan import Phase, Plan, Site
from balados_db.planning.request import ResetRequest
from balados_db.planning.reset import fence_of, preconditions_of
from balados_db.planning.shape import Whole
from balados_db.planning.together import refuse_same, together
from balados_db.postgres.catalog import Look, read_state
from balados_db.postgres.connection import translated
from balados_db.postgres.locking import fence, pid_of
from balados_db.report import Report

if TYPE_CHECKING:
    from psycopg import Connection

Connections = Mapping[str, "Connection[Any]"]  # by the database's name in the manifest
Processes = Mapping[str, int]  # of the fences, likewise


@dataclass(frozen=True, kw_only=True)
class AcrossOrders:
    """What it takes: the whole manifest, what is asked for, and for each database what it takes there."""

    manifest: Manifest
    request: ResetRequest
    parts: Mapping[str, Orders]
    wait_for_projectors: bool = False
    approved: PlanFile | None = None  # as in the orders of one database

    @property
    def course(self) -> Course:
        """How far the run is, over all databases."""
        return next(iter(self.parts.values())).course

    @property
    def progress(self) -> Progress | None:
        """Who is told each step."""
        return next(iter(self.parts.values())).progress

    def together(self, conns: Connections) -> Whole:
        """All databases as one. Raises SameDatabase."""
        states = {}
        for name, conn in conns.items():
            with in_database(name), translated("look"):
                states[name] = read_state(Look(conn=conn, manifest=self.parts[name].manifest))
        refuse_same({name: state.identity for name, state in states.items()})
        return Whole(manifest=self.manifest, state=together(tuple(states.values())))

    def look(self, name: str, conn: Connection[Any], whole: Whole, ours: tuple[int, ...]) -> Ground:
        """What there is in one of the databases."""
        part = self.parts[name]
        with in_database(name), translated("look"):
            return look_at_part(Look(conn=conn, manifest=part.manifest, ours=ours), part.files, self.request, whole)

    def plan(self, conns: Connections, whole: Whole, fences: Processes | None = None) -> Plan:
        """Look everywhere and plan. Behind our own fences nobody counts as live."""
        ours = {name: (pid,) for name, pid in (fences or {}).items()}
        grounds = {name: self.look(name, conn, whole, ours.get(name, ())) for name, conn in conns.items()}
        return plan_reset_across(grounds, ignore_live=are_ignored(self.manifest, self.wait_for_projectors, bool(ours)))


def plan_across(orders: AcrossOrders) -> Plan:
    """Look everywhere and plan; a database that cannot be reached is named before anything is done."""
    with ExitStack() as opened:
        conns = _opened(orders, opened)
        return orders.plan(conns, orders.together(conns))


def planned_together(*_: Any) -> Plan:
    """The planner of one of several databases alone: there is none."""
    raise AssertionError("a reset of several databases is planned in all of them at once")


def _opened(orders: AcrossOrders, opened: ExitStack) -> dict[str, Connection[Any]]:
    conns = {}
    for name, part in orders.parts.items():
        with in_database(name):
            conns[name] = opened.enter_context(part.open())
    return conns


def carry_out_across(plan: Plan, orders: AcrossOrders, command: str) -> Report:
    """Carry out a plan that has its consent, then set off what the manifest wants after a reset."""
    outcome = execute_across(plan, orders)
    opens = [part.open for part in orders.parts.values()]
    return reported(plan, outcome, command, orders.manifest, opens, orders.course)


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
    orders.course.begin()
    cut: list[str] = []
    with ExitStack() as opened:
        conns = _opened(orders, opened)
        with ExitStack() as fences:
            ours = {site.name: _fenced(site, orders, fences, cut) for site in plan.sites}
            work = _Work(plan=plan, orders=orders, conns=conns, fences=ours, whole=orders.together(conns))
            _refuse_stale(plan, orders.plan(conns, work.whole, ours))
            _phases(work)
        slipped = [text for site in plan.sites for text in afterwards(site.fence, orders.parts[site.name])]
    done = orders.course.done
    return Outcome(done=done, warnings=(*not_given_back(done), *slipped, *dict.fromkeys(cut)))


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A plan that is carried out, with what it takes in every database."""

    plan: Plan
    orders: AcrossOrders
    conns: Connections
    fences: Processes
    whole: Whole


def _on_one_course(orders: AcrossOrders) -> AcrossOrders:
    """All databases are one run: what is committed in any of them is committed."""
    return replace(orders, parts={name: replace(part, course=orders.course) for name, part in orders.parts.items()})


def _fenced(site: Site, orders: AcrossOrders, fences: ExitStack, cut: list[str]) -> int:
    """Put one up; its process."""
    part = orders.parts[site.name]
    with in_database(site.name):
        return pid_of(fences.enter_context(fence(part.open, site.fence, part.patience, grace_of(part, cut))))


def _phases(work: _Work) -> None:
    """One after the other, each in its database; all fences must stand at every commit."""
    plan, orders = work.plan, work.orders
    fenced = [(work.conns[site.name], work.fences[site.name]) for site in plan.sites]
    tracker = Tracker(tell=orders.progress, total=len(plan.steps)) if orders.progress else None
    entered: set[str] = set()
    with told_what_is_done(plan, orders.course):
        for number, phase in enumerate(plan.phases):
            name, last = _place(phase), number == len(plan.phases) - 1
            sure = _make_sure(work, name, first=number == 0, entering=name not in entered, last=last)
            with in_database(name):
                atomic(_run(work, phase, tracker), orders.parts[name], fenced, sure)
            entered.add(name)


def _place(phase: Phase) -> str:
    assert phase.database is not None
    return phase.database


def _run(work: _Work, phase: Phase, tracker: Tracker | None) -> Run:
    name = _place(phase)
    part = work.orders.parts[name]
    return Run(
        conn=work.conns[name],
        manifest=part.manifest,
        files=part.files,
        plan=work.plan,
        phase=phase,
        client=socket.gethostname(),
        progress=tracker,
        ours=(work.fences[name],),
    )


# ── still the same ───────────────────────────────────────────────────────────────────────────────────────


def _refuse_stale(shown: Plan, fresh: Plan) -> None:
    """Behind the fences, before the first transaction: nothing is committed in one where another is not as it was."""
    fresh.refuse_other(shown.facts, shown.danger)
    for was, now in zip(shown.sites, fresh.sites, strict=True):
        with in_database(was.name):
            refuse_unfenced(was.fence, now.fence)


def _make_sure(work: _Work, name: str, *, first: bool, entering: bool, last: bool) -> Callable[[], None]:
    """Under the locks: when a database is entered, what was seen there without them is still so. Later transactions
    find what the first one left.

    A plan file is used up in the first of all, and done with in the last, which is in the same database.
    """

    def check() -> None:
        if entering:
            _refuse_changed(work, name)

    return using_up(work.conns[name], work.orders.approved, check, first=first, last=last)


def _refuse_changed(work: _Work, name: str) -> None:
    shown = next(site for site in work.plan.sites if site.name == name)
    ground = work.orders.look(name, work.conns[name], work.whole, (work.fences[name],))
    assert ground.state.identity is not None
    now = Site(
        name=name,
        identity=ground.state.identity,
        fence=fence_of(ground.state, ground.manifest, ground.shape),
        preconditions=preconditions_of(ground.state, ground.manifest, ground.files, ground.shape),
    )
    if changed := changes(shown.facts, now.facts):
        raise StalePlan(changes="; ".join(changed), changed=changed)
    refuse_unfenced(shown.fence, now.fence)
