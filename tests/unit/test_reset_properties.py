"""What holds for every plan of a reset, whatever was asked: looped over the whole table of resets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balados_db.model import DatabaseState, Role, Scope
from balados_db.planning.plan import Danger, Plan
from balados_db.planning.steps import (
    ApplyMigrations,
    CreateSchema,
    DropContents,
    EmptyTables,
    GiveBack,
    RecordStructure,
    RefreshViews,
    SeedEventStore,
)
from tests.unit.builders import (
    FILES,
    MANIFEST,
    STATE,
    STATS,
    Change,
    dropped,
    emptied,
    forgotten,
    in_database,
    in_identity,
    in_schema,
    migration,
    missing,
    positions,
    relation,
    session,
    step_ids,
    with_relations,
)
from tests.unit.reset_rows import ALL, EVENTS, ROWS, SAFE, STATS_ALONE, SYSTEM, Row, asked

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)

# ── properties ───────────────────────────────────────────────────────────────────────────────────────────


def touched(plan: Plan) -> set[str]:
    """Schemas in which a step writes to tables. Positions lie where they lie: what is theirs is tested by value."""
    by_schema = (ApplyMigrations, CreateSchema, GiveBack, RecordStructure, SeedEventStore)
    found = {step.schema for step in plan.steps if isinstance(step, by_schema)}
    tables = [t for s in plan.steps if isinstance(s, EmptyTables | RefreshViews) for t in vars(s).get("tables", ())]
    views = [v for s in plan.steps if isinstance(s, RefreshViews) for v in s.views]
    return {*found, *dropped(plan), *(t.schema for t in (*tables, *views))}


@every_row
def test_no_step_touches_what_is_said_to_be_kept(row: Row) -> None:
    """The preview's list of kept schemas and the steps never name the same schema."""
    plan = row.plan()

    assert not touched(plan) & {kept.schema for kept in plan.keeps if not kept.partly}


@every_row
def test_what_stays_of_a_schema_is_counted_without_what_goes(row: Row) -> None:
    """Of a schema that is emptied in part the preview says how many tables stay, and nothing where none does."""
    plan = row.plan()
    schemas = {s.name: {str(t.table) for t in s.tables if not t.is_partition} for s in row.state.schemas}

    for kept in (k for k in plan.keeps if k.partly):
        assert kept.tables == len(schemas[kept.schema] - emptied(plan)) > 0
        assert kept.schema not in dropped(plan)


@every_row
def test_every_declared_schema_is_touched_or_kept(row: Row) -> None:
    """A reader of the preview learns about every schema that exists."""
    plan = row.plan()
    existing = {s.name for s in row.state.schemas if s.exists}

    assert existing <= touched(plan) | {kept.schema for kept in plan.keeps} | {way.schema for way in plan.ways}


@every_row
def test_whatever_destroys_has_a_phrase(row: Row) -> None:
    """A plan with a destroying step cannot run without the phrase of its scope."""
    plan = row.plan()

    assert any(step.destroys for step in plan.steps)
    assert plan.phrase == row.manifest.phrases[row.request.scope]
    assert plan.danger is not Danger.NONE


@every_row
def test_everything_that_goes_is_listed(row: Row) -> None:
    """What the preview says to be destroyed is what the steps empty or drop: no more, no less."""
    plan = row.plan()
    partitions = {str(r.table) for s in row.state.schemas for r in s.relations if r.is_partition}
    doomed = {
        str(r.table)
        for s in row.state.schemas
        for r in s.relations
        if s.name in dropped(plan) and r.holds_rows and r.role is Role.CONTENT
    }

    assert {f"{d.schema}.{d.table}" for d in plan.destroys} == (emptied(plan) | doomed) - partitions


@every_row
def test_what_changes_is_locked_before_anything_is_read(row: Row) -> None:
    """Every checkpoint table and every table that is emptied is in the one LOCK statement before the snapshot."""
    plan = row.plan()
    locks = plan.phases[0].locks
    locked = {str(t) for t in (*locks.checkpoints, *locks.exclusive)}

    assert emptied(plan) <= locked
    assert {str(t) for t in row.state.checkpoint_tables} <= locked
    assert not set(locks.checkpoints) & set(locks.exclusive)


@every_row
def test_only_content_is_emptied(row: Row) -> None:
    """Positions, histories of migrations, extensions' tables: never emptied. The store's own go with the events."""
    plan = row.plan()
    roles = {str(r.table): r.role for s in row.state.schemas for r in s.relations}

    assert {roles[name] for name in emptied(plan)} <= {Role.CONTENT, Role.EVENTS}
    if row.request.scope in (Scope.PROJECTIONS, Scope.SYSTEM):
        assert Role.EVENTS not in {roles[name] for name in emptied(plan)}


@every_row
def test_what_stays_inside_a_recreated_schema_is_named_to_whoever_drops(row: Row) -> None:
    """Dropping the contents spares positions and other tools' histories."""
    plan = row.plan()
    spared = {str(t) for step in plan.steps if isinstance(step, DropContents) for t in step.keep}
    stays = {
        str(r.table)
        for s in row.state.schemas
        for r in s.relations
        if s.name in dropped(plan) and r.role in (Role.CHECKPOINTS, Role.OTHER_HISTORY)
    }

    assert spared == stays


