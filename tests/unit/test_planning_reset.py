"""A reset's plan: for every database and request either exactly these steps, or a refusal that says why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from balados_db import errors
from balados_db.model import CheckpointState, Manifest, Projector, RelationKind, Scope, Trigger
from balados_db.planning.facts import changes
from balados_db.planning.plan import Danger
from balados_db.planning.refusals import Obstacles
from balados_db.planning.request import ResetRequest
from balados_db.planning.steps import RefreshViews
from tests.unit.builders import (
    BOARD,
    FILES,
    LAYOUT,
    LOG,
    MANIFEST,
    MEMBERS,
    READING,
    STATS,
    SUBSCRIPTIONS,
    VERSIONS,
    Change,
    also,
    declaring,
    drifted,
    emptied,
    forgotten,
    in_database,
    in_identity,
    in_schema,
    live,
    migration,
    outsider,
    projecting,
    relation,
    seeded,
    step_ids,
    table,
    unrecorded,
    with_relations,
    without_relation,
)
from tests.unit.reset_rows import (
    ALL,
    EVENTS,
    HAS_PLACES,
    HISTORY,
    ROWS,
    SAFE,
    STATS_ALONE,
    SYSTEM,
    Row,
    asked,
    best_loans,
    reading,
    tied,
)

# ── the plans ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_reset_is_planned_as(row: Row) -> None:
    """Every request has exactly its steps, empties exactly its tables, forgets exactly its projectors."""
    plan = row.plan()

    assert step_ids(plan) == tuple(row.steps.split())
    assert emptied(plan) == set(row.emptied.split())
    assert forgotten(plan) == set(row.forgets.split())


# ── the refusals ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Refusal(Row):
    """A row that ends in an error, and a word of its message."""

    error: type[errors.BaladosDbError]
    says: str = ""


NO_TRANSACTION = {**FILES, STATS: (FILES[STATS][0], migration("0002_stats", transactional=False))}
PRODUCTION = also(in_identity(environment="production"))
STRANGER = CheckpointState(table=VERSIONS, projector="Stranger", position=3)
NEVER_PROJECTOR = replace(MANIFEST, subscriptions={"Counter": "never"})
PARTIAL_STORE = also(in_database(event_store=False, event_store_tables=("streams",)))
OTHER_STORE = also(in_database(event_store=False, event_store_tables=(), event_store_like="emmett"))
STORE_ELSEWHERE = also(in_database(event_store=False, event_store_tables=(), store_in=("store",)))
NO_MIGRATIONS = declaring(STATS, migrations=None)
MANY = also(with_relations(*(relation(f"stats.t{n}", indexes=5, toast=True) for n in range(900))))
TIED = Obstacles(foreign_keys=tuple((r.oid, MANY.schema(STATS).relations[0].oid) for r in MANY.schema(STATS).relations))


def refused(id_: str, error: type[errors.BaladosDbError], request: ResetRequest = SAFE, **facts: Any) -> Refusal:
    return Refusal(id=id_, error=error, request=request, **facts)


def narrowed(**facts: Any) -> ResetRequest:
    return asked(Scope.PROJECTIONS, **facts)


def odd(name: str) -> Manifest:
    """A projector that claims a table which is not its own."""
    return projecting(Projector(name="Odd", tables=(table(name),)))


ODD = narrowed(projector="Odd")
REFUSALS = (
    # ── what cannot be asked ──
    refused("a schema that is not declared", errors.UnknownSchema, narrowed(schema="statz"), says="statz"),
    refused("a projector that is not declared", errors.UnknownProjector, narrowed(projector="Count"), says="Count"),
    refused("a permanent schema as a projection", errors.UsageError, narrowed(schema=MEMBERS), says="--system"),
    refused("a projection as permanent", errors.UsageError, asked(Scope.SYSTEM, schema=STATS), says="--projections"),
    refused("the event store as a projection", errors.UsageError, narrowed(schema=LOG), says="--events"),
    refused("--projector with --system", errors.UsageError, asked(Scope.SYSTEM, projector="Counter")),
    refused("--projector with --all", errors.UsageError, asked(Scope.ALL, projector="Counter")),
    refused("--projector with --schema", errors.UsageError, narrowed(projector="Counter", schema=STATS)),
    refused("--projector --recreate", errors.UsageError, narrowed(projector="Counter", way="recreate")),
    # ── projectors across the border ──
    refused(
        "a projector of the schema also fills another",
        errors.ProjectorAcrossScope,
        narrowed(schema=BOARD),
        says="reading.privacy",
    ),
    refused(
        "a projector of another schema fills a table of this one",
        errors.ProjectorAcrossScope,
        narrowed(schema=READING),
        says="board.feed",
    ),
    refused(
        "another projector shares a table of this one, and both are named",
        errors.ProjectorsBound,
        narrowed(projector="Counter"),
        manifest=projecting(Projector(name="Alias", tables=(table("stats.counters"), table("board.feed")))),
        says="Alias fills stats.counters, which Counter fills",
    ),
    refused(
        "another projector reads a table of this one, and both are named",
        errors.ProjectorsBound,
        narrowed(projector="Loans"),
        manifest=projecting(reading("Counter", "reading.fines", "members.people")),
        says="Counter reads reading.fines, which Loans fills",
    ),
    refused(
        "another projector reads it through views",
        errors.ProjectorsBound,
        narrowed(projector="Loans"),
        manifest=projecting(reading("Counter", "board.best")),
        state=also(best_loans),
        says="Counter reads board.best",
    ),
    refused(
        "a projector outside reads a table of the schema",
        errors.ProjectorsBound,
        narrowed(schema=STATS),
        manifest=projecting(reading("Loans", "stats.counters")),
        says="Loans reads stats.counters",
    ),
    refused(
        "a projector is said to read what is not there: nobody knows what is meant",
        errors.ProjectorReadsMissing,
        narrowed(projector="Loans"),
        manifest=projecting(reading("Counter", "reading.fine")),
        says="reading.fine",
    ),
    refused(
        "--with-dependents would take along whoever must not be replayed",
        errors.ReplayNever,
        narrowed(projector="Loans", with_dependents=True),
        manifest=replace(projecting(reading("Counter", "reading.fines")), subscriptions={"Counter": "never"}),
        says="Counter",
    ),
    refused(
        "--with-dependents would take along whoever names no tables",
        errors.ProjectorTablesMissing,
        narrowed(projector="Loans", with_dependents=True),
        manifest=projecting(Projector(name="Bare", reads=(table("reading.fines"),))),
        says="none are declared",
    ),
    refused(
        "a projector whose position nobody knows",
        errors.ProjectorWithoutPosition,
        narrowed(projector="Counter"),
        state=also(in_database(checkpoints=(CheckpointState(table=VERSIONS, projector="Counters"),))),
        says="Counter",
    ),
    refused(
        "a projector with partitions that hold rows, and no position",
        errors.ProjectorWithoutPosition,
        narrowed(projector="Counter"),
        state=also(
            with_relations(
                relation("stats.counters", kind=RelationKind.PARTITIONED, rows=None),
                relation("stats.counters_2024", is_partition=True),
            ),
            tied(partitions=((table("stats.counters"), table("stats.counters_2024")),)),
            in_database(checkpoints=()),
        ),
    ),
    refused(
        "a projector's table does not exist",
        errors.ProjectorTablesMissing,
        narrowed(projector="Loans"),
        state=also(without_relation("reading.fines")),
        says="reading.fines",
    ),
    refused(
        "a projector without tables",
        errors.ProjectorTablesMissing,
        narrowed(projector="Bare"),
        manifest=projecting(Projector(name="Bare")),
        says="none are declared",
    ),
    refused(
        "--with-dependents: a table elsewhere does not exist",
        errors.ProjectorTablesMissing,
        narrowed(schema=BOARD, with_dependents=True),
        state=also(without_relation("reading.privacy")),
        says="reading.privacy",
    ),
    refused(
        "a checkpoint table that is not there",
        errors.CheckpointTableMissing,
        SAFE,
        state=also(in_database(checkpoint_tables=(VERSIONS,))),
        says="log.subscriptions",
    ),
    *(
        refused(f"--projector with {what} among its tables", errors.ProjectorTablesMissing, ODD, **f)
        for what, f in {
            "a checkpoint table": {"manifest": odd("stats.places"), "state": HAS_PLACES},
            "another tool's history": {
                "manifest": odd("stats.schema_migrations"),
                "state": also(with_relations(HISTORY)),
            },
            "yoyo's own history": {"manifest": odd("stats._yoyo_migration")},
            "a view": {
                "manifest": odd("stats.v"),
                "state": also(with_relations(relation("stats.v", kind=RelationKind.VIEW))),
            },
        }.items()
    ),
    # ── ways that are closed ──
    refused(
        "--with-dependents: a table elsewhere in which migrations leave rows",
        errors.EmptyImpossible,
        narrowed(schema=BOARD, with_dependents=True),
        state=also(seeded(READING, "privacy")),
        says=READING,
    ),
    *(
        refused(f"one projector of a schema where {why}", errors.EmptyImpossible, narrowed(projector="Counter"), **f)
        for why, f in {
            "nothing is recorded": {"state": also(in_schema(STATS, **unrecorded))},
            "the structure drifted": {"state": also(in_schema(STATS, **drifted))},
            "migrations insert rows": {"state": also(seeded(STATS, "counters"))},
            "another schema must be made anew": {"leaning": STATS},
        }.items()
    ),
    refused(
        "--empty without the right to truncate",
        errors.EmptyImpossible,
        narrowed(way="empty"),
        state=also(in_schema(STATS, cannot_empty=("counters",))),
        says="counters",
    ),
    refused(
        "--recreate with a migration that cannot be in a transaction",
        errors.RecreateImpossible,
        narrowed(way="recreate"),
        files=NO_TRANSACTION,
        says="0002_stats",
    ),
    refused(
        "drift, and a migration that cannot be in a transaction",
        errors.RecreateImpossible,
        STATS_ALONE,
        state=also(in_schema(STATS, **drifted)),
        files=NO_TRANSACTION,
        says="0002_stats",
    ),
    refused(
        "nothing recorded, and no migrations to make it anew",
        errors.RecreateImpossible,
        manifest=NO_MIGRATIONS,
        state=also(in_schema(STATS, **unrecorded)),
        files={k: v for k, v in FILES.items() if k != STATS},
        says="names no migrations",
    ),
    refused(
        "tables there, but the directory is empty",
        errors.RecreateImpossible,
        files={**FILES, STATS: ()},
        says="directory is empty",
    ),
    refused(
        "objects that nobody knows how to drop",
        errors.Undroppable,
        narrowed(way="recreate"),
        state=also(in_schema(STATS, undroppable=("access method x",))),
        says="access method x",
    ),
    # ── event stores ──
    *(
        refused(
            f"an event store hidden in a projection, {name}",
            errors.EventStoreInScope,
            request,
            state=also(in_database(store_in=(STATS,))),
            says=STATS,
        )
        for name, request in {"--projections": SAFE, "--schema": STATS_ALONE, "--all": ALL}.items()
    ),
    refused(
        "an event store hidden in a permanent schema",
        errors.EventStoreInScope,
        SYSTEM,
        state=also(in_database(store_in=(MEMBERS,))),
        says=MEMBERS,
    ),
    refused("a view in place of a table of positions", errors.NoTable, state=also(in_database(no_tables=(VERSIONS,)))),
    refused("an event store that is there in part", errors.UnknownEventStore, state=PARTIAL_STORE, says="events"),
    refused("another layout's store", errors.UnknownEventStore, state=OTHER_STORE, says="events"),
    refused("a store of this layout in another schema", errors.UnknownEventStore, state=STORE_ELSEWHERE, says="events"),
    refused("--events where a part of the store is missing", errors.UnknownEventStore, EVENTS, state=PARTIAL_STORE),
    refused("--all where a part of the store is missing", errors.UnknownEventStore, ALL, state=PARTIAL_STORE),
    # ── what is protected ──
    *(
        refused(f"--{request.scope.value} in production", errors.EnvironmentProtected, request, state=PRODUCTION)
        for request in (SYSTEM, EVENTS, ALL)
    ),
    refused(
        "an environment that the manifest protects",
        errors.EnvironmentProtected,
        SYSTEM,
        state=also(in_identity(environment="demo")),
        manifest=replace(MANIFEST, protected=("demo",)),
        says="demo",
    ),
    *(
        refused(
            f"--{request.scope.value} in another environment than the manifest says",
            errors.EnvironmentMismatch,
            request,
            state=also(in_identity(environment="staging")),
            manifest=replace(MANIFEST, environment="development"),
            says="staging",
        )
        for request in (SAFE, SYSTEM, EVENTS, ALL)
    ),
    *(
        refused(f"a projector that must not be replayed, {n}", errors.ReplayNever, r, manifest=NEVER_PROJECTOR)
        for n, r in {
            "--projections": SAFE,
            "--schema": STATS_ALONE,
            "--projector": narrowed(projector="Counter"),
        }.items()
    ),
    *(
        refused(
            f"a position that nobody declares, {name}",
            errors.UndeclaredPositions,
            request,
            state=also(in_database(checkpoints=(STRANGER,))),
            says="Stranger",
        )
        for name, request in {"--projections": SAFE, "--schema": STATS_ALONE}.items()
    ),
    refused(
        "a view outside would fall",
        errors.DependentsOutside,
        obstacles=Obstacles(dependents=(outsider(),)),
        says="members.v_loans",
    ),
    refused(
        "a partition on the other side",
        errors.InheritanceAcross,
        obstacles=Obstacles(inheritance=(outsider("members.old", "table"),)),
        says="members.old",
    ),
    refused(
        "a foreign key from outside",
        errors.ReferencedFromOutside,
        obstacles=Obstacles(references=(outsider("members.favourites", "table"),)),
        says="members.favourites",
    ),
    refused(
        "more tables tied by foreign keys than there is room for",
        errors.TooLarge,
        STATS_ALONE,
        state=MANY,
        obstacles=TIED,
    ),
    # ── who is alive ──
    *(
        refused(
            f"a live projector of the scope, {name}",
            errors.ProjectorsLive,
            request,
            state=also(in_database(live=(live("Counter", 13),))),
            says="Counter (process 4711, user app, club)",
        )
        for name, request in {
            "--projections": SAFE,
            "--schema": STATS_ALONE,
            "--projector": narrowed(projector="Counter"),
            "--events": EVENTS,
            "--all": ALL,
        }.items()
    ),
    refused(
        "--events while a subscriber that is no projector runs",
        errors.ProjectorsLive,
        EVENTS,
        state=also(in_database(live=(live("Mailer", 14),))),
        says="Mailer",
    ),
)


# What is wrong with the words that were typed, the whole database or its size has no object to name.
NAMELESS = {
    *(errors.UsageError, errors.UnknownSchema, errors.UnknownProjector, errors.EnvironmentMismatch),
    *(errors.EnvironmentProtected, errors.TooLarge),
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.id)
def test_a_reset_is_refused_for(refusal: Refusal) -> None:
    """What would harm or cannot be right is refused before anything is locked, and the message names the reason."""
    with pytest.raises(errors.BaladosDbError) as caught:
        refusal.plan()

    assert type(caught.value) is refusal.error
    assert refusal.says in caught.value.message
    if refusal.error not in NAMELESS:
        assert all(
            found[key] for found in caught.value.facts["objects"] for key in ("type", "identity", "reason", "cure")
        )


def test_a_refusal_lists_every_object_that_is_in_the_way() -> None:
    """A program finds type, identity and reason of each obstacle, beyond what one sentence can hold."""
    many = tuple(outsider(f"members.v{n}") for n in range(9))
    row = replace(ROWS[0], obstacles=Obstacles(dependents=many))

    with pytest.raises(errors.DependentsOutside) as caught:
        row.plan()

    assert caught.value.facts["count"] == 9
    assert "and 3 more" in caught.value.message
    assert [o["identity"] for o in caught.value.facts["objects"]] == [o.identity for o in many]


def test_a_projector_that_lives_does_not_hinder_a_run_that_waits_for_it() -> None:
    """--wait-for-projectors plans all the same: the fence is what waits."""
    row = replace(ROWS[0], state=also(in_database(live=(live("Loans"),))))

    assert row.plan(ignore_live=True).steps


def test_a_lock_room_that_is_just_enough_is_enough() -> None:
    """TooLarge says how many locks there would be; with that much room the same plan is made."""
    row = Row(id="many", request=STATS_ALONE, state=MANY, obstacles=TIED)
    with pytest.raises(errors.TooLarge) as caught:
        row.plan(in_identity(lock_room=1000))

    assert row.plan(in_identity(lock_room=caught.value.facts["needed"])).steps


# ── danger ───────────────────────────────────────────────────────────────────────────────────────────────

NOBODYS = relation("stats.by_hand")
DANGERS = {
    "projections that are all rebuilt": (SAFE, (), Danger.SAFE),
    "a table that nobody rebuilds": (SAFE, (with_relations(NOBODYS),), Danger.CAUTION),
    "of which nobody knows how many rows": (SAFE, (with_relations(replace(NOBODYS, rows=None)),), Danger.CAUTION),
    "that is empty": (SAFE, (with_relations(replace(NOBODYS, rows=0)),), Danger.SAFE),
    "that is made anew": (
        narrowed(schema=STATS, way="recreate"),
        (with_relations(NOBODYS),),
        Danger.CAUTION,
    ),
    "that lies outside the scope": (narrowed(projector="Loans"), (with_relations(NOBODYS),), Danger.SAFE),
    "another tool's history": (SAFE, (with_relations(HISTORY),), Danger.SAFE),
    "permanent data": (SYSTEM, (), Danger.DANGER),
    "one permanent schema": (asked(Scope.SYSTEM, schema=MEMBERS), (), Danger.DANGER),
    "the events": (EVENTS, (), Danger.EXTREME),
    "everything": (ALL, (), Danger.EXTREME),
}


@pytest.mark.parametrize(("request_", "changes", "danger"), DANGERS.values(), ids=DANGERS)
def test_danger_of(request_: ResetRequest, changes: tuple[Change, ...], danger: Danger) -> None:
    """SAFE is said only where every row that goes is rebuilt from events."""
    assert Row(id="", request=request_).plan(*changes).danger is danger


def test_a_projector_that_names_no_tables_is_not_safe() -> None:
    """What it fills elsewhere is not emptied, so a replay may write it twice: the plan says so."""
    plan = replace(ROWS[0], manifest=projecting(Projector(name="Bare"))).plan()

    assert plan.danger is Danger.CAUTION
    assert any("Bare" in text for text in plan.warnings)


def test_what_is_set_off_afterwards_is_part_of_what_is_confirmed() -> None:
    """Another command is another plan, and said to be; where no projector starts over nothing is set off."""
    first, other = (replace(MANIFEST, trigger=Trigger(command=(word,))) for word in ("start", "stop"))
    plan, changed = (Row(id="", request=COUNTER, manifest=m).plan() for m in (first, other))

    assert plan.trigger == Trigger(command=("start",))
    assert plan.digest != changed.digest
    assert changes(plan.facts, changed.facts) == ("what the manifest sets off after a reset",)
    assert Row(id="", request=SYSTEM, manifest=first).plan().trigger is None
    assert Row(id="", request=EVENTS, manifest=first).plan().trigger is not None


INDEX = projecting(Projector(name="Index", fills_nothing=True))
COUNTER = narrowed(projector="Counter")
SAID: dict[str, tuple[ResetRequest, Manifest, tuple[Change, ...], str, Danger]] = {
    "it fills nothing here": (
        narrowed(projector="Index"),
        INDEX,
        (),
        "is filled by Index: only positions",
        Danger.CAUTION,
    ),
    "nobody knows its position": (SAFE, MANIFEST, (in_database(checkpoints=()),), "no position of", Danger.CAUTION),
    "it reads what stays": (
        COUNTER,
        projecting(reading("Counter", "reading.loans")),
        (),
        "Counter reads reading.loans, which stays as it is now",
        Danger.SAFE,
    ),
    "permanent data that is read goes": (
        SYSTEM,
        projecting(reading("Counter", "members.people")),
        (),
        "Counter reads members.people: what it made of that becomes stale",
        Danger.DANGER,
    ),
}


@pytest.mark.parametrize(("request_", "manifest", "changes", "says", "danger"), SAID.values(), ids=SAID)
def test_what_starting_over_cannot_mend_is_said(
    request_: ResetRequest, manifest: Manifest, changes: tuple[Change, ...], says: str, danger: Danger
) -> None:
    """Beside the danger stands the reason for it, by name."""
    plan = Row(id="", request=request_, manifest=manifest).plan(*changes)

    assert plan.danger is danger
    assert [text for text in plan.warnings if says in text]


def test_reading_permanent_data_is_no_reason_for_anything() -> None:
    """It stays what it is, whoever starts over."""
    manifest = projecting(reading("Counter", "members.people"), reading("Loans", "members.people"))
    assert Row(id="", request=COUNTER, manifest=manifest).plan().warnings == ()


def test_who_is_taken_along_is_said_with_the_reason() -> None:
    """Whoever starts over stands in the plan, and why, where nobody asked for it; what stays beside it as well."""
    manifest = projecting(reading("Counter", "reading.fines"))
    plan = Row(id="", request=narrowed(projector="Loans", with_dependents=True), manifest=manifest).plan()

    assert {s.projector: s.because for s in plan.starts_over} == {"Loans": None, "Counter": "it reads reading.fines"}
    assert [(k.schema, k.tables) for k in plan.keeps if k.partly] == [("reading", 1)]


def test_a_foreign_key_of_another_projector_can_be_taken_along() -> None:
    """The refusal says which way is open beside dropping the key."""
    favourites = outsider("stats.counters", "table", foreign_key=True, table="stats.counters", part="fk")
    row = Row(id="", request=narrowed(projector="Loans"), obstacles=Obstacles(references=(favourites,)))
    with pytest.raises(errors.ReferencedFromOutside) as caught:
        row.plan()

    assert "add --with-dependents, which lets Counter start over as well" in caught.value.hint


def test_rows_of_migrations_are_said_to_be_lost_where_they_are() -> None:
    """Emptying what a migration filled is nobody's to mend; recreating brings it back, though no projector fills it."""
    state = also(with_relations(relation("stats.kinds", rows=3)), seeded(STATS, "kinds"))
    emptied = Row(id="", state=state, request=narrowed(schema=STATS, way="empty")).plan()
    recreated = Row(id="", state=state, request=narrowed(schema=STATS)).plan()

    lost = "migrations insert rows into stats.kinds: emptying does not bring them back, --recreate does"
    assert lost in emptied.warnings
    assert not any("stats.kinds" in said for said in recreated.warnings)


