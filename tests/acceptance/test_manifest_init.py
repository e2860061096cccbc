"""`manifest init`: what is inferred from a live database, what is left to a person, and that nothing is guessed in silence."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from balados_db.manifest.loading import load_manifest
from balados_db.model import Manifest, SchemaKind, TableName
from tests.acceptance.terminal import Terminal
from tests.conftest import EXAMPLE, ROOT, Database, Result

RunCli = Callable[..., Result]

BALADOS = ("--kind", "system=permanent", "--kind", "users=projection", "--kind", "public=projection")


def proposed(run_cli: RunCli, database: Database, folder: Path, *words: str) -> Result:
    """Write the manifest that is proposed for a database, as a file `balados-db.toml`."""
    done = run_cli("manifest", "init", "--json", *words, database=database, manifest=None, cwd=folder)
    assert done.status == 0, done.out
    assert done.json["result"]["manifest"] == (folder / "balados-db.toml").read_text(encoding="utf-8")
    return done


# ── Balados Sync ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_is_nearly_found_again(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """Once the kinds are decided: the same layout, migrations, projectors and protected subscriber as in the manifest
    that we ship, but for one table, which nothing but the application's code knows. It passes every check.
    """
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    proposed(run_cli, filled, tmp_path, *BALADOS)
    found, shipped = load_manifest(tmp_path / "balados-db.toml"), load_manifest(EXAMPLE)

    assert {s.name: s.kind for s in found.schemas} == {s.name: s.kind for s in shipped.schemas}
    assert folders(found, tmp_path) == folders(shipped, ROOT)
    assert found.event_store
    assert shipped.event_store
    assert found.event_store.layout == shipped.event_store.layout
    assert [c.table for c in found.checkpoints] == [c.table for c in shipped.checkpoints]
    assert found.subscriptions == shipped.subscriptions
    missing = TableName("users", "user_privacy")
    assert {p.name: {*p.tables} for p in found.projectors} == {
        p.name: {*p.tables} - {missing} for p in shipped.projectors
    }
    assert "# called after no projector: user_privacy" in (tmp_path / "balados-db.toml").read_text()
    for words in (("manifest", "check"), ("check", "--no-squawk")):
        checked = run_cli(*words, manifest=None, cwd=tmp_path)
        assert (checked.status, checked.err) == (0, "")


def test_a_store_of_ours_can_be_made_again(
    run_cli: RunCli, balados: Database, new_database: Callable[[], Database], tmp_path: Path
) -> None:
    """What the database notes of its store is in the proposal, so that the next database gets the same one."""
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    proposed(run_cli, balados, tmp_path, *BALADOS)
    other = new_database()

    assert 'install = "preset"' in (tmp_path / "balados-db.toml").read_text()
    assert run_cli("up", database=other, manifest=None, cwd=tmp_path).status == 0
    assert run_cli("verify", database=other, manifest=None, cwd=tmp_path).status == 0
    assert run_cli("status", "--check", database=other, manifest=None, cwd=tmp_path).status == 0


def folders(manifest: Manifest, root: Path) -> dict[str, Path]:
    return {s.name: s.migrations.relative_to(root) for s in manifest.migrated if s.migrations}


def test_nobody_guesses_what_is_permanent(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """Undecided, no command accepts the file: each says which key it is; nothing was decided for anybody."""
    done = proposed(run_cli, filled, tmp_path)
    manifest = tmp_path / "balados-db.toml"
    reset = run_cli("reset", "--projections", "--confirm", "DELETE", database=filled, manifest=manifest)
    checked = run_cli("check", "--no-squawk", manifest=manifest)

    assert done.json["result"]["undecided"] == ["public", "system", "users"]
    assert len(done.json["warnings"]) == 3
    assert {name: s["kind"] for name, s in tomli.loads(manifest.read_text())["schemas"].items()} == {
        "events": "event_store",
        **dict.fromkeys(("public", "system", "users"), "undecided"),
    }
    assert (reset.status, reset.code) == (2, "manifest_invalid")
    assert "schemas.public.kind: nobody has decided it yet: say permanent or projection" in reset.err
    assert checked.status == 4
    assert [line.partition(":")[0] for line in checked.out.splitlines() if "nobody has decided" in line] == [
        "balados-db.toml"
    ] * 3


def test_guesses_are_data(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """Each with its key, its value, how sure it is and why."""
    done = proposed(run_cli, filled, tmp_path, "--kind", "users=projection")
    found = {(g["key"], g["value"]): (g["confidence"], g["reason"]) for g in done.json["result"]["guesses"]}

    assert found["schemas.events.kind", "event_store"][0] == "proved"
    assert found["schemas.users.kind", "projection"] == ("decided", "it was decided so")
    assert found["schemas.public.kind", "projection"] == (
        "undecided",
        "3 of 3 tables are called after projectors that have a position",
    )
    assert found["schemas.system.kind", "permanent"] == (
        "undecided",
        "nothing tells that events could bring its rows back",
    )
    assert found["projectors.SubscriptionsProjector.tables", "users.subscriptions"][0] == "likely"
    assert found["projectors.PlaylistsProjector.tables", "users.playlist_items"][0] == "guessed"
    never = "subscriptions.BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection.replay"
    assert found[never, "never"][0] == "guessed"


def test_a_proposal_is_the_same_every_time(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """Twice the same database, twice the same text; and looking changes nothing."""
    before = filled.snapshot()
    texts = {run_cli("manifest", "init", "--out", "-", database=filled, manifest=None, cwd=tmp_path).out for _ in "ab"}

    assert len(texts) == 1
    assert filled.snapshot() == before
    assert list(tmp_path.iterdir()) == []


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_is_asked(filled: Database, tmp_path: Path) -> None:
    """At a terminal, of each schema, with what speaks for it; what is left open stays undecided."""
    file = tmp_path / "balados-db.toml"
    terminal = Terminal(filled, "manifest", "init", manifest=file)
    for name, says, keys in (
        ("public", "3 of 3 tables are called after projectors", "\r"),  # as it looks
        ("system", "nothing tells that events could bring its rows back", "\r"),
        ("users", "6 of 7 tables", "4"),  # later
    ):
        terminal.child.expect_exact(f"What is {name}? It looks")
        terminal.child.expect_exact(says)
        time.sleep(0.3)
        terminal.child.send(keys if keys == "\r" else f"{keys}\r")
    terminal.child.expect_exact("schemas.users.kind is undecided")
    terminal.child.expect("balados-db check|$")
    terminal.child.wait()

    assert {name: s["kind"] for name, s in tomli.loads(file.read_text())["schemas"].items()} == {
        "events": "event_store",
        "public": "projection",
        "system": "permanent",
        "users": "undecided",
    }


@pytest.mark.parametrize(
    "words",
    [
        ("--kind", "users=event_store"),
        ("--kind", "users"),
        ("--kind", "=permanent"),
        ("--kind", "users=permanent", "--kind", "users=projection"),
        ("--kind", "nosuch=permanent"),
    ],
    ids=" ".join,
)
def test_a_wrong_decision_is_refused(run_cli: RunCli, filled: Database, tmp_path: Path, words: tuple[str, ...]) -> None:
    """And no file is written."""
    done = run_cli("manifest", "init", *words, database=filled, manifest=None, cwd=tmp_path)

    assert (done.status, done.code) == (2, "usage")
    assert list(tmp_path.iterdir()) == []


def test_what_was_decided_holds_for_projectors_too(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """A permanent schema's tables are nobody's to rebuild; a schema that is left out is not named."""
    words = ("--kind", "users=permanent", "--kind", "public=projection", "--kind", "system=leave-out")
    proposed(run_cli, filled, tmp_path, *words)
    found = load_manifest(tmp_path / "balados-db.toml")

    assert [s.name for s in found.schemas] == ["events", "public", "users"]
    assert {table.schema for p in found.projectors for table in p.tables} == {"public"}
    assert '# tables = ["SCHEMA.TABLE"]  # TODO' in (tmp_path / "balados-db.toml").read_text()


# ── other databases ──────────────────────────────────────────────────────────────────────────────────────


def test_odd_names_are_quoted(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Names with quotes, blanks, dots, umlauts and line ends come through, as keys and in comments."""
    odd, worse = 'We"ird Näme', 'dot.ted # "x"\nkind = 1'
    database.execute(
        f"""
        create schema {quoted(odd)}; create table {quoted(odd)}.{quoted(worse)} (i int);
        create schema {quoted(worse)}; create table {quoted(worse)}.t (i int primary key);
        create table {quoted(odd)}."child\x01" (i int references {quoted(worse)}.t);
        create schema store;
        create table store.streams (stream_id bigint); create table store.events (i int);
        create table store.stream_events (i int); create table store.snapshots (i int);
        create table store.subscriptions (subscription_id bigint, subscription_name text, last_seen bigint)
        """
    )
    database.execute("insert into store.subscriptions values (1, %s, 5)", worse)
    proposed(run_cli, database, tmp_path, "--kind", f"{odd}=permanent", "--kind", f"{worse}=permanent")
    manifest = load_manifest(tmp_path / "balados-db.toml")

    assert [s.name for s in manifest.of_kind(SchemaKind.PERMANENT)] == [odd, worse]
    assert manifest.event_store is not None
    assert manifest.event_store.name == "store"
    assert dict(manifest.subscriptions) == {worse: "never"}
    assert run_cli("manifest", "check", manifest=tmp_path / "balados-db.toml").status == 0


