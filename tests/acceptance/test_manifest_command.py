"""`manifest check`, `manifest schema`, `manifest init`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from balados_db.manifest import load_manifest
from balados_db.model import SchemaKind, TableName
from tests.conftest import Database, Result

RunCli = Callable[..., Result]

NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a manifest, with the migrations that it names."""

    def write(text: str, **migrations: str) -> Path:
        for name, source in migrations.items():
            file = tmp_path / "sql" / f"{name.replace('__', '.')}.sql"
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)
        manifest = tmp_path / "balados-db.toml"
        manifest.write_text(f"version = 1\n{text}", encoding="utf-8")
        return manifest

    return write


Write = Callable[..., Path]

ONE_PROJECTION = '[schemas.read]\nkind = "projection"\nmigrations = "sql"\n'


# ── check ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_is_fine_without_a_database(run_cli: RunCli) -> None:
    """A manifest is checked without a server: kinds, schemas and projectors are listed."""
    done = run_cli("manifest", "check", env={"DATABASE_URL": NOWHERE})

    assert (done.status, done.err) == (0, "")
    assert "1 permanent, 2 projection, 1 event store, 6 projectors" in done.out
    assert "PopularityProjector" in done.out


def test_check_as_json(run_cli: RunCli) -> None:
    """--json gives the summary by name."""
    result = run_cli("manifest", "check", "--json").json["result"]

    assert [s["schema"] for s in result["schemas"] if s["kind"] == "projection"] == ["users", "public"]
    assert result["subscriptions"] == {"BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection": "never"}


def test_a_misspelt_table_is_a_finding(run_cli: RunCli, write: Write) -> None:
    """A projector's table that no migration mentions is found, with the nearest word."""
    manifest = write(
        ONE_PROJECTION
        + '[projectors.P]\ntables = ["read.subscripton", "read.Plays"]\nreads = ["read.subscription", "read.play"]\n',
        **{"0001_first": "create table subscription (i int);\ncreate table plays (i int);\n"},
    )

    done = run_cli("manifest", "check", manifest=manifest)

    assert done.status == 4
    assert "'read.subscripton'; did you mean 'read.subscription'?" in done.err
    assert "projectors.P.reads: no migration of read mentions 'read.play'; did you mean 'read.plays'?" in done.err
    assert "Plays" not in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(ONE_PROJECTION, "no projector fills a table of it", id="projection without projector"),
        pytest.param(
            ONE_PROJECTION + "[projectors.P]\n", "projectors.P names no tables", id="projector without tables"
        ),
        pytest.param(
            ONE_PROJECTION + '[projectors.P]\ntables = ["read.a"]\n[subscriptions.P]\nreplay = "never"\n',
            "projectors.P is also a subscription",
            id="projector that must not replay",
        ),
    ],
)
def test_what_nobody_can_have_meant_is_a_finding(run_cli: RunCli, write: Write, text: str, said: str) -> None:
    """What is allowed but cannot be right ends with status 4 and says why."""
    done = run_cli("manifest", "check", manifest=write(text, **{"0001_a": "create table a (i int)"}))

    assert done.status == 4
    assert said in done.err


def test_a_leftover_rollback_is_a_finding(run_cli: RunCli, write: Write) -> None:
    """A rollback whose migration is gone is found."""
    manifest = write(
        ONE_PROJECTION + '[projectors.P]\ntables = ["read.a"]\n',
        **{"0001_a": "create table a (i int)", "0002_b__rollback": "drop table b"},
    )

    done = run_cli("manifest", "check", manifest=manifest)

    assert done.status == 4
    assert "0002_b.rollback.sql: takes back a migration that is not there" in done.err


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(
            '[schemas.a]\nkind = "permanent"\nmigrations = "nowhere"\n', "migrations_missing", id="migrations"
        ),
        pytest.param('[schemas.a]\nkind = "event_store"\ninstall = "nowhere"\n', "install_sql_missing", id="install"),
        pytest.param('[schemas.a]\nkind = "permanant"\n', "manifest_invalid", id="kind"),
        pytest.param("[schemas.a\n", "manifest_syntax", id="syntax"),
    ],
)
def test_what_would_stop_every_command_is_an_error(run_cli: RunCli, write: Write, text: str, code: str) -> None:
    """A manifest that no command could use ends with status 2 and its own code."""
    done = run_cli("manifest", "check", manifest=write(text))

    assert (done.status, done.code) == (2, code)


# ── schema ───────────────────────────────────────────────────────────────────────────────────────────────


def test_schema_knows_every_key(run_cli: RunCli) -> None:
    """The JSON Schema names every table of the manifest and refuses unknown keys, like the manifest itself."""
    schema = json.loads(run_cli("manifest", "schema", manifest=None).out)

    root = schema["$defs"]["ManifestFile"]
    assert {"version", "schemas", "projectors", "subscriptions", "confirmation"} <= set(root["properties"])
    assert root["additionalProperties"] is False


