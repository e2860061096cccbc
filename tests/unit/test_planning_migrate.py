"""A migration's plan: exactly what is pending, in one transaction where that can be, and no lie about history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from balados_db import errors
from balados_db.model import AppliedMigration, DatabaseState, Manifest, Migration, SchemaKind
from balados_db.planning.migrate import plan_migrate
from balados_db.planning.plan import Danger, Plan
from balados_db.planning.steps import AddToEventStore, ApplyMigrations
from tests.unit.builders import (
    BOARD,
    FILES,
    FRESH,
    LOG,
    MANIFEST,
    PLAIN,
    PLAIN_YOYO,
    READING,
    STATE,
    STATS,
    Change,
    also,
    applied,
    in_database,
    in_identity,
    in_schema,
    migration,
    missing,
    relation,
    session,
    step_ids,
    with_relations,
)

THIRD = migration("0003_stats")
ALONE = migration("0004_stats", transactional=False)
LAST = migration("0005_stats")
PENDING = {**FILES, STATS: (*FILES[STATS], THIRD)}
STRADDLING = {**FILES, STATS: (*FILES[STATS], THIRD, ALONE, LAST)}
NOT_TRANSACTIONAL = {**FILES, STATS: (*FILES[STATS], ALONE)}
BEFORE = {**FILES, STATS: (migration("0000_stats"), *FILES[STATS])}
RECORDLESS = in_database(own_schema=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request and a database; the phases as `|`-separated step ids, `!` before one that is not atomic."""

    id: str
    phases: str
    state: DatabaseState = STATE
    manifest: Manifest = MANIFEST
    files: Mapping[str, tuple[Migration, ...]] = field(default_factory=lambda: FILES)
    schemas: tuple[str, ...] = PLAIN
    store: bool = True

    def plan(self, *changes: Change) -> Plan:
        """Plan it; with changes, in a database that differs by them."""
        state = also(*changes, state=self.state)
        return plan_migrate(state, self.manifest, self.files, self.schemas, store=self.store)


def phases(plan: Plan) -> str:
    """The phases in the notation of a row."""
    return " | ".join(("" if p.atomic else "! ") + " ".join(s.id for s in p.steps) for p in plan.phases)


ROWS = (
    Row(id="nothing is pending", phases=""),
    Row(id="nothing is pending, and nothing is recorded: nothing is made", state=also(RECORDLESS), phases=""),
    Row(id="one is pending", files=PENDING, phases="apply_migrations:stats record_structure:stats"),
    Row(
        id="the first run makes our own records",
        files=PENDING,
        state=also(RECORDLESS),
        phases="create_records apply_migrations:stats record_structure:stats",
    ),
    Row(
        id="an empty database: every schema, in the manifest's order, in one transaction",
        state=FRESH,
        phases="create_records "
        + " ".join(f"create_schema:{n} apply_migrations:{n} record_structure:{n}" for n in PLAIN),
    ),
    Row(
        id="only the schemas that were asked for",
        state=FRESH,
        schemas=(BOARD,),
        phases="create_records create_schema:board apply_migrations:board record_structure:board",
    ),
    Row(
        id="a missing schema without a migration is created",
        state=also(missing(STATS)),
        files={**FILES, STATS: ()},
        phases="create_schema:stats",
    ),
    Row(
        id="a file outside a transaction stands alone between what can be in one",
        files=STRADDLING,
        phases="apply_migrations:stats | ! apply_migrations:stats | apply_migrations:stats record_structure:stats",
    ),
    Row(
        id="a file outside a transaction alone; records are made before it",
        files=NOT_TRANSACTIONAL,
        state=also(RECORDLESS),
        phases="create_records | ! apply_migrations:stats | record_structure:stats",
    ),
    Row(
        id="one that is out of order is applied all the same",
        files=BEFORE,
        phases="apply_migrations:stats record_structure:stats",
    ),
    Row(
        id="plain yoyo migrated: only our record is missing",
        state=also(in_schema(STATS, applied=PLAIN_YOYO, record=None)),
        phases="record_structure:stats",
    ),
    Row(
        id="what the install SQL adds to the event store",
        state=also(in_database(missing_additions=("1001_more.sql",))),
        phases="add_to_event_store:log",
    ),
    Row(
        id="additions come before migrations",
        state=also(RECORDLESS, in_database(missing_additions=("1001_more.sql",))),
        files=PENDING,
        phases="create_records add_to_event_store:log apply_migrations:stats record_structure:stats",
    ),
    Row(
        id="no additions when the store was not asked for",
        state=also(in_database(missing_additions=("1001_more.sql",))),
        store=False,
        phases="",
    ),
    Row(
        id="no additions to a store that is not there",
        state=also(in_database(missing_additions=("1001_more.sql",), event_store=False)),
        phases="",
    ),
    Row(
        id="no additions without a declared store",
        state=also(in_database(missing_additions=("1001_more.sql",))),
        manifest=replace(MANIFEST, schemas=tuple(s for s in MANIFEST.schemas if s.name != LOG)),
        phases="",
    ),
)
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


