"""Taking migrations back destroys: of a projection it is a reset of that schema, of permanent data it is worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pytest

from balados_db import errors
from balados_db.migration_files import read_migrations
from balados_db.model import CheckpointState, DatabaseState, Manifest, Migration, RelationKind, Ties
from balados_db.planning.plan import Danger, Plan
from balados_db.planning.refusals import Obstacles
from balados_db.planning.rollback import RollbackRequest, plan_rollback, shape_rollback
from balados_db.planning.steps import CapturePreserved, RefreshViews, RollBackMigrations
from tests.unit.builders import (
    BOARD,
    FILES,
    LOG,
    MANIFEST,
    MEMBERS,
    STATE,
    STATS,
    SUBSCRIPTIONS,
    VERSIONS,
    Change,
    also,
    applied,
    emptied,
    forgotten,
    in_database,
    in_identity,
    in_schema,
    live,
    migration,
    outsider,
    relation,
    session,
    step_ids,
    table,
    with_relations,
)

FORGET = "forget_checkpoints:log.subscriptions forget_checkpoints:log.projection_versions"
TAIL = "prove_preserved write_receipt"
THREE = (*FILES[STATS], migration("0003_stats"))
THREE_FILES = {**FILES, STATS: THREE}
THREE_APPLIED = also(in_schema(STATS, applied=applied(*THREE)))
IN_PYTHON = replace(migration("0002_stats"), path=Path("/club/stats/0002_stats.py"), rollback=None)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request and a database; the steps, and the migrations that are taken back, in that order."""

    id: str
    request: RollbackRequest = field(default_factory=lambda: RollbackRequest(schema=STATS))
    steps: str = ""
    takes_back: str = ""
    state: DatabaseState = STATE
    manifest: Manifest = MANIFEST
    files: Mapping[str, tuple[Migration, ...]] = field(default_factory=lambda: FILES)
    obstacles: Obstacles = field(default_factory=Obstacles)

    def plan(self, *changes: Change) -> Plan:
        """Plan it; with changes, in a database that differs by them."""
        state = also(*changes, state=self.state)
        shape = shape_rollback(state, self.manifest, self.files, self.request)
        return plan_rollback(state, self.manifest, self.files, self.request, shape, self.obstacles)


PROJECTION = f"capture_preserved empty_tables {FORGET} roll_back_migrations:stats record_structure:stats {TAIL}"
PERMANENT = f"capture_preserved roll_back_migrations:members record_structure:members {TAIL}"

ROWS = (
    Row(id="a projection, one step back: rows and positions go as well", steps=PROJECTION, takes_back="0002_stats"),
    Row(
        id="back to the first",
        request=RollbackRequest(schema=STATS, to="0001_stats"),
        state=THREE_APPLIED,
        files=THREE_FILES,
        steps=PROJECTION,
        takes_back="0003_stats 0002_stats",
    ),
    Row(
        id="one step back of three",
        state=THREE_APPLIED,
        files=THREE_FILES,
        steps=PROJECTION,
        takes_back="0003_stats",
    ),
    Row(
        id="--with-dependents: a projector's tables elsewhere are emptied",
        request=RollbackRequest(schema=BOARD, with_dependents=True),
        steps=PROJECTION.replace(STATS, BOARD),
        takes_back="0002_board",
    ),
    Row(
        id="permanent data: no table is emptied, no position forgotten",
        request=RollbackRequest(schema=MEMBERS),
        steps=PERMANENT,
        takes_back="0002_members",
    ),
    Row(
        id="our own records are made where there are none",
        request=RollbackRequest(schema=MEMBERS),
        state=also(in_database(own_schema=False)),
        steps=f"create_records {PERMANENT}",
        takes_back="0002_members",
    ),
    Row(
        id="a Python migration carries its own way back",
        files={**FILES, STATS: (FILES[STATS][0], IN_PYTHON)},
        steps=PROJECTION,
        takes_back="0002_stats",
    ),
    Row(
        id="a missing rollback file of what stays does not matter",
        files={**FILES, STATS: (replace(FILES[STATS][0], rollback=None), FILES[STATS][1])},
        steps=PROJECTION,
        takes_back="0002_stats",
    ),
    Row(
        id="a projection in production",
        state=also(in_identity(environment="production")),
        steps=PROJECTION,
        takes_back="0002_stats",
    ),
    Row(id="back to the last one: nothing to do", request=RollbackRequest(schema=STATS, to="0002_stats")),
    Row(id="nothing is applied: nothing to do", state=also(in_schema(STATS, applied=()))),
    Row(id="an event store has no migrations: nothing to do", request=RollbackRequest(schema=LOG)),
)
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


