"""What does not fit into one transaction: the same deeds in several, positions first and last, a journal in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balados_db import errors
from balados_db.model import Journal, RelationKind, Scope
from balados_db.planning.plan import Phase, Plan
from balados_db.planning.refusals import Obstacles
from balados_db.planning.size import dropping, emptying
from balados_db.planning.steps import (
    ApplyMigrations,
    CapturePreserved,
    CloseJournal,
    DropContents,
    DropRelations,
    EmptyTables,
    ForgetCheckpoints,
    GiveBack,
    NoteProgress,
    OpenJournal,
    ProvePreserved,
    ProveRewound,
    RestartSequences,
    RewindCheckpoints,
)
from tests.unit.builders import (
    STATE,
    STATS,
    also,
    emptied,
    forgotten,
    in_database,
    in_identity,
    relation,
    table,
    with_relations,
    without_relation,
)
from tests.unit.reset_rows import ALL, EVENTS, ROWS, SAFE, STATS_ALONE, Row, asked

ROOM = 8  # locks: a batch of two tables
CRAMPED = in_identity(lock_room=ROOM)
RECREATE = asked(Scope.PROJECTIONS, way="recreate")


def large(row: Row) -> Plan:
    """The row's plan on a server with next to no room."""
    return row.plan(CRAMPED)


every_large_row = pytest.mark.parametrize("row", [r for r in ROWS if len(large(r).phases) > 1], ids=lambda row: row.id)


def kinds(phase: Phase) -> list[type]:
    return [type(step) for step in phase.steps]


def numbered(count: int, **facts: object) -> tuple:
    return tuple(relation(f"stats.t{n}", **facts) for n in range(count))


def test_an_event_store_that_does_not_fit_is_refused() -> None:
    """Its tables, their seed and everybody's positions go together or not at all."""
    with pytest.raises(errors.TooLarge):
        Row(id="store", request=EVENTS).plan(in_identity(lock_room=4))


def test_most_rows_do_not_fit_into_so_little_room() -> None:
    """The rows below are not a handful of exceptions."""
    assert sum(len(large(row).phases) > 1 for row in ROWS) > len(ROWS) / 3
    assert {r.request.scope for r in ROWS if len(large(r).phases) > 1} >= {Scope.PROJECTIONS, Scope.ALL}


# ── what holds for every plan in several transactions ────────────────────────────────────────────────────


@every_large_row
def test_the_same_goes_whether_at_once_or_in_parts(row: Row) -> None:
    """Tables emptied, positions forgotten, migrations applied: those of the plan in one transaction, no other."""
    small, several = row.plan(), large(row)

    assert emptied(several) == emptied(small)
    assert forgotten(several) == forgotten(small)
    assert applied(several) == applied(small)
    assert several.destroys == small.destroys
    assert several.keeps == small.keeps
    assert (several.phrase, several.danger) == (small.phrase, small.danger)


def applied(plan: Plan) -> set[tuple[str, str]]:
    return {(s.schema, id_) for s in plan.steps if isinstance(s, ApplyMigrations) for id_ in s.migrations}


@every_large_row
def test_positions_are_at_the_origin_before_anything_is_destroyed(row: Row) -> None:
    """The first transaction opens the journal and moves positions; where events go, positions go with them."""
    first, *rest = large(row).phases

    assert kinds(first).index(OpenJournal) < kinds(first).index(CapturePreserved)
    assert DropContents not in kinds(first)
    assert DropRelations not in kinds(first)
    if row.request.scope in (Scope.EVENTS, Scope.ALL):
        assert {s.everybody for s in first.steps if isinstance(s, ForgetCheckpoints)} <= {True}
        assert not any(isinstance(s, ForgetCheckpoints) for p in rest for s in p.steps)
        return
    assert EmptyTables not in kinds(first)
    names = {n for s in first.steps if isinstance(s, RewindCheckpoints | ForgetCheckpoints) for n in s.projectors}
    assert names == forgotten(row.plan())


@every_large_row
def test_positions_are_forgotten_last_when_nobody_moved(row: Row) -> None:
    """In the last transaction, with the checkpoint tables locked, after the proof that all are where they were put."""
    last = large(row).phases[-1]
    if not forgotten(row.plan()) or row.request.scope is Scope.ALL:
        return

    assert kinds(last).index(ProveRewound) < kinds(last).index(ForgetCheckpoints)
    assert set(last.locks.checkpoints) == {s.table for s in last.steps if isinstance(s, ForgetCheckpoints)}


@every_large_row
def test_every_transaction_proves_what_it_kept(row: Row) -> None:
    """A fingerprint before the first deed of each, its comparison after the last one."""
    for phase in large(row).phases:
        found = kinds(phase)
        deeds = [n for n, step in enumerate(phase.steps) if step.destroys]
        assert found.count(CapturePreserved) == found.count(ProvePreserved) == 1
        assert not deeds or found.index(CapturePreserved) < deeds[0]
        assert not deeds or deeds[-1] < found.index(ProvePreserved)