@every_row
def test_only_declared_projectors_start_over(row: Row) -> None:
    """No position of a mere subscription moves while its events exist."""
    names = forgotten(row.plan())

    assert names == {"*"} or names <= {p.name for p in row.manifest.projectors}


@every_row
def test_a_reset_is_one_transaction_between_fingerprint_and_receipt(row: Row) -> None:
    """All or nothing: one atomic phase that reads first, proves, and then writes the receipt."""
    plan = row.plan()
    ids = [i for i in step_ids(plan) if i != "create_records"]

    assert [phase.atomic for phase in plan.phases] == [True]
    assert (ids[0], *ids[-2:]) == ("capture_preserved", "prove_preserved", "write_receipt")


@every_row
def test_step_ids_are_unique(row: Row) -> None:
    """An id names one step of its plan."""
    ids = step_ids(row.plan())

    assert len(ids) == len(set(ids))


@every_row
def test_every_step_says_what_it_does(row: Row) -> None:
    """No summary is empty or left with an unfilled name."""
    for step in row.plan().steps:
        assert step.summary
        assert "{" not in step.summary


# ── the digest ───────────────────────────────────────────────────────────────────────────────────────────


def more_rows(state: DatabaseState) -> DatabaseState:
    return replace(
        state,
        schemas=tuple(
            replace(s, relations=tuple(replace(r, rows=99, exact=False, bytes=r.bytes * 3) for r in s.relations))
            for s in state.schemas
        ),
    )


def moved_on(state: DatabaseState) -> DatabaseState:
    return replace(
        state,
        head=1000,
        checkpoints=tuple(replace(c, position=999) for c in state.checkpoints),
        sessions=(session(1), session(2)),
    )


@every_row
def test_planning_twice_gives_the_same_digest(row: Row) -> None:
    """Nothing but its facts goes into a plan: no clock, no chance, no order of a set."""
    assert row.plan().digest == row.plan().digest


@pytest.mark.parametrize("row", [r for r in ROWS if "without rows" not in r.id], ids=lambda row: row.id)
def test_what_moves_by_itself_is_not_in_the_digest(row: Row) -> None:
    """Rows, bytes, positions and sessions change while a person reads; the plan stays the one that was confirmed."""
    assert row.plan(more_rows, moved_on).digest == row.plan().digest


@every_row
@pytest.mark.parametrize(
    "change", [{"system_identifier": "8"}, {"database_oid": 1}, {"database": "other"}], ids=lambda c: next(iter(c))
)
def test_another_database_is_another_plan(row: Row, change: dict[str, Any]) -> None:
    """A phrase that was read for one database confirms nothing in another."""
    assert row.plan(in_identity(**change)).digest != row.plan().digest


DIFFERENT = {
    "the structure": in_schema(STATS, structure="new", record=replace(STATE.schema(STATS).record, structure="new")),
    "a table": with_relations(relation("stats.more")),
    "a table made anew under its name": with_relations(relation("stats.counters", oid=1)),
    "the history": in_schema(STATS, applied=STATE.schema(STATS).applied[:1]),
    "another name among the checkpoints": in_database(checkpoints=positions(Loans=7, Feed=7, Counter=7, Metrics=1)),
    "our records are gone": in_database(own_schema=False),
    "a missing schema": missing(STATS),
}


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT)
def test_what_the_plan_depends_on_is_in_the_digest(change: Change) -> None:
    """A plan that was read is stale as soon as what it depends on changed."""
    assert ROWS[0].plan(change).digest != ROWS[0].plan().digest


def test_an_edited_migration_is_another_plan() -> None:
    """The content of the files counts, not only their names, even where everything is made anew anyway."""
    row = Row(id="", request=asked(Scope.PROJECTIONS, schema=STATS, way="recreate"))
    edited = {**FILES, STATS: (migration("0001_stats", "select 2;\n"), FILES[STATS][1])}

    assert step_ids(replace(row, files=edited).plan()) == step_ids(row.plan())
    assert replace(row, files=edited).plan().digest != row.plan().digest


def test_another_phrase_is_another_plan() -> None:
    """Whoever changes the manifest's words while a plan waits has changed the plan."""
    longer = replace(MANIFEST, phrases={**MANIFEST.phrases, Scope.PROJECTIONS: "DELETE PROJECTIONS"})

    assert replace(ROWS[0], manifest=longer).plan().digest != ROWS[0].plan().digest


def test_every_request_has_a_digest_of_its_own() -> None:
    """No two scopes share a plan."""
    requests = (
        SAFE,
        SYSTEM,
        EVENTS,
        ALL,
        STATS_ALONE,
        asked(Scope.PROJECTIONS, projector="Loans"),
        asked(Scope.PROJECTIONS, way="recreate"),
    )

    assert len({Row(id="", request=request).plan().digest for request in requests}) == len(requests)