@every_row
def test_migrate_is_planned_as(row: Row) -> None:
    """Every database has exactly these steps, in these transactions."""
    assert phases(row.plan()) == row.phases


def test_only_what_is_pending_is_applied() -> None:
    """Applied migrations are left alone, pending ones come in the files' order."""
    plan = Row(id="", phases="", files=STRADDLING).plan()
    steps = [step for step in plan.steps if isinstance(step, ApplyMigrations)]

    assert [step.migrations for step in steps] == [("0003_stats",), ("0004_stats",), ("0005_stats",)]


def test_neighbours_share_a_transaction() -> None:
    """Two pending files are one step."""
    plan = Row(id="", phases="", files={**FILES, STATS: (*FILES[STATS], THIRD, LAST)}).plan()

    assert [s.migrations for s in plan.steps if isinstance(s, ApplyMigrations)] == [("0003_stats", "0005_stats")]


def test_additions_name_their_files() -> None:
    """The plan says which install files run."""
    plan = Row(id="", phases="", state=also(in_database(missing_additions=("1001_more.sql",)))).plan()

    assert [s.files for s in plan.steps if isinstance(s, AddToEventStore)] == [("1001_more.sql",)]


def test_what_is_out_of_order_is_said() -> None:
    """A file that stands before applied ones may not mean what its author thinks: the plan warns."""
    assert ROWS[0].plan().warnings == ()
    assert any("0000_stats" in text for text in Row(id="", phases="", files=BEFORE).plan().warnings)


def test_a_migration_that_holds_nothing_yet_is_said() -> None:
    """Whoever runs `up` between `new` and writing the file would never see its content applied."""
    empty = migration("0003_stats", "-- stats\n\n")
    applied = {**FILES, STATS: (FILES[STATS][0], replace(FILES[STATS][1], source=""))}

    assert any("0003_stats holds no statement" in text for text in warned({**FILES, STATS: (*FILES[STATS], empty)}))
    assert warned({**FILES, STATS: (*FILES[STATS], THIRD)}) == warned(applied) == ()


def warned(files: Mapping[str, tuple[Migration, ...]]) -> tuple[str, ...]:
    """What a plan of these files warns of."""
    return Row(id="", phases="", files=files).plan().warnings


@pytest.mark.parametrize(("kind", "anew"), [(SchemaKind.PROJECTION, True), (SchemaKind.PERMANENT, False)])
def test_only_a_projection_can_be_made_anew(kind: SchemaKind, anew: bool) -> None:
    """What exists nowhere else is not to be reset because somebody edited a file, or lost one."""
    schemas = tuple(replace(s, kind=kind) if s.name == STATS else s for s in MANIFEST.schemas)
    for files in (EDITED, GONE):
        with pytest.raises(errors.MigrationEdited) as caught:
            plan_migrate(STATE, replace(MANIFEST, schemas=schemas), files, PLAIN)

        assert (f"reset --schema {STATS}" in caught.value.hint) is anew
        assert ("reset" in caught.value.next_actions[0]) is anew


EDITED = {**FILES, STATS: (migration("0001_stats", "select 2;\n"), FILES[STATS][1])}
GONE = {**FILES, STATS: FILES[STATS][1:]}
REFUSALS = {
    "an applied file was edited": (EDITED, STATE, errors.MigrationEdited, "0001_stats"),
    "an applied file is gone": (GONE, STATE, errors.MigrationFileMissing, "0001_stats"),
    "edited, even where another one is pending": (
        {**EDITED, STATS: (*EDITED[STATS], THIRD)},
        STATE,
        errors.MigrationEdited,
        "0001_stats",
    ),
    "edited in one schema, pending in another": (
        {**EDITED, READING: (*FILES[READING], migration("0003_reading"))},
        STATE,
        errors.MigrationEdited,
        "0001_stats",
    ),
}