@every_row
def test_a_rollback_is_planned_as(row: Row) -> None:
    """Exactly these steps, and exactly these migrations, newest first."""
    plan = row.plan()

    assert step_ids(plan) == tuple(row.steps.split())
    taken = [s.migrations for s in plan.steps if isinstance(s, RollBackMigrations)]
    assert taken == ([tuple(row.takes_back.split())] if row.takes_back else [])


@every_row
def test_what_destroys_has_the_phrase_of_its_kind(row: Row) -> None:
    """Taking back what made permanent tables needs the words for permanent data; nothing to do needs none."""
    plan = row.plan()
    permanent = row.request.schema == MEMBERS

    if plan.is_empty:
        assert plan.phrase is None
    else:
        assert plan.phrase == ("DELETE MEMBERS" if permanent else "DELETE")
        assert plan.danger is (Danger.DANGER if permanent else Danger.SAFE)
        assert plan.command == "rollback"


@every_row
def test_only_the_one_schema_is_touched(row: Row) -> None:
    """Every other schema is listed as kept; only --with-dependents empties tables elsewhere."""
    plan = row.plan()
    if plan.is_empty:
        return
    written = {row.request.schema, *(t.partition(".")[0] for t in emptied(plan))}

    assert {k.schema for k in plan.keeps if not k.partly} == {s.name for s in row.state.schemas} - written
    assert row.request.with_dependents or written == {row.request.schema}
    assert [s.recreated for s in plan.steps if isinstance(s, CapturePreserved)] == [(row.request.schema,)]


def test_rows_of_a_projection_are_listed_before_they_go() -> None:
    """A rollback file may drop any table of the schema, so all of them count as destroyed."""
    plan = ROWS[0].plan()

    assert [(d.schema, d.table, d.rows) for d in plan.destroys] == [(STATS, "counters", 10)]
    assert forgotten(plan) == {"Counter"}


def test_the_fence_keeps_the_schemas_projectors_out() -> None:
    """Whoever fills the schema must not live through it."""
    fence = ROWS[0].plan().fence

    assert (fence.class_table, fence.ids) == (SUBSCRIPTIONS, (13,))


@pytest.mark.parametrize("name", ["stats.best", "reading.best"], ids=["in the schema", "beside a table elsewhere"])
def test_a_materialized_view_does_not_go_on_showing_old_rows_unsaid(name: str) -> None:
    """Over emptied tables it is filled anew, or it is said to be stale."""
    row = Row(
        id="", request=RollbackRequest(schema=BOARD if name.startswith("reading") else STATS, with_dependents=True)
    )
    views = ((table(name), table("reading.privacy")),) if name.startswith("reading") else ()
    plan = row.plan(with_relations(relation(name, kind=RelationKind.MATVIEW)), in_database(ties=Ties(views=views)))
    refreshed = {str(view) for step in plan.steps if isinstance(step, RefreshViews) for view in step.views}

    assert name in refreshed | set(plan.stale)


