"""Plan files: what is written, what makes one stale, and that each is carried out once."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from balados_db.canonical import digest
from balados_db.plan_file import json_schema
from tests.acceptance.terminal import Terminal
from tests.conftest import EXAMPLE, ROOT, Database, Result

Run = Callable[..., Result]
RESET = ("reset", "--projections", "--projector-grace", "0")


@pytest.fixture
def plan(run_cli: Run, tmp_path: Path) -> Callable[..., Path]:
    """Make a plan file; its path."""
    made: list[Path] = []

    def make(database: Database, *words: str, **options: Any) -> Path:
        path = tmp_path / f"plan-{len(made)}.json"
        made.append(path)
        done = run_cli("plan", *words, "--out", str(path), database=database, **options)
        assert done.status == 0, done.err
        return path

    return make


@pytest.fixture
def own_migrations(tmp_path: Path) -> Path:
    """The example's manifest beside migrations of its own, which a test may edit."""
    for name in ("migrations", "sql"):
        shutil.copytree(ROOT / name, tmp_path / "own" / name)
    return Path(shutil.copy(EXAMPLE, tmp_path / "own" / EXAMPLE.name))


def read(path: Path) -> dict[str, Any]:
    """A plan file's content."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_planning_says_where_the_plan_is_and_what_to_type(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """Whoever reads the preview is told the file's place and the command that carries it out, on that very database."""
    path = tmp_path / "a plan.json"

    done = run_cli("plan", *RESET, "--out", str(path), database=filled)

    said, typed = done.out.splitlines()[-1].split(": balados-db ")
    assert said == f"The plan is in {path}. Nothing was changed; carry it out with"
    assert typed.startswith(f"apply '{path}' --url postgresql://")
    shown = run_cli(*shlex.split(typed), "--dry-run", "--json", manifest=None, env={"PGPASSWORD": filled.password})
    assert (shown.status, shown.json["target"]["database"]) == (0, filled.name), shown.out


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_says_everything_and_changes_nothing(filled: Database, plan: Callable[..., Path]) -> None:
    """Command, target, phrase, losses and digest are in a file that only its owner may read; no secret is."""
    before = filled.snapshot()

    path = plan(filled, *RESET, "--json")

    found = read(path)
    password = filled.url.split(":")[2].partition("@")[0]
    assert filled.snapshot() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert found["arguments"] == ["reset", "--projections", "--projector-grace", "0.0"]
    assert (found["command"], found["danger"], found["phrase"]) == ("reset", "safe", "DELETE")
    assert found["target"]["database"] == filled.name
    assert int(found["target"]["system_identifier"]) > 0
    assert found["target"]["database_oid"] == filled.value(
        "select oid::bigint from pg_database where datname = current_database()"
    )
    assert {loss["schema"] for loss in found["destroys"]} == {"users", "public"}
    assert {kept["schema"] for kept in found["keeps"]} == {"system", "events"}
    assert found["digest"] == digest(found["facts"])
    assert found["checksum"] == digest({key: value for key, value in found.items() if key != "checksum"})
    assert password not in path.read_text()
    assert set(found) == set(json_schema()["$defs"]["PlanFile"]["properties"])


def test_the_schema_of_the_file_is_printed(filled: Database, plan: Callable[..., Path], run_cli: Run) -> None:
    """As `explain --schema plan-file`: a real file is what it says, and one with a key more or without its steps is not."""
    schema = json.loads(run_cli("explain", "--schema", "plan-file").out)
    Draft202012Validator.check_schema(schema)
    says = Draft202012Validator(schema)
    found = read(plan(filled, *RESET))

    assert schema["$schema"].endswith("2020-12/schema")
    assert [error.message for error in says.iter_errors(found)] == []
    assert not says.is_valid({**found, "confirm": "DELETE"})
    assert not says.is_valid({key: value for key, value in found.items() if key != "steps"})


