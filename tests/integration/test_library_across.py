"""The library over several databases: the same verbs, the same promises as the command's."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from balados_db import (
    Danger,
    Databases,
    NotConfirmed,
    Prepared,
    ProgressLine,
    StalePlan,
    UsageError,
    execute,
    load_manifest,
    plan_migrate,
    plan_reset,
    read_state,
    rebuild_status,
    rebuild_wait,
    status,
)
from balados_db.errors import AcrossDatabases, SameDatabase, TargetsDisagree, Unfinished
from tests import conftest
from tests.apart import (
    EVENTS,
    PROJECTED,
    Apart,
    Held,
    catch_up,
    copy,
    first_steps,
    gone,
    hashes,
    is_done,
    made,
    manifest_apart,
    open_journals,
)
from tests.apart import command as run_command
from tests.conftest import OURS, ROOT

EXAMPLE = ROOT / "examples" / "library" / "across.py"


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> object:
    """Nothing of this machine has a say, and nothing is ever said."""
    for name in [name for name in os.environ if name.startswith((*OURS, "EVENTS_URL"))]:
        monkeypatch.delenv(name)
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return manifest_apart(tmp_path_factory.mktemp("apart"))


@pytest.fixture(scope="module")
def template(new_database: Callable[..., conftest.Database], manifest: Path) -> Apart:
    return made(new_database, manifest)


@pytest.fixture
def apart(template: Apart, new_database: Callable[..., conftest.Database]) -> Apart:
    """A copy of them."""
    return copy(template, new_database)


@pytest.fixture
def databases(apart: Apart, manifest: Path) -> Databases:
    return Databases(load_manifest(manifest), {"main": apart.main.url, "events": apart.events.url})


def reset(databases: Databases, **options: Any) -> Prepared:
    return plan_reset(databases, scope="projections", projector_grace=0.0, **options)


def test_a_reset_over_both_needs_its_phrase_and_keeps_the_events(apart: Apart, databases: Databases) -> None:
    """One plan names both; another phrase changes neither; the right one empties one and keeps the other's events."""
    clean, before = hashes(apart), apart.snapshot()
    plan = reset(databases)
    assert {site.name: site.identity.database for site in plan.sites} == {
        "main": apart.main.name,
        "events": apart.events.name,
    }
    assert (plan.danger, plan.phrase) == (Danger.SAFE, "DELETE")
    for wrong in (None, "delete", "DELETE ALL DATA"):
        with pytest.raises(NotConfirmed):
            execute(plan, confirm=wrong)
    assert apart.snapshot() == before

    seen: list[ProgressLine] = []
    report = execute(plan, confirm="DELETE", progress=seen.append)

    assert report.changed
    assert report.plan is plan
    assert len(seen) >= len(plan.steps)
    is_done(apart)
    behind = rebuild_status(databases)
    assert not behind.caught_up
    assert catch_up(apart) == 0
    assert hashes(apart) == clean
    course = rebuild_wait(databases, projectors=["PopularityProjector"], timeout=30.0)
    assert course is not None
    assert course.caught_up


def test_what_changed_in_one_of_them_is_a_stale_plan(apart: Apart, databases: Databases) -> None:
    """The error knows where and what; neither is changed."""
    plan = reset(databases)
    apart.events.execute("delete from events.subscriptions where subscription_name = 'PopularityProjector'")
    before = apart.snapshot()

    with pytest.raises(StalePlan) as caught:
        execute(plan, confirm="DELETE")

    assert caught.value.database == "events"
    assert "a checkpoint of PopularityProjector" in caught.value.message
    assert apart.snapshot() == before


def test_what_fails_in_the_middle_is_finished_by_another_plan(apart: Apart, databases: Databases) -> None:
    """Unfinished says that something is committed; planned and executed again it is done. So is what a kill left."""
    plan = reset(databases)
    phases = [phase for phase in plan.phases for _ in phase.steps]

    def stop(line: ProgressLine) -> None:
        if line.done is not None and phases[line.done].name.startswith("empty"):
            raise UsageError(problem="enough")

    with pytest.raises(Unfinished) as caught:
        execute(plan, confirm="DELETE", progress=stop)
    assert caught.value.changed
    assert open_journals(apart) == [1, 1]

    assert execute(reset(databases), confirm="DELETE").changed
    is_done(apart)


def test_what_a_killed_command_began_is_finished_here(apart: Apart, databases: Databases, manifest: Path) -> None:
    """Whoever finishes it: the journals are the same."""
    words = ("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")
    starts = first_steps(lambda *w: run_command(apart, manifest, *w), *words)
    Held(apart, manifest, starts["finish", "main"], *words).kill()
    gone(apart)
    assert any("not finished" in str(finding) for finding in status(databases).findings)

    assert execute(reset(databases), confirm="DELETE").changed
    is_done(apart)


def test_one_alone_is_not_all_that_it_reaches_into(apart: Apart, databases: Databases) -> None:
    """A `Database` would leave positions behind; `Databases` find the one that a narrower reset concerns."""
    with pytest.raises(AcrossDatabases) as caught:
        plan_reset(databases["main"], scope="projections")
    assert "Databases(manifest)" in caught.value.hint

    system = plan_reset(databases, scope="system")
    assert (system.sites, {d.schema for d in system.destroys}) == ((), {"system"})
    before = apart.events.snapshot()
    assert execute(system, confirm=system.phrase).changed
    assert apart.events.snapshot() == before


def test_both_are_seen_as_one(databases: Databases, apart: Apart) -> None:
    """Schemas of all, the head from where the events are; other verbs work in one after the other."""
    assert read_state(databases).head == EVENTS
    assert {schema.schema for schema in status(databases).schemas} == {"system", "users", "public", "events"}
    assert [plan_migrate(database).is_empty for database in databases] == [True, True]
    with pytest.raises(UsageError, match="nothing"):
        databases["nothing"]
    with pytest.raises(UsageError, match="nothing"):
        Databases(databases.manifest, {"nothing": apart.main.url}).parts  # noqa: B018
    twice = Databases(databases.manifest, {"main": apart.main.url, "events": apart.main.url})
    for look in (read_state, status, reset):
        with pytest.raises(SameDatabase):
            look(twice)  # type: ignore[operator]


def test_sources_that_disagree_about_one_of_them_stop_it(
    apart: Apart, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no URL was given, what names each database must agree."""
    monkeypatch.setenv("BALADOS_DB_URL_EVENTS", apart.events.url)
    monkeypatch.setenv("EVENTS_URL", "postgresql://198.51.100.7/other")
    manifest = load_manifest(databases.manifest.file)
    doubtful = Databases(manifest, {"main": apart.main.url})
    plan = reset(doubtful)
    before = apart.snapshot()

    with pytest.raises(TargetsDisagree) as caught:
        execute(plan, confirm="DELETE")

    assert caught.value.database == "events"
    assert apart.snapshot() == before


def test_the_example_works(apart: Apart, databases: Databases, manifest: Path) -> None:
    """It says where it would destroy what, refuses another phrase, and makes the projections anew."""
    example, seen = module(), []

    assert example.up_to_date(databases) == ()
    assert f"events is {apart.events.name}" in example.preview(reset(databases))
    with pytest.raises(NotConfirmed):
        example.anew(databases, "delete", seen)
    assert example.anew(databases, "DELETE", seen).changed
    assert [apart.main.rows(table) for table in PROJECTED] == [0] * len(PROJECTED)


def module() -> ModuleType:
    """The program, as a module."""
    spec = importlib.util.spec_from_file_location("across", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found