def test_checkpoints_elsewhere_are_spelled_out(run_cli: RunCli, balados: Database, tmp_path: Path) -> None:
    """projection_versions in another schema than the event store's, as Ecto has it, becomes a [[checkpoints]]."""
    balados.execute(
        "create table public.projection_versions as table events.projection_versions;"
        "insert into public.projection_versions (projection_name, last_seen_event_number) values ('Here', 1)"
    )
    proposed(run_cli, balados, tmp_path, *BALADOS)
    manifest = load_manifest(tmp_path / "balados-db.toml")
    found = {c.table: c for c in manifest.checkpoints}

    assert found[TableName("public", "projection_versions")].position == "last_seen_event_number"
    assert found[TableName("public", "projection_versions")].refuses_undeclared
    assert [p.name for p in manifest.projectors] == ["Here"]
    checked = run_cli("manifest", "check", manifest=tmp_path / "balados-db.toml")
    assert (checked.status, "projectors.Here names no tables" in checked.err) == (4, True)


STRANGE = """
create schema read; create schema core; create schema bare; create schema app;
create table read.order_summaries (id int primary key, total int);
create table read.order_summary_lines (summary int references read.order_summaries);
create table read.lines_by_day (summary int references read.order_summaries);
create table read.audit (i int);
comment on table read.audit is 'Filled by AuditTrail.';
create table core.my_offsets (consumer text primary key, last_offset bigint);
insert into core.my_offsets values ('OrderSummaryProjection', 7), ('AuditTrail', 7);
create table core.reading_progress (reader text primary key, position int);
insert into core.reading_progress values ('Ann', 12);
create table app.things (i int);
create table app.schema_migrations (version bigint, inserted_at timestamp)
"""