REFUSALS = {
    "an id that is not applied": (
        Row(id="", request=RollbackRequest(schema=STATS, to="0009_stats")),
        errors.UsageError,
        "0009_stats",
    ),
    "an applied file that is gone": (
        Row(id="", files={**FILES, STATS: FILES[STATS][:1]}),
        errors.MigrationInvalid,
        "0002_stats",
    ),
    "no rollback file": (
        Row(id="", files={**FILES, STATS: (FILES[STATS][0], replace(FILES[STATS][1], rollback=None))}),
        errors.RollbackMissing,
        "0002_stats.rollback.sql",
    ),
    "permanent data in production": (
        Row(id="", request=RollbackRequest(schema=MEMBERS), state=also(in_identity(environment="production"))),
        errors.EnvironmentProtected,
        "production",
    ),
    "a live projector": (
        Row(id="", state=also(in_database(live=(live("Counter", 13),)))),
        errors.ProjectorsLive,
        "Counter",
    ),
    "a projector that must not be replayed": (
        Row(id="", manifest=replace(MANIFEST, subscriptions={"Counter": "never"})),
        errors.ReplayNever,
        "Counter",
    ),
    "a position that nobody declares": (
        Row(id="", state=also(in_database(checkpoints=(CheckpointState(table=VERSIONS, projector="Stranger"),)))),
        errors.UndeclaredPositions,
        "Stranger",
    ),
    "a projector that fills another schema too": (
        Row(id="", request=RollbackRequest(schema=BOARD)),
        errors.ProjectorAcrossScope,
        "reading.privacy",
    ),
    "a foreign key from outside": (
        Row(id="", obstacles=Obstacles(references=(outsider("members.favourites", "table"),))),
        errors.ReferencedFromOutside,
        "members.favourites",
    ),
    "no right to truncate": (
        Row(id="", state=also(in_schema(STATS, cannot_empty=("counters",)))),
        errors.EmptyImpossible,
        "counters",
    ),
    "a hidden event store": (Row(id="", state=also(in_database(store_in=(STATS,)))), errors.EventStoreInScope, STATS),
}


@pytest.mark.parametrize(("row", "error", "says"), REFUSALS.values(), ids=REFUSALS)
def test_a_rollback_is_refused_for(row: Row, error: type[errors.BaladosDbError], says: str) -> None:
    """What forbids a reset of the schema forbids this too; and no file is guessed."""
    with pytest.raises(error) as caught:
        row.plan()

    assert type(caught.value) is error
    assert says in caught.value.message


def test_a_refusal_offers_no_cure_that_rollback_does_not_have() -> None:
    """A hint is something that can be typed."""
    with pytest.raises(errors.ProjectorAcrossScope) as caught:
        REFUSALS["a projector that fills another schema too"][0].plan()

    has_it = "with_dependents" in {f.name for f in fields(RollbackRequest)}
    assert has_it or "--with-dependents" not in caught.value.hint


# ── the digest ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_digest_is_of_what_matters() -> None:
    """Rows and sessions move by themselves; structure, history and database do not."""
    row = ROWS[0]
    digest = row.plan().digest

    assert row.plan(with_relations(relation("stats.counters", rows=99, bytes=1))).digest == digest
    assert row.plan(in_database(sessions=(session(),), head=99)).digest == digest
    assert row.plan(in_identity(system_identifier="8")).digest != digest
    assert row.plan(in_schema(STATS, structure="new")).digest != digest
    assert replace(row, request=RollbackRequest(schema=STATS, to="0001_stats")).plan().digest == digest


def test_the_content_of_a_rollback_file_is_in_the_digest(tmp_path: Path) -> None:
    """What runs is the rollback file: editing it between the plan and the run makes the plan stale."""

    def plan(back: str) -> Plan:
        for n, id_ in enumerate(m.id for m in FILES[STATS]):
            (tmp_path / f"{id_}.sql").write_text(f"create table t{n} ();\n")
            (tmp_path / f"{id_}.rollback.sql").write_text(back)
        files = read_migrations(STATS, tmp_path)
        state = also(in_schema(STATS, applied=applied(*files)))
        return Row(id="", state=state, files={**FILES, STATS: files}).plan()

    assert plan("drop table t;\n").digest == plan("drop table t;\n").digest
    assert plan("drop table t;\n").digest != plan("drop table t cascade;\n").digest
