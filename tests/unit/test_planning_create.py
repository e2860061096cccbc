"""From nothing to ready: what is missing is made, what is there stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from balados_db import errors
from balados_db.model import DatabaseState, Manifest, Migration
from balados_db.planning.create import plan_create, plan_init
from balados_db.planning.plan import Plan
from balados_db.planning.steps import InstallEventStore
from tests.unit.builders import (
    EMPTY_SERVER,
    FILES,
    FRESH,
    LAYOUT,
    LOG,
    MANIFEST,
    MEMBERS,
    PLAIN,
    READING,
    STATE,
    STATS,
    also,
    declaring,
    in_database,
    in_identity,
    in_schema,
    migration,
    missing,
    session,
    step_ids,
)

INSTALL = ("0001_tables.sql", "1001_more.sql")
SCHEMAS = (*PLAIN, LOG)
CREATED = tuple(f"create_schema:{name}" for name in SCHEMAS)
MADE = ("create_schema", "apply_migrations", "record_structure")
MIGRATED = tuple(f"{step}:{name}" for name in PLAIN for step in MADE)

CREATES = {
    "no database": (EMPTY_SERVER, None, ("create_database", *CREATED)),
    "an empty database": (FRESH, None, CREATED),
    "one schema is missing": (also(missing(STATS)), None, ("create_schema:stats",)),
    "everything is there": (STATE, None, ()),
    "one schema that was asked for": (FRESH, (READING,), ("create_schema:reading",)),
    "one schema that is there already": (STATE, (READING,), ()),
}


@pytest.mark.parametrize(("state", "schemas", "steps"), CREATES.values(), ids=CREATES)
def test_create_is_planned_as(state: DatabaseState, schemas: tuple[str, ...] | None, steps: tuple[str, ...]) -> None:
    """Only what is missing is created; planning again afterwards would find nothing to do."""
    plan = plan_create(state, MANIFEST, "club", schemas)

    assert step_ids(plan) == steps
    assert plan.phrase is None


def test_the_database_is_a_phase_of_its_own() -> None:
    """CREATE DATABASE cannot be in a transaction; the schemas can."""
    plan = plan_create(EMPTY_SERVER, MANIFEST, "club")

    assert [(phase.atomic, len(phase.steps)) for phase in plan.phases] == [(False, 1), (True, len(SCHEMAS))]


def test_a_database_with_any_name_is_created() -> None:
    """The name comes from the URL, not from the manifest."""
    assert plan_create(EMPTY_SERVER, MANIFEST, 'we"ird').steps[0].summary == 'create database we"ird'


@dataclass(frozen=True, kw_only=True)
class Row:
    """A database, the install files, and the steps of `init`."""

    id: str
    steps: tuple[str, ...]
    state: DatabaseState = STATE
    manifest: Manifest = MANIFEST
    files: Mapping[str, tuple[Migration, ...]] = field(default_factory=lambda: FILES)
    install: tuple[str, ...] = INSTALL

    def plan(self, command: str = "init") -> Plan:
        """Plan it."""
        return plan_init(self.state, self.manifest, self.files, self.install, command)


NO_STORE = also(in_database(event_store=False, event_store_tables=()))
LIBRARY_INSTALLS = declaring(LOG, install=None)

ROWS = (
    Row(id="everything is there", steps=()),
    Row(
        id="an empty database",
        state=FRESH,
        steps=("create_records", "create_schema:log", "install_event_store:log", *MIGRATED),
    ),
    Row(
        id="after `create`",
        state=also(*(in_schema(name, applied=(), record=None, relations=()) for name in SCHEMAS), state=NO_STORE),
        steps=(
            "install_event_store:log",
            *(f"{step}:{name}" for name in PLAIN for step in ("apply_migrations", "record_structure")),
        ),
    ),
    Row(id="only the event store is missing", state=NO_STORE, steps=("install_event_store:log",)),
    Row(
        id="a store that its own library made gets what ours adds",
        state=also(in_database(missing_additions=INSTALL[1:])),
        steps=("add_to_event_store:log",),
    ),
    Row(
        id="a store that its own library installs is not ours to make",
        state=NO_STORE,
        manifest=LIBRARY_INSTALLS,
        install=(),
        steps=(),
    ),
    Row(
        id="a pending migration",
        files={**FILES, STATS: (*FILES[STATS], migration("0003_stats"))},
        steps=("apply_migrations:stats", "record_structure:stats"),
    ),
    Row(
        id="a schema without migrations is created",
        state=also(missing(STATS)),
        manifest=declaring(STATS, migrations=None),
        files={k: v for k, v in FILES.items() if k != STATS},
        steps=("create_schema:stats",),
    ),
    Row(
        id="no event store is declared",
        state=FRESH,
        manifest=Manifest(file=MANIFEST.file, schemas=MANIFEST.schemas[:1]),
        install=(),
        steps=("create_records", "create_schema:members", "apply_migrations:members", "record_structure:members"),
    ),
)
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


@every_row
def test_init_is_planned_as(row: Row) -> None:
    """The store first, since migrations may lean on it; then what is pending."""
    assert step_ids(row.plan()) == row.steps


@every_row
def test_up_is_init_under_another_name(row: Row) -> None:
    """In a database that exists `up` does what `init` does."""
    assert step_ids(row.plan("up")) == step_ids(row.plan("init"))
    assert row.plan("up").command == "up"


@every_row
def test_init_destroys_nothing_and_is_one_transaction(row: Row) -> None:
    """No phrase is needed, and a failure leaves nothing half made."""
    plan = row.plan()

    assert plan.phrase is None
    assert not any(step.destroys for step in plan.steps)
    assert [phase.atomic for phase in plan.phases] == [True] * len(plan.phases)
    assert len(plan.phases) <= 1


def test_the_store_is_installed_with_every_file() -> None:
    """What is installed anew gets the additions as well."""
    plan = Row(id="", steps=(), state=NO_STORE).plan()

    assert [s.files for s in plan.steps if isinstance(s, InstallEventStore)] == [INSTALL]


def test_a_file_that_cannot_be_in_a_transaction_comes_after_the_store() -> None:
    """The event store is made in the transaction before it."""
    files = {**FILES, MEMBERS: (migration("0001_members", transactional=False),)}
    plan = Row(id="", steps=(), state=FRESH, files=files).plan()

    assert plan.phases[0].steps[2].id == "install_event_store:log"
    assert [phase.atomic for phase in plan.phases[:2]] == [True, False]


def test_a_store_that_is_still_to_come_is_said() -> None:
    """Where the application's library installs the store, the plan says that it is not there yet."""
    assert any(LOG in text for text in ROWS[5].plan().warnings)
    assert Row(id="", steps=(), manifest=LIBRARY_INSTALLS, install=()).plan().warnings == ()