@pytest.mark.parametrize(("files", "state", "error", "says"), REFUSALS.values(), ids=REFUSALS)
def test_migrate_is_refused_when(
    files: Mapping[str, tuple[Migration, ...]], state: DatabaseState, error: type[errors.UsageError], says: str
) -> None:
    """Where files and history disagree nothing is applied at all, and the message names the file."""
    with pytest.raises(error) as caught:
        plan_migrate(state, MANIFEST, files, PLAIN)

    assert says in caught.value.message
    assert STATS in caught.value.message


def test_behind_a_pooler_nothing_runs_outside_a_transaction() -> None:
    """Each statement of such a file would reach another session; what can be one transaction is planned as ever."""
    state = also(in_identity(pooled=True))

    with pytest.raises(errors.NeedsOwnSession, match="0004_stats"):
        plan_migrate(state, MANIFEST, STRADDLING, PLAIN)
    assert step_ids(plan_migrate(state, MANIFEST, {**FILES, STATS: (*FILES[STATS], THIRD)}, PLAIN))


def test_a_disagreement_elsewhere_does_not_hinder_one_schema() -> None:
    """`migrate --schema` looks at that schema alone."""
    files = {**EDITED, READING: (*FILES[READING], migration("0003_reading"))}

    assert step_ids(plan_migrate(STATE, MANIFEST, files, [READING])) == (
        "apply_migrations:reading",
        "record_structure:reading",
    )


def test_plain_yoyo_keeps_no_checksum_so_nothing_counts_as_edited() -> None:
    """History without checksums is believed by name."""
    state = also(in_schema(STATS, applied=PLAIN_YOYO))

    assert plan_migrate(state, MANIFEST, EDITED, PLAIN).is_empty


def test_a_renamed_history_is_matched_by_the_hash_of_the_name() -> None:
    """yoyo identifies a migration by its hash: the id column is for people."""
    renamed = tuple(AppliedMigration(id="?", hash=m.hash, checksum=m.checksum) for m in FILES[STATS])

    assert plan_migrate(also(in_schema(STATS, applied=renamed)), MANIFEST, FILES, PLAIN).is_empty


@every_row
def test_migrating_destroys_nothing(row: Row) -> None:
    """No step destroys, so no phrase is asked for."""
    plan = row.plan()

    assert not any(step.destroys for step in plan.steps)
    assert (plan.phrase, plan.danger, plan.destroys) == (None, Danger.NONE, ())


@every_row
def test_applying_is_recorded(row: Row) -> None:
    """Whoever gets migrations gets its new structure recorded, after the last of them."""
    ids = list(step_ids(row.plan()))
    for name in {i.partition(":")[2] for i in ids if i.startswith("apply_migrations")}:
        last = max(n for n, i in enumerate(ids) if i == f"apply_migrations:{name}")
        assert f"record_structure:{name}" in ids[last:]


@every_row
def test_the_digest_is_of_what_matters(row: Row) -> None:
    """Planning twice gives one digest; rows and sessions are not in it, another database is."""
    digest = row.plan().digest

    assert row.plan().digest == digest
    assert row.plan(in_database(sessions=(session(),), head=99)).digest == digest
    if row.state.schemas:
        assert row.plan(with_relations(relation("reading.loans", rows=10_000, bytes=1))).digest == digest
    assert row.plan(in_identity(database_oid=1)).digest != digest


def test_the_content_of_what_is_pending_is_in_the_digest() -> None:
    """Editing a file between the plan and the run makes the plan stale."""
    row = Row(id="", phases="", files=PENDING)
    edited = replace(row, files={**FILES, STATS: (*FILES[STATS], migration("0003_stats", "drop table x;\n"))})

    assert step_ids(edited.plan()) == step_ids(row.plan())
    assert edited.plan().digest != row.plan().digest


def test_somebody_elses_run_makes_the_plan_stale() -> None:
    """When another run has applied it meanwhile, the plan is another."""
    row = Row(id="", phases="", files=PENDING)
    meanwhile = in_schema(STATS, applied=applied(*PENDING[STATS]))

    assert row.plan(meanwhile).digest != row.plan().digest
