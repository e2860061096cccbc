"""What a reset of several databases does in which of them, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balados_db.errors import EnvironmentsDiffer, ProjectorsLive, UnfinishedReset, UnknownEventStore
from balados_db.model import DatabaseState, Journal, Manifest, Scope
from balados_db.planning.across import plan_reset_across
from balados_db.planning.ground import Ground
from balados_db.planning.plan import Plan
from balados_db.planning.refusals import Obstacles
from balados_db.planning.request import ResetRequest
from balados_db.planning.shape import Whole, shape_reset
from balados_db.planning.steps import CloseJournal, EmptyTables, ForgetCheckpoints, OpenJournal, RewindCheckpoints
from tests.unit.builders import FILES, IDENTITY, LOG, MANIFEST, STATE, STATS, live

PLACES = {LOG: "log-store", STATS: "charts"}  # everything else lies in the main database
APART = replace(
    MANIFEST,
    databases={"log-store": None, "charts": None},
    schemas=tuple(replace(s, database=PLACES.get(s.name, "main")) for s in MANIFEST.schemas),
)
PROJECTIONS = ResetRequest(scope=Scope.PROJECTIONS)


def state_of(part: Manifest, number: int, **facts: Any) -> DatabaseState:
    """What of the whole state lies in one database."""
    has_store = part.event_store is not None
    kept = STATE if has_store else replace(STATE, checkpoint_tables=(), checkpoints=(), subscriptions=(), head=None)
    store = {} if has_store else {"event_store": False, "event_store_tables": ()}
    names = {schema.name for schema in part.schemas}
    own: dict[str, Any] = {
        "identity": replace(IDENTITY, database_oid=number, database=f"database {number}"),
        "schemas": tuple(s for s in STATE.schemas if s.name in names),
        "placed_elsewhere": tuple(p.name for p in MANIFEST.projectors),
    }
    return replace(kept, **{**own, **store, **facts})


def grounds(
    request: ResetRequest = PROJECTIONS, names: tuple[str, ...] = ("main", "log-store", "charts"), **facts: Any
) -> dict[str, Ground]:
    """What is found in each; `facts` of a database are given by its name, with `_` for `-`."""
    found = {}
    for number, name in enumerate(names, start=1):
        part = APART.part(name)
        state = state_of(part, number, **facts.get(name.replace("-", "_"), {}))
        shape = shape_reset(state, part, FILES, request, whole=Whole(manifest=APART, state=STATE))
        found[name] = Ground(
            state=state, manifest=part, files=FILES, request=request, shape=shape, obstacles=Obstacles()
        )
    return found


def order(plan: Plan) -> list[tuple[str, str | None]]:
    return [(phase.name, phase.database) for phase in plan.phases]


def places(plan: Plan, kind: type[Any]) -> list[str | None]:
    """The databases in which steps of this kind run, in order."""
    return [phase.database for phase in plan.phases for step in phase.steps if isinstance(step, kind)]


def test_positions_are_at_the_origin_everywhere_before_any_table_is_emptied() -> None:
    """Begin in all, the tables, finish in all; where projectors take their locks comes last of each."""
    plan = plan_reset_across(grounds())

    assert order(plan) == [
        *(("begin", "main"), ("begin", "charts"), ("begin", "log-store")),
        *(("empty 1 of 1", "main"), ("empty 1 of 1", "charts")),
        *(("finish", "main"), ("finish", "charts"), ("finish", "log-store")),
        *(("close", "charts"), ("close", "main")),
    ]
    kinds = [type(step) for step in plan.steps]
    rewound = max(n for n, kind in enumerate(kinds) if kind is RewindCheckpoints)
    emptied = [n for n, kind in enumerate(kinds) if kind is EmptyTables]
    forgotten = min(n for n, kind in enumerate(kinds) if kind is ForgetCheckpoints)
    assert rewound < emptied[0] < emptied[-1] < forgotten
    assert places(plan, OpenJournal) == ["main", "charts", "log-store"]
    assert places(plan, CloseJournal) == ["log-store", "charts", "main"]


def test_each_journal_knows_all_that_was_begun() -> None:
    """A run that was begun is seen from each of them, and what finishes it must cover everything."""
    plan = plan_reset_across(grounds())
    journals = [step for step in plan.steps if isinstance(step, OpenJournal)]
    assert {journal.schemas for journal in journals} == {("reading", "board", "stats")}
    assert {journal.phases for journal in journals} == {len(plan.phases)}

    begun = Journal(
        id=1, scope="projections", recreated=(), projectors=("Loans", "Feed", "Counter"), phases=10, done=2,
        schemas=("reading", "board", "stats"), arguments=("reset", "--projections"), begun_at="2025-01-01T00:00:00Z",
    )  # fmt: skip
    assert plan_reset_across(grounds(charts={"journal": begun})).digest == plan.digest
    with pytest.raises(UnfinishedReset):
        plan_reset_across(grounds(ResetRequest(scope=Scope.PROJECTIONS, projector="Loans"), charts={"journal": begun}))


@pytest.mark.parametrize("scope", [Scope.EVENTS, Scope.ALL])
def test_events_go_first_and_positions_elsewhere_after_them(scope: Scope) -> None:
    """An event that is gone cannot be replayed: no position is set back while it is there."""
    plan = plan_reset_across(grounds(ResetRequest(scope=scope)))
    assert places(plan, RewindCheckpoints) == []
    assert places(plan, EmptyTables)[0] == "log-store"


def test_what_changes_one_database_alone_is_one_transaction() -> None:
    """The others only keep projectors out."""
    apart = replace(APART, checkpoints=())
    found = {
        name: replace(ground, manifest=replace(ground.manifest, checkpoints=()), state=replace(ground.state, checkpoint_tables=(), checkpoints=()))
        for name, ground in grounds(names=("main", "log-store")).items()
    }  # fmt: skip
    plan = plan_reset_across(found)
    assert not apart.checkpoints
    assert order(plan) == [("reset", "main")]
    assert [site.name for site in plan.sites] == ["main", "log-store"]
    assert plan.sites[1].fence.ids == (11, 12, 13)


def test_it_ends_in_the_database_in_which_it_began() -> None:
    """There a plan file is used up by the first transaction and done with in the last: one row tells both."""
    plan = plan_reset_across(grounds())
    assert plan.phases[0].database == plan.phases[-1].database


def test_the_digest_covers_every_database() -> None:
    """Another database behind one of the names is another plan."""
    other = replace(IDENTITY, database_oid=99, database="database 2")
    assert plan_reset_across(grounds()).digest != plan_reset_across(grounds(log_store={"identity": other})).digest


def test_every_transaction_locks_what_it_touches() -> None:
    """Without a fence of its own a phase would run without table locks and without a snapshot."""
    plan = plan_reset_across(grounds())
    assert plan.fence is not None
    assert all(phase.locks.checkpoints or phase.locks.exclusive for phase in plan.phases if phase.name[:5] == "empty")


@pytest.mark.parametrize(
    ("facts", "error", "name"),
    [
        pytest.param({"log_store": {"live": (live("Loans"),)}}, ProjectorsLive, "log-store", id="a live projector"),
        pytest.param({"log_store": {"event_store": False, "event_store_tables": ()}}, UnknownEventStore, "log-store", id="no store"),
        pytest.param(
            {
                "main": {"identity": replace(IDENTITY, environment="staging")},
                "log_store": {"identity": replace(IDENTITY, database_oid=2, environment="production")},
            },
            EnvironmentsDiffer,
            None,
            id="two environments",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_says_where(facts: dict[str, Any], error: type[Exception], name: str | None) -> None:
    """The error knows its database."""
    with pytest.raises(error) as caught:
        plan_reset_across(grounds(**facts))
    assert caught.value.database == name  # type: ignore[attr-defined]