def test_tables_that_nobody_rebuilds_are_named() -> None:
    """Whoever confirms a CAUTION can read which tables stay empty."""
    plan = ROWS[0].plan(with_relations(NOBODYS))

    assert any("stats.by_hand" in text for text in plan.warnings)
    assert {d.table: d.rebuilt_by for d in plan.destroys if d.schema == STATS} == {
        "counters": ("Counter",),
        "by_hand": (),
    }


WARNINGS = {
    "another tool's history": ("schema_migrations", narrowed(schema=STATS, way="recreate"), (with_relations(HISTORY),)),
    "a position that is kept": (
        "Stranger",
        SAFE,
        (in_database(checkpoints=(CheckpointState(table=SUBSCRIPTIONS, projector="Stranger"),)),),
    ),
    "projections that outlive their events": ("every projection becomes stale", EVENTS, ()),
}


@pytest.mark.parametrize(("says", "request_", "changes"), WARNINGS.values(), ids=WARNINGS)
def test_a_plan_warns_of(says: str, request_: ResetRequest, changes: tuple[Change, ...]) -> None:
    """What a reader of the preview has to know beyond the tables is a warning of the plan."""
    assert any(says in text for text in Row(id="", request=request_).plan(*changes).warnings)


def test_an_optional_checkpoint_table_that_is_missing_is_no_warning() -> None:
    """A store without projection_versions is a store like any other."""
    assert ROWS[0].plan(in_database(checkpoint_tables=(SUBSCRIPTIONS,))).warnings == ()