def test_a_plan_goes_to_standard_output_when_asked(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """`--out -` prints the file and nothing else; with --json it is a part of the one object. Both can be applied."""
    words = run_cli("plan", *RESET, "--out", "-", database=filled)
    program = run_cli("plan", *RESET, "--out", "-", "--json", database=filled)

    assert (words.status, words.err) == (0, "")
    first, second = json.loads(words.out), program.json["result"]["document"]
    assert first["id"] != second["id"]
    assert (first["digest"], first["facts"]) == (second["digest"], second["facts"])
    assert program.json["plan"]["digest"] == first["digest"]
    (tmp_path / "second").write_text(json.dumps(second))
    dry = run_cli("apply", str(tmp_path / "second"), "--dry-run", database=filled)
    done = run_cli("apply", "-", "--confirm", "DELETE", "--json", database=filled, stdin=words.out)
    assert dry.status == 0, dry.err
    assert done.json["changed"] is True


def test_a_file_that_is_there_is_never_written_over(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """An existing file, a link to nowhere, a missing directory: exit 2 before anything is planned."""
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")

    for path, code in ((there, "file_exists"), (link, "file_exists"), (tmp_path / "no" / "x", "usage")):
        done = run_cli("plan", *RESET, "--out", str(path), "--json", "--url", "postgresql://nobody@127.0.0.1:1/none")
        assert (done.status, done.code, done.json["command"]) == (2, code, "plan"), done.out
    assert there.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_what_can_be_no_file_is_not_to_be_removed(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """A directory or a device is not "there already": the hint says what can be written instead."""
    for out in ("", str(tmp_path), "/dev/full"):
        done = run_cli("plan", *RESET, "--out", out, "--json", database=filled)
        assert (done.status, done.code) == (2, "usage")
        assert done.json["errors"][0]["hint"] == "name a new file, or - for standard output"


def test_a_plan_takes_neither_consent_nor_a_dry_run(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """A phrase in a plan would be consent before anybody looked at it; and what cannot be planned says so."""
    out = str(tmp_path / "plan.json")

    for words in (
        (*RESET, "--confirm", "DELETE"),
        (*RESET, "--dry-run"),
        ("status",),
        ("apply", "x"),
        ("plan", *RESET),
        ("new", "x", "--schema", "users"),
        ("environment", "show"),
        ("drop",),
    ):
        done = run_cli("plan", *words, "--out", out, "--json", database=filled)
        assert (done.status, done.json["command"]) == (2, "plan"), words
    assert not Path(out).exists()


def broken_files(path: Path) -> dict[str, bytes]:
    """Everything that a plan file may become on its way."""
    text = path.read_text()
    found = json.loads(text)

    def resealed(**changed: Any) -> bytes:
        content = {k: v for k, v in {**found, **changed}.items() if k != "checksum"}
        return json.dumps({**content, "checksum": digest(content)}).encode()

    return {
        "empty": b"",
        "cut": text.encode()[: len(text) // 2],
        "no JSON": b"plan: yes",
        "no object": b"[]",
        "deep": b"[" * 200_000,
        "no text": b"\xff\xfe",
        "another kind": b'{"format": "something", "version": 1}',
        "of the future": resealed(version=2, made_by="9.0.0", news=True),
        "a version that is none": resealed(version=True),
        "edited arguments": text.replace('"--projections"', '"--all"').encode(),
        "edited phrase": text.replace('"phrase": "DELETE"', '"phrase": ""').encode(),
        "edited facts": resealed(facts={**found["facts"], "phrase": "yes"}),
        "facts that are no facts": resealed(facts=[]),
        "no arguments": resealed(arguments=[]),
        "an unknown key": resealed(confirm="DELETE"),
        "a key less": json.dumps({k: v for k, v in found.items() if k != "id"}).encode(),
        "no command": resealed(arguments=["nonsense"]),
        "a command that reads": resealed(arguments=["status"]),
        "a plan of a plan": resealed(arguments=["apply", "x"]),
        "a mistaken option": resealed(arguments=["reset", "--projections", "--nope"]),
        "help": resealed(arguments=["reset", "--help"]),
        "a group alone": resealed(arguments=["schema"]),
    }


def test_a_file_that_is_not_what_was_written_is_refused(
    filled: Database, run_cli: Run, plan: Callable[..., Path], tmp_path: Path
) -> None:
    """Cut, edited, of another kind or version: exit 2 with a sentence, and nothing is done, whatever the phrase."""
    before = filled.snapshot()
    made = plan(filled, *RESET)
    cases = broken_files(made)
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)

    def apply(name: str) -> Result:
        return run_cli("apply", str(tmp_path / name), "--confirm", "DELETE", "--json", database=filled)

    with ThreadPoolExecutor(4) as pool:
        for name, done in zip(cases, pool.map(apply, cases), strict=True):
            assert (done.status, done.code, done.err) == (2, "plan_file_invalid", ""), (name, done.out)
    assert "9.0.0" in apply("of the future").json["errors"][0]["message"]
    assert apply("nothing at all").code == "plan_file_invalid"
    assert run_cli("apply", str(tmp_path), database=filled).code == "plan_file_invalid"
    assert filled.snapshot() == before


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_is_applied_once(filled: Database, run_cli: Run, plan: Callable[..., Path]) -> None:
    """The phrase is asked for as ever; then the file is used up, and says when; a new plan of the same works."""
    first = plan(filled, *RESET)

    unconfirmed = run_cli("apply", str(first), "--json", database=filled)
    wrong = run_cli("apply", str(first), "--confirm", "delete", database=filled)
    dry = run_cli("apply", str(first), "--dry-run", "--json", database=filled)
    assert (unconfirmed.status, wrong.status, dry.status) == (3, 3, 0)
    assert (dry.json["dry_run"], dry.json["changed"], dry.json["plan"]["digest"]) == (
        True,
        False,
        read(first)["digest"],
    )
    assert filled.rows("users.subscriptions") == 20

    done = run_cli("apply", str(first), "--confirm", "DELETE", "--json", database=filled)
    again = run_cli("apply", str(first), "--confirm", "DELETE", "--json", database=filled)
    dry = run_cli("apply", str(first), "--dry-run", "--json", database=filled)
    second = run_cli("apply", str(plan(filled, *RESET)), "--confirm", "DELETE", "--json", database=filled)

    assert (done.status, done.json["command"], done.json["changed"]) == (0, "apply", True), done.out
    assert done.json["result"]["plan_file"]["id"] == read(first)["id"]
    assert filled.rows("users.subscriptions") == 0
    for refused in (again, dry):
        assert (refused.status, refused.code) == (7, "plan_already_applied")
        assert refused.json["errors"][0]["details"]["at"] in refused.json["errors"][0]["message"]
    assert second.status == 0, second.out
    assert filled.value("select count(*) from balados_db.applied_plan where ended_at is not null") == 2


def test_two_at_once_apply_a_plan_once(filled: Database, run_cli: Run, plan: Callable[..., Path]) -> None:
    """Of several runs with one file, exactly one does it; the others say that it is done or that one is at it."""
    path = str(plan(filled, *RESET))

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(run_cli, "apply", path, "--confirm", "DELETE", "--json", database=filled) for _ in range(4)]
    ends = [run.result() for run in runs]

    assert sorted(end.status for end in ends)[0] == 0, [end.out for end in ends]
    assert {end.code for end in ends if end.status} <= {
        "plan_already_applied",
        "lock_held",
        "lock_timeout",
        "projectors_live",
    }
    assert len([end for end in ends if end.status]) == 3
    assert filled.rows("balados_db.receipt") == 1


def test_a_plan_that_failed_is_not_used_up(
    balados: Database, run_cli: Run, plan: Callable[..., Path], own_migrations: Path
) -> None:
    """What was rolled back can be applied again when the cause is gone."""
    new = own_migrations.parent / "migrations" / "projections" / "users" / "0099_new.sql"
    new.write_text("create table users.made (id int primary key);\n")
    path = str(plan(balados, "migrate", manifest=own_migrations))
    balados.execute(
        "create schema guard; create function guard.no() returns event_trigger language plpgsql as"
        " $$ begin raise 'not now'; end $$; create event trigger no on ddl_command_start"
        " when tag in ('CREATE TABLE') execute function guard.no()"
    )

    failed = run_cli("apply", path, "--json", database=balados, manifest=None)
    balados.execute("drop event trigger no; drop schema guard cascade")
    done = run_cli("apply", path, "--json", database=balados, manifest=None)

    assert failed.json["changed"] is False
    assert failed.status in (1, 5), failed.out
    assert done.status == 0, done.out
    assert balados.rows("users.made") == 0


def test_a_phrase_is_typed_for_a_plan_too(filled: Database, plan: Callable[..., Path]) -> None:
    """At a terminal the preview is shown and the phrase asked for."""
    path = str(plan(filled, *RESET))

    assert Terminal(filled, "apply", path).asked().type("no").end()[0] == 3
    status, _ = Terminal(filled, "apply", path).asked().type("DELETE").end()

    assert (status, filled.rows("users.subscriptions")) == (0, 0)


# ── what is planned ──────────────────────────────────────────────────────────────────────────────────────


def test_from_nothing_to_a_reset_by_plans_alone(
    new_database: Callable[..., Database], run_cli: Run, plan: Callable[..., Path]
) -> None:
    """Create, init, migrate, stamp and reset, each planned and then applied; a database that is missing included."""
    there = new_database()
    missing = Database(f"{there.name}_new", there.url.rpartition("/")[0] + f"/{there.name}_new")
    lines = {
        ("create",): None,
        ("schema", "create", "users"): None,
        ("init",): None,
        ("migrate", "--schema", "users"): None,
        ("schema", "migrate", "users"): None,
        ("environment", "set", "development"): None,
        ("rollback", "--schema", "users", "--with-dependents", "--projector-grace", "0"): "DELETE",
        ("up",): None,
        ("reset", "--system"): "DELETE",
        ("reset", "--events", "--projector-grace", "0"): "DELETE ALL EVENTS",
        ("reset", "--all", "--recreate", "--projector-grace", "0"): "DELETE ALL DATA",
        ("environment", "set", "production"): None,
        ("environment", "set", "test"): "production",
    }

    for words, phrase in lines.items():
        path = plan(missing, *words)
        assert read(path)["phrase"] == phrase
        done = run_cli("apply", str(path), "--json", *(("--confirm", phrase) if phrase else ()), database=missing)
        assert done.status == 0, (words, done.out)
        assert done.json["changed"] is bool(read(path)["steps"]), words
        assert done.json["plan"]["digest"] == read(path)["digest"]
        if read(path)["steps"]:
            assert run_cli("apply", str(path), database=missing).code == "plan_already_applied", words
    status = run_cli("status", "--check", "--json", database=missing)
    assert status.status == 0, status.out
    missing_too = Database(f"{there.name}_up", there.url.rpartition("/")[0] + f"/{there.name}_up")
    path = plan(missing_too, "up")
    assert read(path)["target"]["database_oid"] == 0
    assert run_cli("apply", str(path), database=missing_too).status == 0
    assert missing_too.rows("events.streams") == 1


def test_a_plan_to_create_what_somebody_created_is_stale(
    new_database: Callable[..., Database], run_cli: Run, plan: Callable[..., Path]
) -> None:
    """A database that is there by now is another one than the one that was to be made."""
    there = new_database()
    missing = Database(f"{there.name}_new", there.url.rpartition("/")[0] + f"/{there.name}_new")
    path = plan(missing, "up")
    there.execute(f"create database {missing.name}")

    done = run_cli("apply", str(path), "--json", database=missing)

    assert (done.status, done.code) == (7, "stale_plan")
    assert f"database {missing.name} exists by now" in done.json["errors"][0]["message"]
    assert missing.value("select count(*) from pg_namespace where nspname = 'users'") == 0


def test_a_schema_is_adopted_by_a_plan(balados: Database, run_cli: Run, plan: Callable[..., Path]) -> None:
    """What somebody else made is taken over; by the time somebody did that by hand, the plan is stale."""
    balados.execute("drop table users._yoyo_migration, users._yoyo_log, users._yoyo_version, users.yoyo_lock")
    balados.execute("delete from balados_db.structure where schema_name = 'users'")
    first, second = plan(balados, "adopt", "--schema", "users"), plan(balados, "adopt", "--schema", "users")

    done = run_cli("apply", str(first), "--json", database=balados)
    stale = run_cli("apply", str(second), "--json", database=balados)

    assert done.status == 0, done.out
    assert (stale.status, stale.code) == (7, "stale_plan")
    assert run_cli("status", "--check", database=balados).status == 0


def test_a_plan_of_several_transactions_is_used_up_by_the_first(
    balados: Database, run_cli: Run, plan: Callable[..., Path], own_migrations: Path
) -> None:
    """Interrupted between them, the file is used up, and says which command does what is left."""
    folder = own_migrations.parent / "migrations" / "projections" / "users"
    (folder / "0097_alone.sql").write_text("-- transactional: false\ncreate table users.alone (id int);\n")
    (folder / "0098_waits.sql").write_text("select 1 / (select count(*) from system.users);\n")
    path = str(plan(balados, "migrate", manifest=own_migrations))

    broken = run_cli("apply", path, "--json", database=balados, manifest=None)
    again = run_cli("apply", path, "--json", database=balados, manifest=None)
    (folder / "0098_waits.sql").write_text("select 1;\n")
    finished = run_cli(*again.following[0][1:], "--json", database=balados, manifest=own_migrations)

    assert (broken.status, broken.json["changed"]) == (1, True), broken.out
    assert (again.status, again.code) == (7, "plan_already_applied")
    assert again.json["errors"][0]["details"]["unfinished"] is True
    assert again.following == [["balados-db", "migrate"]]
    assert finished.status == 0, finished.out


def test_a_plan_finds_its_manifest_from_anywhere(
    balados: Database, run_cli: Run, plan: Callable[..., Path], own_migrations: Path, tmp_path: Path
) -> None:
    """It remembers the manifest by its absolute path; what is said at the time of applying wins."""
    new = own_migrations.parent / "migrations" / "projections" / "users" / "0099_new.sql"
    new.write_text("create table users.made (id int primary key);\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = tmp_path / "plan.json"
    made = run_cli(
        "plan", "migrate", "--out", "../plan.json", "--url", balados.url, manifest=None, cwd=own_migrations.parent
    )
    assert (made.status, read(path)["manifest"]) == (0, str(own_migrations)), made.err

    other = run_cli("apply", str(path), "--json", database=balados)  # the example itself
    done = run_cli("apply", os.path.relpath(path, elsewhere), database=balados, manifest=None, cwd=elsewhere)

    assert (other.status, other.code) == (7, "stale_plan")
    assert "migrations of users: 0099_new gone" in other.json["errors"][0]["message"]
    assert done.status == 0, done.err


# ── what makes a plan stale ──────────────────────────────────────────────────────────────────────────────


def test_what_moves_by_itself_leaves_a_plan_as_it_is(filled: Database, run_cli: Run, plan: Callable[..., Path]) -> None:
    """Rows, positions, sessions, statistics and storage do not count."""
    first = plan(filled, *RESET)
    other = filled.connect()
    filled.execute(
        "insert into users.subscriptions select (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(),"
        " 'rss_source_feed', id::text))).* from users.subscriptions s limit 3"
    )
    filled.execute("update events.subscriptions set last_seen = last_seen - 1 where last_seen > 1")
    filled.execute("update events.projection_versions set last_seen_event_number = 1")
    for statement in ("delete from public.public_events", "analyze", "vacuum full users.subscriptions"):
        filled.execute(statement)
    filled.execute("reindex table users.subscriptions; comment on table users.subscriptions is 'said'")

    second = plan(filled, *RESET)

    assert read(second)["digest"] == read(first)["digest"]
    assert read(second)["id"] != read(first)["id"]
    done = run_cli("apply", str(first), "--confirm", "DELETE", database=filled)
    assert (done.status, filled.rows("users.subscriptions")) == (0, 0), done.err
    other.close()


CHANGES = {
    "a column": ("alter table users.subscriptions add extra int", "structure of users"),
    "a table": ("create table users.extra (id int)", "relations of users: extra new"),
    "a table that was made anew": (
        "create table users.copy (like users.playlists including all); drop table users.playlists cascade;"
        " alter table users.copy rename to playlists",
        "relations of users",
    ),
    "a subscription": (
        "insert into events.subscriptions (stream_uuid, subscription_name, last_seen) values ('$all', 'New', 0)",
        "a checkpoint of New in events.subscriptions is new",
    ),
    "a checkpoint less": (
        "delete from events.projection_versions where projection_name = 'SubscriptionsProjector'",
        "a checkpoint of SubscriptionsProjector in events.projection_versions is gone",
    ),
    "a history": (
        "delete from users._yoyo_migration where migration_id like '0001%'",
        "taken back since",
    ),
}


def test_a_change_of_the_database_makes_a_plan_stale(filled: Database, run_cli: Run, plan: Callable[..., Path]) -> None:
    """Exit 7 names every change, with the right phrase, without and in a dry run; and nothing is done."""
    path = plan(filled, *RESET)
    said = []
    for options, (statement, words) in zip(
        (("--confirm", "DELETE"), ("--dry-run",), (), *[("--confirm", "DELETE")] * 9), CHANGES.values(), strict=False
    ):
        filled.execute(statement)
        said.append(words)
        before = filled.snapshot()

        done = run_cli("apply", str(path), "--json", *options, database=filled)

        assert (done.status, done.code, done.json["changed"]) == (7, "stale_plan", False), done.out
        error = done.json["errors"][0]
        assert [text for text in said if text not in error["message"]] == []
        assert (error["details"]["planned"], error["retryable"]) == (read(path)["digest"], False)
        assert filled.snapshot() == before


def test_a_stale_plan_says_how_a_new_one_is_made(
    filled: Database, run_cli: Run, plan: Callable[..., Path], tmp_path: Path
) -> None:
    """What is to be run next is not what was just refused: it runs, and shows the new plan."""
    path = plan(filled, *RESET)
    filled.execute("alter table users.subscriptions add column shelf int")

    for words in ((), ("--dry-run",), ("--confirm", "DELETE")):
        stale = run_cli("apply", str(path), *words, "--json", database=filled)
        assert stale.status == 7
        assert "balados-db plan reset --projections" in stale.json["errors"][0]["hint"]
        ((_, *following),) = stale.json["next_actions"]
        shown = run_cli(*following, "--json", manifest=None, env={"PGPASSWORD": filled.password})
        assert (shown.status, shown.json["dry_run"], shown.json["plan"]["phrase"]) == (0, True, "DELETE"), shown.out


def test_what_is_to_be_run_next_is_about_the_same_database(
    filled: Database, run_cli: Run, tmp_path: Path, new_database: Callable[..., Database]
) -> None:
    """--manifest and --url come along; a password does not: PGPASSWORD has it. The environment decides nothing."""
    path, elsewhere = tmp_path / "plan.json", {"PGPASSWORD": filled.password, "BALADOS_DB_URL": new_database().url}
    lines = (
        ("plan", *RESET, "--out", str(path)),
        ("apply", str(path)),
        ("reset", "--all"),
        (*RESET, "--confirm", "DELETE"),
        ("reset", "--schema", "users"),
        ("environment", "set", "x", "--dry-run"),
        ("migrate", "--schema", "user"),
    )

    for line in lines:
        done = run_cli(*line, "--json", database=filled)
        assert "--confirm" not in json.dumps(done.json["next_actions"])
        for _, *following in done.json["next_actions"]:
            ended = run_cli(*following, "--json", "--timeout", "5", manifest=None, env=elsewhere)
            assert ended.status in (0, 3, 4), f"{line}: {following}: {ended.out}"
            if ended.json["target"]:
                assert ended.json["target"]["database"] == filled.name


def test_a_change_of_files_makes_a_plan_stale(
    filled: Database, run_cli: Run, plan: Callable[..., Path], own_migrations: Path
) -> None:
    """Migrations, rollback files, install SQL and the manifest's words count by their content."""
    users = own_migrations.parent / "migrations" / "projections" / "users"
    (users / "0098_new.sql").write_text("create table users.made (id int primary key);\n")
    (users / "0098_new.rollback.sql").write_text("drop table users.made;\n")
    migrate = plan(filled, "migrate", manifest=own_migrations)
    (users / "0098_new.sql").write_text("create table users.made (id bigint primary key);\n")

    edited = run_cli("apply", str(migrate), "--json", database=filled, manifest=own_migrations)
    assert (edited.status, edited.code) == (7, "stale_plan"), edited.out
    assert "migrations of users: 0098_new edited" in edited.json["errors"][0]["message"]
    assert run_cli("migrate", database=filled, manifest=own_migrations).status == 0

    back = plan(filled, "rollback", "--schema", "users", "--with-dependents", manifest=own_migrations)
    (users / "0098_new.rollback.sql").write_text("drop table users.made cascade;\n")
    edited = run_cli("apply", str(back), "--confirm", "DELETE", "--json", database=filled, manifest=own_migrations)
    assert (edited.status, edited.code) == (7, "stale_plan"), edited.out
    assert "rollback files: 0098_new edited" in edited.json["errors"][0]["message"]

    reset = plan(filled, *RESET, manifest=own_migrations)
    text = own_migrations.read_text()
    own_migrations.write_text(text + '\n[confirmation]\nprojections = "DELETE IT"\n')
    edited = run_cli("apply", str(reset), "--confirm", "DELETE", "--json", database=filled, manifest=own_migrations)
    assert (edited.status, edited.code) == (7, "stale_plan"), edited.out
    assert "phrase: it was DELETE, and is DELETE IT" in edited.json["errors"][0]["message"]
    own_migrations.write_text(text + "\n# a comment\n")
    assert run_cli("apply", str(reset), "--dry-run", database=filled, manifest=own_migrations).status == 0
    assert filled.rows("users.subscriptions") == 20


def test_install_sql_counts_by_its_content(
    new_database: Callable[..., Database], run_cli: Run, plan: Callable[..., Path], own_migrations: Path
) -> None:
    """A plan that installs the event store depends on what the files say."""
    database = new_database()
    path = plan(database, "init", manifest=own_migrations)
    file = sorted((own_migrations.parent / "sql" / "eventstore").glob("*.sql"))[0]
    file.write_text(file.read_text() + "\n-- more\n")

    done = run_cli("apply", str(path), "--json", database=database, manifest=own_migrations)

    assert (done.status, done.code) == (7, "stale_plan"), done.out
    assert f"install SQL: {file.name} edited" in done.json["errors"][0]["message"]


def test_a_plan_is_for_one_database(
    filled: Database, new_database: Callable[..., Database], run_cli: Run, plan: Callable[..., Path]
) -> None:
    """A copy, and one of the same name that was made anew, are others, though everything in them is the same."""
    path = plan(filled, *RESET)
    copy, neighbour = new_database(filled.name), new_database()

    elsewhere = run_cli("apply", str(path), "--confirm", "DELETE", "--json", database=copy)
    neighbour.execute(f"drop database {filled.name}")
    neighbour.execute(f"create database {filled.name} template {copy.name}")
    again = run_cli("apply", str(path), "--confirm", "DELETE", "--json", database=filled)
    neighbour.execute(f"drop database {filled.name}")
    gone = run_cli("apply", str(path), "--confirm", "DELETE", "--json", database=filled)

    said = f"it was made for database {filled.name}, and this is {copy.name}"
    for refused, words in ((elsewhere, said), (again, f"database {filled.name} was made anew")):
        assert (refused.status, refused.code) == (7, "stale_plan")
        assert words in refused.json["errors"][0]["message"]
    assert (gone.status, gone.code) == (8, "no_database")
    assert copy.rows("users.subscriptions") == 20


def test_more_danger_than_was_said_makes_a_plan_stale(
    filled: Database, run_cli: Run, plan: Callable[..., Path]
) -> None:
    """Rows that nobody rebuilds turn SAFE into CAUTION: the digest is the same, and it is not what was approved."""
    filled.execute("create table users.by_hand (id int)")
    first = plan(filled, *RESET, "--empty")
    filled.execute("insert into users.by_hand values (1)")
    second = plan(filled, *RESET, "--empty")

    done = run_cli("apply", str(first), "--confirm", "DELETE", "--json", database=filled)

    assert (read(first)["danger"], read(second)["danger"]) == ("safe", "caution")
    assert read(first)["digest"] == read(second)["digest"]
    assert (done.status, done.code) == (7, "stale_plan")
    assert "its danger: it was safe, and is caution" in done.json["errors"][0]["message"]
    assert filled.rows("users.by_hand") == 1


def test_protection_is_looked_at_anew(filled: Database, run_cli: Run, plan: Callable[..., Path]) -> None:
    """A database that became production since is protected, whatever was planned and approved."""
    path = plan(filled, "reset", "--system")
    assert run_cli("environment", "set", "production", database=filled).status == 0

    done = run_cli("apply", str(path), "--confirm", "DELETE", "--json", database=filled)

    assert (done.status, done.code) == (5, "environment_protected")
    assert filled.rows("system.users") > 0
