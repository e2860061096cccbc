"""What `verify` says about facts: a finding for everything that somebody should do something about, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from balados_db.model import (
    CheckpointState,
    DatabaseState,
    LiveProjector,
    Manifest,
    Migration,
    Need,
    RelationKind,
    TableName,
)
from balados_db.planning.refusals import Obstacles
from balados_db.planning.status import assess
from balados_db.planning.strangers import Proof, Stranger, unmentioned, without
from balados_db.planning.verify import Inspection, Positions, Trigger, checked, judge, visible
from tests.unit.builders import (
    EMPTY_SERVER,
    FILES,
    LAYOUT,
    LOG,
    MEMBERS,
    STATE,
    STATS,
    SUBSCRIPTIONS,
    VERSIONS,
    also,
    declaring,
    drifted,
    in_database,
    in_identity,
    in_schema,
    migration,
    outsider,
    projecting,
    relation,
    seeded,
    unrecorded,
    with_relations,
    without_relation,
)
from tests.unit.reset_rows import reading

GUARDED = declaring(
    LOG,
    layout=replace(LAYOUT, guards={"events": ("update", "truncate")}, triggers={"streams": ("tell",)}),
)
UPDATES = Trigger(table="events", name="no_update", fires_for=("update",))
TRUNCATES = Trigger(table="events", name="no_truncate", fires_for=("truncate", "delete"), always=True)
TELL = Trigger(table="streams", name="tell", fires_for=("insert", "update"), refuses=False)
SEEN = Inspection(triggers=(UPDATES, TRUNCATES, TELL))


def judged(
    state: DatabaseState = STATE,
    seen: Inspection = SEEN,
    manifest: Manifest = GUARDED,
    files: Mapping[str, tuple[Migration, ...]] = FILES,
) -> set[tuple[str, str, str]]:
    """Code, subject and severity of every finding."""
    return {(f.code, f.subject, f.severity.value) for f in judge(state, manifest, files, seen)}


def with_triggers(*triggers: Trigger) -> Inspection:
    """What was seen, with these triggers alone."""
    return replace(SEEN, triggers=triggers)


def with_positions(*names: str, layout: str | None = None) -> Inspection:
    """What was seen, with a table of positions that nobody declared."""
    table = TableName("members", "offsets")
    found = Positions(table=table, projector="who", position="place", names=names, layout=layout)
    return replace(SEEN, positions=(found,))


def without_positions(projector: str) -> DatabaseState:
    """No table remembers this projector."""
    return also(in_database(checkpoints=tuple(c for c in STATE.checkpoints if c.projector != projector)))


def row(projector: str, position: int | str | None, where: TableName = VERSIONS) -> CheckpointState:
    return CheckpointState(table=where, projector=projector, position=position)


def with_rows(*rows: CheckpointState) -> DatabaseState:
    """Positions beside those of the projectors; they replace their namesakes."""
    kept = tuple(c for c in STATE.checkpoints if (c.table, c.projector) not in {(r.table, r.projector) for r in rows})
    return also(in_database(checkpoints=(*kept, *rows)))


FOLLOWER = LiveProjector(name="subscription 99", subscription_id=99, pid=4711)
STRAY = Stranger(schema=STATS, kind="relation", name="stray", proof=Proof.STRUCTURE)
NEEDS = (Need("table", "reading.loans", "reading"),)
ACROSS = outsider("members.part", "table", reason="is a partition of reading.loans", needs=NEEDS)
CASES: dict[str, tuple[dict[str, Any], set[tuple[str, str, str]]]] = {
    "nothing": ({}, set()),
    "a missing guard": (
        {"seen": with_triggers(TRUNCATES, TELL)},
        {("guard_missing", "log.events", "error")},
    ),
    "a disabled guard": (
        {"seen": with_triggers(replace(UPDATES, enabled=False), TRUNCATES, TELL)},
        {("guard_disabled", "log.events", "error")},
    ),
    "a guard that refuses nothing": (
        {"seen": with_triggers(replace(UPDATES, refuses=False), TRUNCATES, TELL)},
        {("guard_hollow", "log.events", "error")},
    ),
    "a guard of another table": (
        {"seen": with_triggers(replace(UPDATES, table="streams"), TRUNCATES, TELL)},
        {("guard_missing", "log.events", "error")},
    ),
    "two guards, one of them on": (
        {"seen": with_triggers(replace(UPDATES, name="old", enabled=False), UPDATES, TRUNCATES, TELL)},
        set(),
    ),
    "no guard is expected of a store that is not there": (
        {"seen": with_triggers(), "state": also(in_database(event_store=False))},
        {("event_store_missing", LOG, "error")},
    ),
    "a missing trigger": (
        {"seen": with_triggers(UPDATES, TRUNCATES)},
        {("trigger_missing", "log.streams", "error")},
    ),
    "a disabled trigger": (
        {"seen": with_triggers(UPDATES, TRUNCATES, replace(TELL, enabled=False))},
        {("trigger_disabled", "log.streams", "error")},
    ),
    "tables of a schema that nobody declared": (
        {"seen": replace(SEEN, unclassified={"billing": ("invoices",)})},
        {("tables_unclassified", "billing", "warning")},
    ),
    "a stranger that the structure proves": (
        {"seen": replace(SEEN, strangers=(STRAY,))},
        {("made_by_nobody", "stats.stray", "error")},
    ),
    "a stranger by its name": (
        {"seen": replace(SEEN, strangers=(replace(STRAY, proof=Proof.NAMES),))},
        {("made_by_nobody", "stats.stray", "warning")},
    ),
    "a view over a projection": (
        {"seen": replace(SEEN, border=Obstacles(dependents=(outsider("members.v", needs=NEEDS),)))},
        {("depends_on_projection", "members.v", "error")},
    ),
    "a partition elsewhere is said once": (
        {"seen": replace(SEEN, border=Obstacles(inheritance=(ACROSS,), dependents=(ACROSS,)))},
        {("inherits_across", "members.part", "error")},
    ),
    "somebody's temporary view": (
        {"seen": replace(SEEN, border=Obstacles(temporary=(outsider("pg_temp_3.v", pids=(4711,)),)))},
        {("temporary_dependent", "pg_temp_3.v", "note")},
    ),
    "an extension in a projection": (
        {"state": also(in_schema(STATS, extensions=("citext",)))},
        {("extension_in_projection", "citext", "warning")},
    ),
    "an extension elsewhere": ({"state": also(in_schema(MEMBERS, extensions=("citext",)))}, set()),
    "a store where nobody looks for one": (
        {"state": also(in_database(store_in=(STATS,)))},
        {("event_store_hidden", STATS, "error")},
    ),
    "a projector on a row that is gone": (
        {"state": also(in_database(live=(FOLLOWER,)))},
        {("projector_astray", "99", "error")},
    ),
    "another environment": (
        {"state": also(in_identity(environment="production")), "manifest": replace(GUARDED, environment="test")},
        {("environment_mismatch", "production", "error")},
    ),
    "a second position ahead of the head": (
        {"state": with_rows(row("Loans", 9))},
        {("ahead_of_head", "Loans", "error")},
    ),
    "a first position ahead of the head is said once": (
        {"state": with_rows(row("Loans", 9, SUBSCRIPTIONS))},
        {("ahead_of_head", "Loans", "error")},
    ),
    "a position that is NULL": ({"state": with_rows(row("Loans", None))}, {("position_null", "Loans", "error")}),
    "a position that is no number": ({"state": with_rows(row("Loans", "2024/7"))}, set()),
    "a name that a reset would refuse": (
        {"state": with_rows(row("Ghost", 3))},
        {("position_undeclared", "Ghost", "error")},
    ),
    "a name that a reset would keep": (
        {"state": with_rows(row("Handler", 3, SUBSCRIPTIONS))},
        {("position_undeclared", "Handler", "warning")},
    ),
    "a declared subscription": ({"state": with_rows(row("Mailer", 3, SUBSCRIPTIONS))}, set()),
    "no table of positions": (
        {"state": also(in_database(checkpoint_tables=(VERSIONS,)))},
        {("checkpoints_missing", "log.subscriptions", "error")},
    ),
    "an optional table of positions": ({"state": also(in_database(checkpoint_tables=(SUBSCRIPTIONS,)))}, set()),
    "a declared table that is not there": (
        {"state": also(without_relation("stats.counters"))},
        {("projector_table_missing", "stats.counters", "error")},
    ),
    "something to be read that is not there": (
        {"manifest": replace(GUARDED, projectors=projecting(reading("Loans", "stats.counter")).projectors)},
        {("projector_read_missing", "stats.counter", "error")},
    ),
    "a view that is read": (
        {
            "manifest": replace(GUARDED, projectors=projecting(reading("Loans", "stats.v")).projectors),
            "state": also(with_relations(relation("stats.v", kind=RelationKind.VIEW))),
        },
        set(),
    ),
    "a declared table that is still to come": (
        {
            "state": also(without_relation("stats.counters")),
            "files": {**FILES, STATS: (*FILES[STATS], migration("0003_stats"))},
        },
        {("migrations_pending", STATS, "warning")},
    ),
    "rows that nobody rebuilds": (
        {"state": also(with_relations(relation("stats.more", rows=1)))},
        {("rebuilt_by_nobody", "stats.more", "warning")},
    ),
    "an empty table that nobody fills": (
        {"state": also(with_relations(relation("stats.more", rows=0)))},
        {("table_undeclared", "stats.more", "note")},
    ),
    "positions that look so": (
        {"seen": with_positions("Somebody")},
        {("checkpoints_undeclared", "members.offsets", "note")},
    ),
    "positions of another layout": (
        {"seen": with_positions("Somebody", layout="marten")},
        {("checkpoints_undeclared", "members.offsets", "warning")},
    ),
    "positions of a declared projector, where nobody declared them": (
        {"seen": with_positions("Somebody", "Loans")},
        {("checkpoints_undeclared", "members.offsets", "error")},
    ),
    "a projector that nothing remembers": (
        {"state": without_positions("Loans")},
        {("projector_without_checkpoint", "Loans", "warning"), ("lagging", "Loans", "warning")},
    ),
    "a projector that has never run": (
        {
            "state": also(
                with_relations(relation("reading.loans", rows=0), relation("reading.fines", rows=0)),
                state=without_positions("Loans"),
            )
        },
        {("projector_without_checkpoint", "Loans", "note"), ("lagging", "Loans", "warning")},
    ),
    "rows that migrations insert": (
        {"state": also(with_relations(relation("stats.more", rows=1)), seeded(STATS, "more"))},
        set(),
    ),
    "rows of a permanent table": ({"state": also(with_relations(relation("members.more", rows=1)))}, set()),
    "a table that may not be read": (
        {"seen": replace(SEEN, unseen=(TableName(LOG, "streams"),))},
        {("not_seen", "log.streams", "note")},
    ),
    "no look at our own records": (
        {
            "seen": replace(SEEN, unseen=(TableName("balados_db", "structure"),)),
            "state": also(in_schema(STATS, **unrecorded), in_database(missing_additions=("1001_more.sql",))),
        },
        {("not_seen", "balados_db.structure", "note")},
    ),
}


@pytest.mark.parametrize(("facts", "expected"), CASES.values(), ids=CASES)
def test_verify_finds(facts: dict[str, Any], expected: set[tuple[str, str, str]]) -> None:
    """Each with its code, its subject and its weight."""
    assert judged(**facts) == expected


@pytest.mark.parametrize(("facts", "expected"), CASES.values(), ids=CASES)
def test_every_finding_has_words_and_a_cure(facts: dict[str, Any], expected: set[tuple[str, str, str]]) -> None:
    """Nobody is told of a trouble without being told what to do."""
    given = {"state": STATE, "manifest": GUARDED, "files": FILES, "seen": SEEN, **facts}

    assert [f for f in judge(**given) if not (f.message and f.cure)] == []


def test_everything_that_status_finds_is_found() -> None:
    """Nothing that `status --check` says is left out."""
    state = also(in_schema(STATS, **drifted), in_database(head=9, undeclared=("elsewhere",)))

    assert set(assess(state, GUARDED, FILES).findings) <= set(judge(state, GUARDED, FILES, SEEN))
    assert len(assess(state, GUARDED, FILES).findings) == 5


def test_an_empty_server_breaks_nothing() -> None:
    """Everything is missing, and nobody is blamed for what is to come."""
    assert {code for code, _, _ in judged(EMPTY_SERVER, Inspection())} == {
        "schema_missing",
        "migrations_pending",
        "event_store_missing",
    }


def test_what_was_looked_at_is_counted() -> None:
    """The one line of a healthy database says how much that was."""
    counted = checked(STATE, GUARDED)

    assert (counted.schemas, counted.tables, counted.migrations) == (5, 11, 8)
    assert (counted.projectors, counted.positions, counted.guards) == (3, 6, 2)


def test_what_cannot_be_read_is_not_judged() -> None:
    """A schema without its history, a table of positions: the manifest that is judged does without."""
    unseen = (TableName(STATS, "_yoyo_migration"), SUBSCRIPTIONS)
    rest = visible(GUARDED, unseen, ("_yoyo_migration",))

    assert STATS not in [s.name for s in rest.schemas]
    assert [c.table for c in rest.checkpoints] == [VERSIONS]
    assert rest.event_store
    assert rest.event_store.layout
    assert rest.event_store.layout.liveness is None
    assert visible(GUARDED, (), ("_yoyo_migration",)) == GUARDED


# ── strangers ────────────────────────────────────────────────────────────────────────────────────────────

MADE = {
    "relation loans": "r",
    "column loans.id": "bigint",
    "constraint loans.loans_pkey": "PRIMARY KEY (id)",
    "index loans.loans_pkey": "…",
    "sequence loans_id_seq": "bigint",
    "function overdue(bigint)": "…",
    "trigger loans.remind": "…",
}
ADDED = {
    "relation stray": "r",
    "column stray.id": "bigint",
    "index stray.stray_pkey": "…",
    "trigger stray.watch": "…",
    "sequence stray_id_seq": "bigint",
    "trigger loans.watch": "…",
    "policy loans.mine": "…",
    "type mood": "e",
}
TEXTS = ("CREATE TABLE reading.loans (id bigserial);", 'create function overdue… create trigger "remind" …')
OWNED = {"loans_id_seq", "stray_id_seq"}


def test_what_no_migration_mentions_is_strange() -> None:
    """Tables, types, triggers, policies; parts of a strange table go with it, names that the server chose are nobody's."""
    found = unmentioned({**MADE, **ADDED}, TEXTS, OWNED)

    assert set(found) == {"relation stray", "trigger loans.watch", "policy loans.mine", "type mood"}
    assert unmentioned(MADE, TEXTS, OWNED) == ()


def test_without_the_strangers_the_structure_is_what_it_was() -> None:
    """So that its digest proves that nothing else is different."""
    found = unmentioned({**MADE, **ADDED}, TEXTS, OWNED)

    assert without({**MADE, **ADDED}, found, OWNED) == MADE