def test_a_store_that_nobody_knows(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Positions are found by their looks, where a name in them is a projector's; comments and foreign keys tell as well.

    What only looks so is mentioned; empty schemas are left to whoever made them; another tool's history is named.
    """
    database.execute(STRANGE)
    kinds = ("--kind", "read=projection", "--kind", "core=permanent", "--kind", "app=permanent")
    done = proposed(run_cli, database, tmp_path, *kinds)
    manifest, text = load_manifest(tmp_path / "balados-db.toml"), done.json["result"]["manifest"]

    assert manifest.event_store is None
    assert "# No schema holds an event store of a known layout" in text
    (checkpoint,) = manifest.checkpoints
    assert (str(checkpoint.table), checkpoint.projector, checkpoint.position) == (
        "core.my_offsets",
        "consumer",
        "last_offset",
    )
    assert {p.name: sorted(t.name for t in p.tables) for p in manifest.projectors} == {
        "AuditTrail": ["audit"],
        "OrderSummaryProjection": ["lines_by_day", "order_summaries", "order_summary_lines"],
    }
    assert "# core.reading_progress looks as if it held positions" in text
    assert [s.name for s in manifest.schemas] == ["app", "core", "read"]
    assert '# Schema "bare" is left out' in text
    assert "# another tool migrates it (schema_migrations)" in text
    assert "it references read.order_summaries" in text
    assert run_cli("manifest", "check", manifest=tmp_path / "balados-db.toml").status == 0


def test_migrations_are_found_by_their_history(run_cli: RunCli, balados: Database, tmp_path: Path) -> None:
    """The directory that holds all that yoyo has noted; of two alike, and of none, a person chooses."""
    for copy in ("one", "two"):
        shutil.copytree(ROOT / "migrations" / "system", tmp_path / copy)
    shutil.copytree(ROOT / "migrations" / "projections" / "users", tmp_path / "deep" / "er")
    (tmp_path / "deep" / "er" / "0009_new.sql").write_text("")
    proposed(run_cli, balados, tmp_path, *BALADOS)
    text = (tmp_path / "balados-db.toml").read_text()

    assert folders(load_manifest(tmp_path / "balados-db.toml"), tmp_path) == {"users": Path("deep/er")}
    assert '# migrations = "one"\n# migrations = "two"\n' in text
    assert '# migrations = "migrations/public"\n' in text


def test_the_stamp_is_believed(run_cli: RunCli, balados: Database, tmp_path: Path) -> None:
    """A database that says it is production gets a manifest that says so as well."""
    run_cli("environment", "set", "production", database=balados)
    proposed(run_cli, balados, tmp_path, *BALADOS)

    assert load_manifest(tmp_path / "balados-db.toml").environment == "production"


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_exists_is_never_overwritten(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Whatever names it, an existing file stays as it is."""
    file = tmp_path / "balados-db.toml"
    file.write_text("mine")

    for words in ((), ("--out", str(file)), ("--manifest", str(file))):
        done = run_cli("manifest", "init", *words, database=database, manifest=None)
        assert (done.status, done.code) == (2, "file_exists")
    assert file.read_text() == "mine"


def quoted(name: str) -> str:
    """A PostgreSQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def test_a_role_that_sees_only_a_part_is_told_so(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """What it may not read is named in the file and beside it, and the rest is proposed; it used to fail."""
    name = f"{filled.name}_part"
    filled.execute(f"create role {name} login password 'secret-Kx9'")
    try:
        weak = Database(
            filled.name, make_conninfo("", **{**conninfo_to_dict(filled.url), "user": name, "password": "secret-Kx9"})
        )
        done = proposed(run_cli, weak, tmp_path, *BALADOS)
    finally:
        filled.execute(f"drop role {name}")
    text = (tmp_path / "balados-db.toml").read_text()

    unread = ("events.projection_versions", "events.subscriptions", "system._yoyo_migration", "balados_db.environment")
    assert [table for table in unread if f"# TODO: this role may not read {table}, so" not in text] == []
    assert [w for w in done.json["warnings"] if "may not read events.subscriptions" in w]
    assert load_manifest(tmp_path / "balados-db.toml").event_store