def test_triggers_and_stale_views_outside_are_said() -> None:
    """What fires, and what goes on showing old rows, stands in the preview."""
    plan = replace(ROWS[0], obstacles=Obstacles(triggers=("audit on stats.counters",), stale=("members.best",))).plan()

    assert any("audit on stats.counters" in text for text in plan.warnings)
    assert plan.stale == ("members.best",)


def test_what_this_role_cannot_give_back_is_said_before_the_phrase() -> None:
    """Owners and grants that are lost by making anew are listed in the plan; emptying loses none."""
    change = in_schema(STATS, not_restorable=("stats.counters: owner postgres",))

    assert Row(id="", request=narrowed(schema=STATS, way="recreate")).plan(change).not_restored == (
        "stats.counters: owner postgres",
    )
    assert Row(id="", request=STATS_ALONE).plan(change).not_restored == ()


# ── fence and locks ──────────────────────────────────────────────────────────────────────────────────────

FENCES = {
    "projections": (SAFE, (11, 12, 13), False),
    "one schema": (STATS_ALONE, (13,), False),
    "one projector": (narrowed(projector="Loans"), (11,), False),
    "permanent data": (SYSTEM, (), False),
    "events": (EVENTS, (11, 12, 13, 14), True),
    "everything": (ALL, (11, 12, 13, 14), True),
}