@every_large_row
def test_the_journal_counts_every_transaction(row: Row) -> None:
    """Opened by the first, one further with each, closed by the last."""
    plan = large(row)
    journal = next(s for s in plan.steps if isinstance(s, OpenJournal))

    assert plan.journalled
    assert journal.phases == len(plan.phases)
    assert [s.done for s in plan.steps if isinstance(s, NoteProgress)] == list(range(1, len(plan.phases)))
    assert kinds(plan.phases[-1]).count(CloseJournal) == 1
    assert not row.plan().journalled


@every_large_row
def test_every_table_is_locked_in_the_transaction_that_empties_or_drops_it(row: Row) -> None:
    """And in no other: readers of the rest go on."""
    holds = {r.table: r for s in row.state.schemas for r in s.relations if r.holds_rows and r.lockable}
    for phase in large(row).phases:
        gone = {t for s in phase.steps if isinstance(s, EmptyTables) for t in s.tables}
        gone |= {t for s in phase.steps if isinstance(s, DropRelations) for t in s.relations}
        assert gone & set(holds) == set(phase.locks.exclusive)


@every_large_row
def test_no_batch_holds_more_than_half_of_the_locks(row: Row) -> None:
    """The application needs locks meanwhile; one table alone may be heavier than that."""
    weights = {r.table: r for s in row.state.schemas for r in s.relations}
    for phase in large(row).phases[1:]:
        out = [emptying(weights[t]) for s in phase.steps if isinstance(s, EmptyTables) for t in s.tables]
        out += [dropping(weights[t]) for s in phase.steps if isinstance(s, DropRelations) for t in s.relations]
        assert sum(out) <= ROOM // 2 or len(out) == 1


# ── batches ──────────────────────────────────────────────────────────────────────────────────────────────

TEN = also(with_relations(*numbered(10)))


def test_tables_tied_by_foreign_keys_are_emptied_together() -> None:
    """TRUNCATE refuses a table that another one references, even an empty one."""
    a, b, c = (r for r in TEN.schema(STATS).relations if r.name in ("t1", "t5", "t9"))
    ties = Obstacles(foreign_keys=((a.oid, b.oid), (c.oid, b.oid)))
    plan = Row(id="tied", request=STATS_ALONE, state=TEN, obstacles=ties).plan(CRAMPED)

    batches = [set(s.tables) for s in plan.steps if isinstance(s, EmptyTables)]
    assert len(batches) > 2
    assert [batch for batch in batches if {a.table, b.table, c.table} & batch] == [
        next(batch for batch in batches if {a.table, b.table, c.table} <= batch)
    ]


def test_whoever_depends_on_others_is_dropped_before_them() -> None:
    """Foreign keys, partitions, views: with RESTRICT there is no other order."""
    relations = TEN.schema(STATS).relations
    chain = tuple((one.oid, other.oid) for one, other in zip(relations[::-1], relations[-2::-1], strict=False))
    row = Row(id="chain", request=RECREATE, state=TEN, obstacles=Obstacles(inside=chain))

    order = [
        t for s in row.plan(CRAMPED).steps if isinstance(s, DropRelations) for t in s.relations if t.schema == STATS
    ]
    assert order == [r.table for r in relations[::-1]]


def test_circles_are_dropped_all_the_same() -> None:
    """Whoever depends on each other comes last; none is forgotten."""
    a, b = TEN.schema(STATS).relations[:2]
    row = Row(
        id="circle", request=RECREATE, state=TEN, obstacles=Obstacles(foreign_keys=((a.oid, b.oid), (b.oid, a.oid)))
    )

    gone = {t for s in row.plan(CRAMPED).steps if isinstance(s, DropRelations) for t in s.relations}
    assert {r.table for r in TEN.schema(STATS).relations if r.holds_rows} <= gone


def test_partitions_are_emptied_one_by_one_and_their_parents_sequences_restarted() -> None:
    """TRUNCATE of the parent would lock them all."""
    parent = relation("stats.measures", kind=RelationKind.PARTITIONED, sequences=1)
    leaves = tuple(replace(leaf, is_partition=True) for leaf in numbered(10))
    state = also(with_relations(parent, *leaves))
    ties = Obstacles(inside=tuple((leaf.oid, parent.oid) for leaf in leaves))
    plan = Row(id="partitions", request=STATS_ALONE, state=state, obstacles=ties).plan(CRAMPED)

    assert parent.table not in {t for s in plan.steps if isinstance(s, EmptyTables) for t in s.tables}
    assert [s.tables for s in plan.steps if isinstance(s, RestartSequences)] == [(parent.table,)]
    assert parent.table in {t for s in plan.phases[-1].steps if isinstance(s, ProvePreserved) for t in s.emptied}


