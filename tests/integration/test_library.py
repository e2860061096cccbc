"""The library does what the command does, without asking or printing, from any thread."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

import balados_db
from balados_db import (
    Danger,
    ExitStatus,
    NotConfirmed,
    Prepared,
    ProgressLine,
    Scope,
    StalePlan,
    Unreachable,
    UsageError,
    connect,
    execute,
    load_manifest,
    plan_adopt,
    plan_create,
    plan_environment,
    plan_init,
    plan_migrate,
    plan_reset,
    plan_rollback,
    plan_up,
    read_state,
    rebuild_status,
    rebuild_wait,
    status,
)
from tests.conftest import EXAMPLE, OURS, ROOT, Database, clean_environment

EXAMPLES = ROOT / "examples" / "library"


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> object:
    """Nothing of this machine has a say, and nothing is ever said."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    yield
    assert capfd.readouterr() == ("", "")


def at(database: Database) -> balados_db.Database:
    """The example's manifest, and this database."""
    return balados_db.Database(load_manifest(EXAMPLE), url=database.url)


def reset(database: Database, **options: object) -> Prepared:
    """A plan that does not wait for projectors which are not there."""
    return plan_reset(at(database), scope="projections", projector_grace=0.0, **options)  # type: ignore[arg-type]


# ── the verbs ────────────────────────────────────────────────────────────────────────────────────────────


def test_from_nothing_to_ready_and_anew(database: Database) -> None:
    """Up, status, a stamp, rollback, migrate: each plan says what it will do, and each report what was done."""
    target = at(database)

    assert plan_create(target).is_empty is False
    report = execute(plan_up(target))
    assert (report.changed, report.exit_status) == (True, ExitStatus.OK)
    assert execute(plan_up(target)).changed is False
    assert plan_init(target).is_empty
    assert all(not schema.pending for schema in status(target).schemas)
    assert execute(plan_environment(target, "test")).changed
    identity = read_state(target).identity
    assert identity is not None
    assert identity.environment == "test"

    back = plan_rollback(target, "users", with_dependents=True, projector_grace=0.0)
    assert (back.phrase, back.danger) == ("DELETE", Danger.SAFE)
    assert execute(back, confirm="DELETE").changed
    assert [schema.schema for schema in status(target).schemas if schema.pending] == ["users"]
    assert execute(plan_migrate(target, kinds=["projection"])).changed
    assert plan_migrate(target).is_empty


def test_a_database_that_is_not_there_is_created(database: Database, new_database: Callable[..., Database]) -> None:
    """As `create` does it; without that it is unreachable."""
    elsewhere = balados_db.Database(
        load_manifest(EXAMPLE), url=database.url.replace(database.name, f"{database.name}_b")
    )
    with pytest.raises(Unreachable):
        read_state(elsewhere)

    report = execute(plan_up(elsewhere))

    assert report.changed
    assert read_state(elsewhere).exists
    database.execute(f'drop database "{database.name}_b" with (force)')


def test_a_reset_needs_its_phrase_and_keeps_the_rest(filled: Database) -> None:
    """No phrase, another one, another case: refused, and nothing changed. The right one: empty, the events kept."""
    plan, before = reset(filled), filled.snapshot()

    for wrong in (None, "", "delete", "DELETE ", "DELETE ALL DATA"):
        with pytest.raises(NotConfirmed):
            execute(plan, confirm=wrong)
    assert filled.snapshot() == before

    seen: list[tuple[ProgressLine, str]] = []
    report = execute(
        plan, confirm=plan.phrase, progress=lambda line: seen.append((line, threading.current_thread().name))
    )

    assert filled.rows("users.subscriptions") == 0
    assert filled.rows("events.events") > 0
    assert report.plan is plan
    assert len(seen) >= len(plan.steps)
    assert {thread for _, thread in seen} == {threading.current_thread().name}
    assert filled.value("select count(*) from balados_db.receipt") == 1


def test_what_changed_since_is_a_stale_plan(filled: Database) -> None:
    """The plan that was shown is the plan that runs, or none does."""
    plan = reset(filled)
    filled.execute("create table users.another (id int)")
    before = filled.snapshot()

    with pytest.raises(StalePlan):
        execute(plan, confirm=plan.phrase)

    assert filled.snapshot() == before