@pytest.mark.parametrize(("request_", "ids", "every"), FENCES.values(), ids=FENCES)
def test_the_fence_keeps_out(request_: ResetRequest, ids: tuple[int, ...], every: bool) -> None:
    """The lock of every projector of the scope is taken, and of nobody else; all of them when ids start again."""
    fence = Row(id="", request=request_).plan().fence

    assert fence is not None
    assert (fence.class_table, fence.ids, fence.every_id) == (SUBSCRIPTIONS, ids, every)


def test_the_fence_stands_where_liveness_is_told_by_a_table_without_positions() -> None:
    """A custom layout may tell who lives by one table and keep positions in another."""
    row = replace(ROWS[0], manifest=replace(MANIFEST, checkpoints=MANIFEST.checkpoints[1:]))
    fence = row.plan(in_database(checkpoint_tables=(VERSIONS,), checkpoints=())).fence

    assert (fence.class_table, fence.ids) == (SUBSCRIPTIONS, (11, 12, 13))


# ── kept ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_event_store_is_kept_with_its_rows() -> None:
    """The preview of the safe reset says what the events are, and how many rows stay."""
    kept = {k.schema: k for k in ROWS[0].plan().keeps}

    assert set(kept) == {MEMBERS, LOG}
    assert kept[LOG].holds == "every event"
    assert kept[LOG].rows == 10 * (len(LAYOUT.tables) + 1)


