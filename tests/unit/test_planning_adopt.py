"""Adopting notes migrations as applied without running them, and only where nothing differs unsaid."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from balados_db import errors
from balados_db.model import DatabaseState, Migration
from balados_db.planning.adopt import Comparison, Difference, adopted, plan_adopt
from balados_db.planning.plan import Plan
from balados_db.planning.steps import MarkApplied
from tests.unit.builders import (
    BOARD,
    FILES,
    READING,
    STATE,
    STATS,
    also,
    in_database,
    in_identity,
    in_schema,
    migration,
    session,
    step_ids,
)

FOREIGN = also(*(in_schema(name, applied=(), record=None, history=False) for name in (READING, BOARD, STATS)))
SAME = Comparison(schema=STATS, structure="sha256:made", seeded=("kinds",))
COLUMN = Difference(kind="extra", name="stats: column counters.note", there="text")
INDEX = Difference(kind="missing", name="stats: index counters_by_day", expected="(day)")
DIFFERENT = Comparison(schema=STATS, structure="sha256:made", differences=(COLUMN, INDEX))


def planned(
    *comparisons: Comparison,
    state: DatabaseState = FOREIGN,
    to: str | None = None,
    accept: tuple[str, ...] = (),
    files: Mapping[str, tuple[Migration, ...]] = FILES,
) -> Plan:
    return plan_adopt(state, files, comparisons, to=to, accept=accept)


def marked(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {s.schema: s.migrations for s in plan.steps if isinstance(s, MarkApplied)}


PLANS = {
    "the same structure": (planned(SAME), ("mark_applied:stats",)),
    "our own records first": (
        planned(SAME, state=also(in_database(own_schema=False), state=FOREIGN)),
        ("create_records", "mark_applied:stats"),
    ),
    "several schemas in one transaction": (
        planned(SAME, Comparison(schema=READING, structure="sha256:r")),
        ("mark_applied:stats", "mark_applied:reading"),
    ),
    "differences that were accepted by name": (
        planned(DIFFERENT, accept=(COLUMN.name, INDEX.name)),
        ("mark_applied:stats",),
    ),
}


@pytest.mark.parametrize(("plan", "steps"), PLANS.values(), ids=PLANS)
def test_adopt_is_planned_as(plan: Plan, steps: tuple[str, ...]) -> None:
    """One note a schema, nothing is run, nothing is destroyed."""
    assert step_ids(plan) == steps
    assert plan.phrase is None
    assert not any(step.destroys for step in plan.steps)
    assert len(plan.phases) == 1


def test_every_migration_is_noted() -> None:
    """Without --to the whole directory counts as applied."""
    assert marked(planned(SAME)) == {STATS: ("0001_stats", "0002_stats")}


def test_only_migrations_up_to_the_named_one_are_noted() -> None:
    """What comes after --to stays pending."""
    assert marked(planned(SAME, to="0001_stats")) == {STATS: ("0001_stats",)}


def test_what_the_migrations_would_make_is_recorded() -> None:
    """The structure that is recorded is the migrations', so that an accepted difference goes on being drift."""
    (step,) = (s for s in planned(DIFFERENT, accept=(COLUMN.name, INDEX.name)).steps if isinstance(s, MarkApplied))

    assert step.structure == "sha256:made"
    assert step.accepted == (COLUMN.name, INDEX.name)


def test_tables_that_migrations_fill_are_recorded() -> None:
    """A later reset knows that emptying would not be enough."""
    (step,) = (s for s in planned(SAME).steps if isinstance(s, MarkApplied))

    assert step.seeded == ("kinds",)


def test_accepted_differences_are_said() -> None:
    """The plan warns that status will go on calling them drift."""
    assert planned(SAME).warnings == ()
    assert any("2 accepted" in text for text in planned(DIFFERENT, accept=(COLUMN.name, INDEX.name)).warnings)


def test_a_difference_that_nobody_accepted_is_refused() -> None:
    """Only the open ones are counted and listed, each by the name that --accept takes."""
    with pytest.raises(errors.DifferencesFound) as caught:
        planned(DIFFERENT, accept=(COLUMN.name,))

    assert caught.value.facts["count"] == 1
    assert [o["identity"] for o in caught.value.facts["objects"]] == [INDEX.name]
    assert caught.value.facts["differences"][0]["expected"] == "(day)"


def test_accepting_takes_the_whole_name() -> None:
    """No prefix and no other schema's difference is accepted by accident."""
    with pytest.raises(errors.DifferencesFound) as caught:
        planned(DIFFERENT, accept=("stats: column", "column counters.note"))

    assert caught.value.facts["count"] == 2


def test_a_schema_with_a_history_is_refused() -> None:
    """Whoever has applied migrations needs `migrate`, not this."""
    with pytest.raises(errors.NothingToAdopt) as caught:
        planned(SAME, state=STATE)

    assert "migrate --schema stats" in caught.value.hint


def test_an_unknown_migration_is_refused() -> None:
    """--to names a migration of the schema, and the message says which is the last."""
    with pytest.raises(errors.UsageError) as caught:
        adopted(FILES[STATS], "0009_stats")

    assert "0009_stats" in caught.value.message
    assert "0002_stats" in caught.value.hint


def test_an_unknown_migration_of_an_empty_directory_is_refused() -> None:
    """There is no last one to name."""
    with pytest.raises(errors.UsageError, match="0001_x"):
        adopted((), "0001_x")


def test_the_digest_is_of_what_matters() -> None:
    """Files and structure count, sessions do not."""
    digest = planned(SAME).digest

    assert planned(SAME).digest == digest
    assert planned(SAME, state=also(in_database(sessions=(session(),)), state=FOREIGN)).digest == digest
    assert planned(SAME, state=also(in_identity(database_oid=1), state=FOREIGN)).digest != digest
    assert planned(SAME, state=also(in_schema(STATS, structure="new"), state=FOREIGN)).digest != digest
    edited = {**FILES, STATS: (FILES[STATS][0], migration("0002_stats", "select 2;\n"))}
    assert planned(SAME, files=edited).digest != digest