def test_sources_that_disagree_stop_a_destruction_here_too(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a url was given: that decides."""
    monkeypatch.setenv("BALADOS_DB_URL", filled.url)
    monkeypatch.setenv("DATABASE_URL", "postgresql://198.51.100.7/other")
    open_to_doubt = balados_db.Database(load_manifest(EXAMPLE))
    plan = plan_reset(open_to_doubt, scope=Scope.PROJECTIONS, projector_grace=0.0)

    with pytest.raises(UsageError, match="other"):
        execute(plan, confirm=plan.phrase)
    assert filled.rows("users.subscriptions") > 0

    assert execute(reset(filled), confirm=plan.phrase).changed


def test_a_scope_may_be_narrowed_or_must_be_said(filled: Database) -> None:
    """A schema means its kind, a projector projections; nothing at all is a mistake."""
    target = at(filled)

    assert plan_reset(target, schema="system").phrase == "DELETE"
    assert plan_reset(target, schema="system").danger is Danger.DANGER
    assert {d.schema for d in plan_reset(target, projector="SubscriptionsProjector").destroys} == {"users"}
    with pytest.raises(UsageError, match="say what"):
        plan_reset(target)
    with pytest.raises(UsageError, match="nobody"):
        plan_reset(target, schema="nobody")
    with pytest.raises(UsageError, match="nobody"):
        rebuild_status(target, projectors=["nobody"])
    with pytest.raises(UsageError, match=r"'everything'.*projections, system"):
        plan_reset(target, scope="everything")
    with pytest.raises(UsageError, match=r"'recreated'.*empty, recreate"):
        plan_reset(target, scope="projections", way="recreated")  # type: ignore[arg-type]


def test_an_empty_url_is_not_another_database(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to name one and is unset must not mean whatever the environment names."""
    monkeypatch.setenv("BALADOS_DB_URL", filled.url)

    with pytest.raises(UsageError, match="url is empty"):
        plan_reset(balados_db.Database(load_manifest(EXAMPLE), url=""), scope="projections")


def test_adopting_compares_first(balados: Database) -> None:
    """What yoyo's history forgot is noted again, after a comparison."""
    balados.execute("drop table users._yoyo_migration, users._yoyo_log, users._yoyo_version, users.yoyo_lock")

    assert execute(plan_adopt(at(balados), ["users"])).changed
    assert all(not schema.pending for schema in status(at(balados)).schemas)


def test_waiting_for_a_rebuild_ends_in_time(filled: Database) -> None:
    """Who is at the head has caught up; after a reset nobody is, and the timeout ends it."""
    assert rebuild_status(at(filled)).caught_up
    plan = reset(filled)
    execute(plan, confirm=plan.phrase)

    looks: list[object] = []
    course = rebuild_wait(at(filled), timeout=0.6, progress=looks.append)

    assert course is not None
    assert not course.caught_up
    assert len(looks) >= 1


# ── as a part of something else ──────────────────────────────────────────────────────────────────────────


def test_threads_work_on_several_databases_at_once(
    balados_template: str, new_database: Callable[..., Database]
) -> None:
    """None of them is the main thread, none of them disturbs another."""
    databases = [new_database(balados_template) for _ in range(4)]
    manifest = load_manifest(EXAMPLE)

    def work(database: Database) -> int:
        target = balados_db.Database(manifest, url=database.url)
        with connect(target) as conn:
            conn.execute(
                "insert into users.subscriptions select (jsonb_populate_record(null::users.subscriptions, '{}')).* where false"
            )
        plan = plan_reset(target, scope="projections", projector_grace=0.0)
        return len(execute(plan, confirm=plan.phrase).done) if plan.phrase else -1

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(work, databases))

    assert len(set(done)) == 1
    assert [d.value("select count(*) from balados_db.receipt") for d in databases] == [1, 1, 1, 1]


def test_using_it_loads_neither_the_command_nor_a_prompt(filled: Database) -> None:
    """No click, no questionary, no rich; and the streams may be closed."""
    code = (
        "import os, sys; os.close(1); os.close(2)\n"
        "from pathlib import Path\n"
        "import balados_db as b\n"
        f"d = b.Database(b.load_manifest(Path({str(EXAMPLE)!r})), url=os.environ['URL'])\n"
        "b.status(d); p = b.plan_reset(d, scope='projections', projector_grace=0.0)\n"
        "r = b.execute(p, confirm=p.phrase); b.rebuild_wait(d, timeout=0)\n"
        "bad = {'click', 'questionary', 'rich', 'prompt_toolkit', 'balados_db.cli', 'balados_db.rendering'} & set(sys.modules)\n"
        "os._exit(7 if r.changed and not bad else 1)\n"
    )
    environment = clean_environment(URL=filled.url)
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=60)

    assert done.returncode == 7


# ── the example ──────────────────────────────────────────────────────────────────────────────────────────


def example() -> ModuleType:
    """The program, as a module."""
    spec = importlib.util.spec_from_file_location("nightly", EXAMPLES / "nightly.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_works(filled: Database) -> None:
    """It says what it would destroy, refuses another phrase, and makes the projections anew."""
    nightly, target, seen = example(), at(filled), []

    assert nightly.up_to_date(target) == ()
    assert "kept: " in nightly.preview(reset(filled))
    with pytest.raises(NotConfirmed):
        nightly.anew(target, "delete", seen)
    assert nightly.anew(target, "DELETE", seen).changed
    assert seen


def test_the_examples_are_typed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """mypy --strict agrees with them, against the package as it is installed; a misspelt name is found."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from balados_db import Database, plan_resett\n")
    words = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        os.devnull,
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    right = subprocess.run(
        [*words, *map(str, sorted(EXAMPLES.glob("*.py")))],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=300,
    )
    found = subprocess.run([*words, str(wrong)], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300)

    assert right.returncode == 0, right.stdout
    assert "plan_resett" in found.stdout