def test_schemas_that_the_manifest_does_not_know_are_kept() -> None:
    """--all means every declared schema: others are listed as untouched."""
    plan = Row(id="", request=ALL).plan(in_database(undeclared=("elsewhere",)))

    assert [(k.schema, k.kind) for k in plan.keeps] == [("elsewhere", "undeclared")]


KEPT_ROWS = {
    "all counted": ({"rows": 5, "exact": True}, 25, True),
    "one estimated": ({"rows": 5, "exact": False}, 25, False),
    "one unknown": ({"rows": None, "exact": False}, None, False),
}


@pytest.mark.parametrize(("facts", "rows", "exact"), KEPT_ROWS.values(), ids=KEPT_ROWS)
def test_kept_rows_say_how_sure_they_are(facts: dict[str, Any], rows: int | None, exact: bool) -> None:
    """A sum with an estimate in it is an estimate."""
    plan = ROWS[0].plan(with_relations(relation("members.letters", **facts)))

    assert [(k.rows, k.exact) for k in plan.keeps if k.schema == MEMBERS] == [(rows, exact)]


def test_only_views_that_show_something_are_filled_anew() -> None:
    """A materialized view without data stays without; a plain view needs nothing."""
    plan = next(row for row in ROWS if row.id.startswith("a materialized view")).plan()

    assert [s.views for s in plan.steps if isinstance(s, RefreshViews)] == [(table("stats.best"),)]


def test_a_kept_view_is_not_counted_as_a_table() -> None:
    """Counts are of tables that hold rows."""
    plan = ROWS[0].plan(with_relations(relation("members.v", kind=RelationKind.VIEW)))

    assert next(k.tables for k in plan.keeps if k.schema == MEMBERS) == 2
