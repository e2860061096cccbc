"""`manifest check`, `manifest schema`, `manifest init`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result

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