REFUSALS = {
    "a part of a store": (
        Row(id="", steps=(), state=also(in_database(event_store=False, event_store_tables=LAYOUT.proof[:1]))),
        errors.UnknownEventStore,
        "events, subscriptions",
    ),
    "an install directory without SQL": (
        Row(id="", steps=(), state=NO_STORE, install=()),
        errors.InstallSqlMissing,
        "/club/log",
    ),
    "an edited migration": (
        Row(id="", steps=(), files={**FILES, STATS: (migration("0001_stats", "select 2;\n"), FILES[STATS][1])}),
        errors.MigrationEdited,
        "0001_stats",
    ),
    "a missing file": (
        Row(id="", steps=(), files={**FILES, STATS: FILES[STATS][1:]}),
        errors.MigrationFileMissing,
        "0001_stats",
    ),
}


@pytest.mark.parametrize(("row", "error", "says"), REFUSALS.values(), ids=REFUSALS)
def test_init_is_refused_for(row: Row, error: type[errors.BaladosDbError], says: str) -> None:
    """Half a store is nobody's to finish, and a history that disagrees is nobody's to continue."""
    with pytest.raises(error) as caught:
        row.plan()

    assert says in caught.value.message


def test_the_digest_is_of_this_database() -> None:
    """Sessions do not count, the database does."""
    plan = plan_create(FRESH, MANIFEST, "club")

    assert plan_create(also(in_database(sessions=(session(),)), state=FRESH), MANIFEST, "club").digest == plan.digest
    assert plan_create(also(in_identity(database_oid=1), state=FRESH), MANIFEST, "club").digest != plan.digest