# ── init ─────────────────────────────────────────────────────────────────────────────────────────────────


def proposed(run_cli: RunCli, database: Database, folder: Path) -> str:
    """The manifest that is proposed for a database, as a file `balados-db.toml`."""
    done = run_cli("manifest", "init", database=database, manifest=None, cwd=folder)
    assert done.status == 0, done.err
    return (folder / "balados-db.toml").read_text(encoding="utf-8")


def test_a_proposal_guesses_nothing_towards_destruction(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """The event store is recognised, every other schema is called permanent, no subscription may replay."""
    text = proposed(run_cli, filled, tmp_path)
    manifest = load_manifest(tmp_path / "balados-db.toml")

    assert {s.name: s.kind.value for s in manifest.schemas} == {
        "events": "event_store",
        "public": "permanent",
        "system": "permanent",
        "users": "permanent",
    }
    assert text.count("# a guess on the safe side: say projection if every table can be rebuilt from events") == 3
    assert manifest.subscriptions["BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection"] == "never"
    assert manifest.projectors == ()
    assert "# [projectors.PopularityProjector]" in text
    assert "[subscriptions.PopularityProjector]" not in text
    assert "yoyo has noted 6 migrations here" in text


def test_a_proposal_as_it_is_lets_no_reset_through(run_cli: RunCli, filled: Database, tmp_path: Path) -> None:
    """Before anybody has said what the projectors rebuild, a reset of projections is refused."""
    proposed(run_cli, filled, tmp_path)

    done = run_cli(
        "reset", "--projections", "--confirm", "DELETE", database=filled, manifest=tmp_path / "balados-db.toml"
    )

    assert (done.status, done.code) == (5, "undeclared_positions")


def test_odd_names_are_quoted(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Names with quotes, blanks, dots, umlauts and line ends come through, as keys and in comments."""
    odd, worse = 'We"ird Näme', 'dot.ted # "x"\nkind = 1'
    database.execute(
        f"""
        create schema {quoted(odd)}; create table {quoted(odd)}.{quoted(worse)} (i int);
        create schema {quoted(worse)}; create table {quoted(worse)}.t (i int);
        create schema store;
        create table store.streams (stream_id bigint); create table store.events (i int);
        create table store.stream_events (i int); create table store.snapshots (i int);
        create table store.subscriptions (subscription_id bigint, subscription_name text, last_seen bigint)
        """
    )
    database.execute("insert into store.subscriptions values (1, %s, 5)", worse)

    proposed(run_cli, database, tmp_path)

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

    text = proposed(run_cli, balados, tmp_path)

    found = {c.table: c for c in load_manifest(tmp_path / "balados-db.toml").checkpoints}
    assert found[TableName("public", "projection_versions")].position == "last_seen_event_number"
    assert found[TableName("public", "projection_versions")].refuses_undeclared
    assert "# [projectors.Here]" in text


def test_schemas_of_others_are_left_out(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Empty schemas are left to whoever made them; another migration tool's history is named."""
    database.execute(
        "create schema bare; create schema app; create table app.things (i int);"
        "create table app.schema_migrations (version bigint, inserted_at timestamp)"
    )

    text = proposed(run_cli, database, tmp_path)

    assert [s.name for s in load_manifest(tmp_path / "balados-db.toml").schemas] == ["app"]
    assert '# Schema "bare" is left out' in text
    assert "# another tool migrates it (schema_migrations)" in text


def test_the_stamp_is_believed(run_cli: RunCli, balados: Database, tmp_path: Path) -> None:
    """A database that says it is production gets a manifest that says so as well."""
    run_cli("environment", "set", "production", database=balados)
    proposed(run_cli, balados, tmp_path)

    assert load_manifest(tmp_path / "balados-db.toml").environment == "production"


def test_a_file_that_exists_is_never_overwritten(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Whatever names it, an existing file stays as it is."""
    file = tmp_path / "balados-db.toml"
    file.write_text("mine")

    for words in ((), ("--out", str(file)), ("--manifest", str(file))):
        done = run_cli("manifest", "init", *words, database=database, manifest=None)
        assert (done.status, done.code) == (2, "file_exists")
    assert file.read_text() == "mine"


def test_a_proposal_can_go_to_standard_output(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """`--out -` writes no file."""
    done = run_cli("manifest", "init", "--out", "-", database=database, manifest=None)

    assert done.out.startswith("# Proposed by")
    assert list(tmp_path.iterdir()) == []


def quoted(name: str) -> str:
    """A PostgreSQL identifier."""
    return '"' + name.replace('"', '""') + '"'