def test_a_partitioned_table_whose_partitions_are_not_named_is_emptied_itself() -> None:
    """A projector names the parent alone: emptying it empties them."""
    parent = relation("stats.counters", kind=RelationKind.PARTITIONED)
    state = also(without_relation("stats.counters"), with_relations(parent))
    counter = asked(Scope.PROJECTIONS, projector="Counter", with_dependents=True)
    plan = Row(id="parent", request=counter, state=also(with_relations(*numbered(5)), state=state)).plan(CRAMPED)

    assert parent.table in {t for s in plan.steps if isinstance(s, EmptyTables) for t in s.tables}


def test_tables_that_lock_kept_ones_are_dropped_first_in_small_batches() -> None:
    """Kept tables are read meanwhile: each of those transactions is short."""
    a, b = TEN.schema(STATS).relations[4:6]
    kept = table("members.people")
    row = Row(id="kept", request=RECREATE, state=TEN, obstacles=Obstacles(lock_too=((a.oid, kept), (b.oid, kept))))
    plan = row.plan(in_identity(lock_room=48))

    locking = [n for n, phase in enumerate(plan.phases) if kept in phase.locks.exclusive]
    assert locking == [1, 2]
    assert [len(s.relations) for n in locking for s in plan.phases[n].steps if isinstance(s, DropRelations)] == [1, 1]


def test_migrations_that_do_not_fit_either_are_applied_a_transaction_a_file() -> None:
    """As they were once; rights are given back when all are there."""
    plan = Row(id="files", request=RECREATE).plan(CRAMPED)
    files = [phase for phase in plan.phases if ApplyMigrations in kinds(phase)]

    assert all(kinds(phase).count(ApplyMigrations) == 1 for phase in files)
    assert all(len(s.migrations) == 1 for p in files for s in p.steps if isinstance(s, ApplyMigrations))
    assert plan.phases[-2].name == "give back"
    assert kinds(plan.phases[-2]).count(GiveBack) == 3


# ── what was interrupted ─────────────────────────────────────────────────────────────────────────────────

JOURNAL = Journal(
    id=1,
    scope="projections",
    schemas=(STATS,),
    recreated=(STATS,),
    projectors=("Counter",),
    arguments=("reset", "--projections", "--schema", STATS),
    phases=9,
    done=4,
    begun_at="2026-01-02T03:04:05Z",
)
INTERRUPTED = also(in_database(journal=JOURNAL))


@pytest.mark.parametrize("request_", [STATS_ALONE, SAFE, ALL], ids=["the same", "a wider one", "all"])
def test_a_reset_that_covers_it_finishes_what_was_begun(request_: object) -> None:
    """In one transaction, if it fits by now; what was to be made anew is, whatever is recorded; the journal is closed."""
    plan = Row(id="again", request=request_, state=INTERRUPTED).plan()  # type: ignore[arg-type]

    assert [w.way for w in plan.ways if w.schema == STATS] == ["recreate"]
    assert sum(isinstance(s, CloseJournal) for s in plan.steps) == 1
    assert any("2026-01-02T03:04:05Z" in text for text in plan.warnings)


@pytest.mark.parametrize(
    "request_",
    [asked(Scope.PROJECTIONS, schema="board", with_dependents=True), asked(Scope.SYSTEM), asked(Scope.EVENTS)],
    ids=["another schema", "permanent data", "events"],
)
def test_nothing_else_is_reset_before_it_is_finished(request_: object) -> None:
    """Exit 5, with the command that finishes it."""
    with pytest.raises(errors.UnfinishedReset) as caught:
        Row(id="other", request=request_, state=INTERRUPTED).plan()  # type: ignore[arg-type]

    assert "balados-db reset --projections --schema stats" in str(caught.value.hint)


def test_what_is_half_dropped_cannot_be_emptied() -> None:
    """--empty would leave what the migrations did not make."""
    with pytest.raises(errors.EmptyImpossible):
        Row(id="empty", request=asked(Scope.PROJECTIONS, way="empty"), state=INTERRUPTED).plan()


def test_the_words_that_finish_a_reset_are_those_that_began_it() -> None:
    """All of what was asked for, and never a phrase."""
    request_ = asked(Scope.PROJECTIONS, schema=STATS, way="recreate", with_dependents=True, verify_rows=True)

    assert request_.arguments == (
        *("reset", "--projections", "--schema", "stats", "--verify", "rows", "--with-dependents", "--recreate"),
    )


def test_a_state_without_a_journal_has_nothing_to_finish() -> None:
    """The common case."""
    assert not any(isinstance(s, CloseJournal) for s in Row(id="plain", request=SAFE, state=STATE).plan().steps)
