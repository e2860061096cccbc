"""What `status` says about a database: a finding for everything that somebody should do something about."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from balados_db.model import CheckpointState, DatabaseState, Migration, RelationKind, Role
from balados_db.planning.status import Status, assess, progress_of
from tests.unit.builders import (
    EMPTY_SERVER,
    FILES,
    LOG,
    MANIFEST,
    PLAIN,
    PLAIN_YOYO,
    STATE,
    STATS,
    SUBSCRIPTIONS,
    VERSIONS,
    also,
    drifted,
    in_database,
    in_schema,
    live,
    migration,
    missing,
    positions,
    relation,
    unrecorded,
    with_relations,
)


def assessed(state: DatabaseState, files: Mapping[str, tuple[Migration, ...]] = FILES) -> Status:
    return assess(state, MANIFEST, files)


EDITED = {**FILES, STATS: (migration("0001_stats", "select 2;\n"), FILES[STATS][1])}
FINDINGS = {
    "a pending migration": (STATE, {**FILES, STATS: (*FILES[STATS], migration("0003_stats"))}, "pending: 0003_stats"),
    "an edited migration": (STATE, EDITED, "0001_stats: edited"),
    "a file that is gone": (STATE, {**FILES, STATS: FILES[STATS][1:]}, "0001_stats: applied, but its file is gone"),
    "a file before an applied one": (
        STATE,
        {**FILES, STATS: (migration("0000_stats"), *FILES[STATS])},
        "0000_stats: pending, but before",
    ),
    "another structure": (also(in_schema(STATS, **drifted)), FILES, "stats: its structure"),
    "plain yoyo": (also(in_schema(STATS, applied=PLAIN_YOYO, record=None)), FILES, "nothing is recorded"),
    "something else made it": (also(in_schema(STATS, applied=(), **unrecorded)), FILES, "balados-db adopt"),
    "a missing schema": (also(missing(STATS)), FILES, "stats: the schema does not exist"),
    "a schema that nobody declared": (also(in_database(undeclared=("elsewhere",))), FILES, "elsewhere: not in"),
    "no event store": (also(in_database(event_store=False)), FILES, "log: no event store"),
    "a projector that lags": (also(in_database(head=9)), FILES, "Counter: lags by 2"),
    "a projector that never began": (also(in_database(checkpoints=())), FILES, "Counter: lags by 7"),
    "a projector ahead of the head": (also(in_database(head=5)), FILES, "Counter: is ahead of the head by 2"),
    "an addition to the event store that was not made": (
        also(in_database(missing_additions=("1001_more.sql",))),
        FILES,
        "1001_more.sql",
    ),
}


def test_nothing_is_found_where_everything_is_as_it_should_be() -> None:
    """A migrated, recorded database whose projectors have caught up has no findings."""
    assert assessed(STATE).findings == ()


@pytest.mark.parametrize(("state", "files", "says"), FINDINGS.values(), ids=FINDINGS)
def test_status_finds(state: DatabaseState, files: Mapping[str, tuple[Migration, ...]], says: str) -> None:
    """Everything that is pending, drifted, unclassified or lagging is a finding, in words that name it."""
    findings = assessed(state, files).findings

    assert any(says in str(finding) for finding in findings), findings


def test_a_server_without_the_database_is_described_too() -> None:
    """Every schema is missing, nothing breaks."""
    status = assessed(EMPTY_SERVER)

    assert [s.exists for s in status.schemas] == [False] * 5
    assert all(p.lag is None for p in status.projectors)


def test_counts_are_of_the_schemas_own_tables() -> None:
    """yoyo's tables, views and positions are no rows of the schema; a partition's bytes count, its rows once."""
    state = also(
        with_relations(
            relation("stats.v", kind=RelationKind.VIEW),
            relation("stats.places", role=Role.CHECKPOINTS),
            relation("stats.days", kind=RelationKind.PARTITIONED, rows=5, bytes=0),
            relation("stats.days_1", is_partition=True, rows=5, bytes=100),
        )
    )
    stats = next(s for s in assessed(state).schemas if s.schema == STATS)

    assert (stats.tables, stats.rows, stats.bytes) == (2, 15, 8292)


ROWS_KNOWN = {
    "all counted": ({"rows": 5, "exact": True}, 15, True),
    "one estimated": ({"rows": 5, "exact": False}, 15, False),
    "one unknown": ({"rows": None, "exact": False}, None, False),
}


@pytest.mark.parametrize(("facts", "rows", "exact"), ROWS_KNOWN.values(), ids=ROWS_KNOWN)
def test_rows_are_exact_only_where_every_table_was_counted(
    facts: dict[str, object], rows: int | None, exact: bool
) -> None:
    """A sum says that it is an estimate, or that it is unknown."""
    stats = next(
        s for s in assessed(also(with_relations(relation("stats.more", **facts)))).schemas if s.schema == STATS
    )

    assert (stats.rows, stats.exact) == (rows, exact)


def test_schemas_come_in_the_manifests_order() -> None:
    """The report reads like the manifest."""
    assert [s.schema for s in assessed(STATE).schemas] == [*PLAIN, LOG]


def test_progress_is_told_by_the_first_table_that_knows_it() -> None:
    """The subscription moves with every event, projection_versions only with handled ones."""
    rows = (
        CheckpointState(table=VERSIONS, projector="Loans", position=3),
        CheckpointState(table=SUBSCRIPTIONS, projector="Loans", position=7),
    )
    found = progress_of(also(in_database(checkpoints=rows)), MANIFEST, "Loans")

    assert found == rows[1]


def test_progress_falls_back_to_the_table_that_has_it() -> None:
    """A projector without a subscription still has a position."""
    rows = (CheckpointState(table=VERSIONS, projector="Loans", position=3),)

    assert progress_of(also(in_database(checkpoints=rows)), MANIFEST, "Loans") == rows[0]
    assert progress_of(also(in_database(checkpoints=rows)), MANIFEST, "Feed") is None


def test_a_position_that_is_no_number_is_shown_without_a_lag() -> None:
    """Some stores keep tokens; nobody subtracts those, and nobody is said to lag."""
    rows = (CheckpointState(table=SUBSCRIPTIONS, projector="Loans", position="2024-01-01/7"),)
    status = assessed(also(in_database(checkpoints=(*rows, *positions(Feed=7, Counter=7)))))
    loans = next(p for p in status.projectors if p.projector == "Loans")

    assert (loans.position, loans.lag) == ("2024-01-01/7", None)
    assert status.findings == ()


def test_without_a_head_there_is_no_lag() -> None:
    """A layout that cannot tell its head makes nobody late."""
    status = assessed(also(in_database(head=None)))

    assert {p.lag for p in status.projectors} == {None}
    assert status.findings == ()


def test_running_projectors_are_said() -> None:
    """Whoever holds the store's lock of a subscription is live."""
    status = assessed(also(in_database(live=(live("Counter", 13),))))

    assert {p.projector: p.live for p in status.projectors} == {"Loans": False, "Feed": False, "Counter": True}
