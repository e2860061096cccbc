"""The manifest: what is written is what is meant, and the right file is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli

from balados_db import errors
from balados_db.manifest.loading import load_manifest
from balados_db.manifest.place import FILE_NAME, find_manifest
from balados_db.manifest.sections import json_schema
from balados_db.manifest.store import PRESETS
from balados_db.model import CheckpointTable, Liveness, SchemaKind, Scope, TableName
from tests.conftest import EXAMPLE
from tests.unit.builders import table
from tests.unit.manifests import CUSTOM, SMALL, Load, Write

# The contract's own example, with its commented keys as they stand there.
CONTRACT = """
version = 1

[database]
url = "${DATABASE_URL}"
environment = "development"

[schemas.system]
kind = "permanent"
migrations = "migrations/system"
holds = "user accounts, app tokens, play tokens"

[schemas.users]
kind = "projection"
migrations = "migrations/projections/users"
holds = "subscriptions, listening progress, playlists, privacy settings"

[schemas.public]
kind = "projection"
migrations = "migrations/projections/public"
holds = "popularity scores, public activity feed"

[schemas.events]
kind = "event_store"
layout = "commanded"
install = "sql/eventstore"
holds = "every domain event, streams, snapshots"

[projectors.SubscriptionsProjector]
tables = ["users.subscriptions"]
events = ["UserSubscribed", "UserUnsubscribed"]
[projectors.PublicEventsProjector]
tables = ["public.public_events", "users.user_privacy"]

[[checkpoints]]
table = "public.projection_versions"
projector = "projection_name"
position = "last_seen_event_number"
forget = "delete"

[subscriptions."BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection"]
replay = "never"

[confirmation]
projections = "DELETE"
system = "DELETE"
events = "DELETE ALL EVENTS"
all = "DELETE ALL DATA"

[environments]
protected = ["production"]
"""

# ── what is meant ────────────────────────────────────────────────────────────────────────────────────────


def test_the_contracts_own_example_loads(load: Load, tmp_path: Path) -> None:
    """What the contract shows is understood, paths relative to the file."""
    manifest = load(CONTRACT)

    assert {s.name: s.kind for s in manifest.schemas} == {
        "system": SchemaKind.PERMANENT,
        "users": SchemaKind.PROJECTION,
        "public": SchemaKind.PROJECTION,
        "events": SchemaKind.EVENT_STORE,
    }
    assert manifest.schema("users").migrations == tmp_path / "migrations/projections/users"
    assert manifest.event_store.install == tmp_path / "sql/eventstore"
    assert manifest.projectors[1].tables == (table("public.public_events"), table("users.user_privacy"))
    assert manifest.subscriptions == {"BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection": "never"}
    assert manifest.environment == "development"
    assert manifest.protected == ("production",)


def test_the_shipped_example_loads() -> None:
    """balados-db.toml of the repository is right, and what it names is there."""
    manifest = load_manifest(EXAMPLE)

    assert all(schema.migrations.is_dir() for schema in manifest.migrated)
    assert manifest.event_store.install.is_dir()


def test_phrases_have_their_defaults(load: Load) -> None:
    """A manifest that says nothing about confirmation gets the contract's phrases."""
    assert load(SMALL).phrases == {
        Scope.PROJECTIONS: "DELETE",
        Scope.SYSTEM: "DELETE",
        Scope.EVENTS: "DELETE ALL EVENTS",
        Scope.ALL: "DELETE ALL DATA",
    }


def test_a_phrase_may_be_longer(load: Load) -> None:
    """Any words, as long as they are not fewer letters."""
    phrases = load(SMALL + '[confirmation]\nsystem = "DELETE EVERY MEMBER — ça suffit"\n').phrases

    assert phrases[Scope.SYSTEM] == "DELETE EVERY MEMBER — ça suffit"
    assert phrases[Scope.PROJECTIONS] == "DELETE"


def test_nothing_but_a_version_is_a_manifest(load: Load) -> None:
    """Every table of the manifest is optional."""
    manifest = load("version = 1\n")

    assert (manifest.schemas, manifest.projectors, manifest.event_store) == ((), (), None)


def test_production_is_always_protected(load: Load) -> None:
    """The safe default needs no line, and no line takes it away."""
    assert load(SMALL).protected == ("production",)
    assert load(SMALL + "[environments]\nprotected = ['live', 'demo']\n").protected == ("production", "live", "demo")
    assert load(SMALL + "[environments]\nprotected = []\n").protected == ("production",)


URLS = {
    "a variable that is set": ("${CLUB_URL}", {"CLUB_URL": "postgresql://h/db"}, "postgresql://h/db"),
    "variables inside": (
        "postgresql://${WHO}@${WHERE}/club",
        {"WHO": "me", "WHERE": "h"},
        "postgresql://me@h/club",
    ),
    "one that is not set: no key at all": ("postgresql://${WHO}@${WHERE}/club", {"WHO": "me"}, None),
    "one that is empty: no key at all": ("${CLUB_URL}", {"CLUB_URL": ""}, None),
    "no variable": ("postgresql://h/db", {}, "postgresql://h/db"),
    "a dollar without braces stays": ("postgresql://u:$WHO@h/db", {"WHO": "me"}, "postgresql://u:$WHO@h/db"),
    "what a variable holds is not looked into": ("${CLUB_URL}", {"CLUB_URL": "${WHO}", "WHO": "x"}, "${WHO}"),
    "an empty string": ("", {}, None),
}


@pytest.mark.parametrize(("written", "environment", "url"), URLS.values(), ids=URLS)
def test_the_url_takes_variables(
    load: Load, monkeypatch: pytest.MonkeyPatch, written: str, environment: dict[str, str], url: str | None
) -> None:
    """${VAR} is filled in from the environment; an unset variable is an absent key."""
    for name in ("CLUB_URL", "WHO", "WHERE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load(SMALL + f'[database]\nurl = "{written}"\n').url == url


def test_a_projector_reads_tables_of_every_kind_of_schema(load: Load) -> None:
    """Permanent data, projections, the store: whatever is declared. No tables at all is something else than none said."""
    text = (
        SMALL + "[projectors.P]\nreads = ['members.cards', 'reading.v', 'log.streams']\n[projectors.Q]\ntables = []\n"
    )
    unsaid, none = load(text).projectors

    assert unsaid.reads == (TableName("members", "cards"), TableName("reading", "v"), TableName("log", "streams"))
    assert ((unsaid.tables, unsaid.fills_nothing), (none.tables, none.fills_nothing)) == (((), False), ((), True))


NAMES = {
    "a plain name": ("reading.loans", TableName("reading", "loans")),
    "a dot in the table's name": ("reading.loans.old", TableName("reading", "loans.old")),
    "a schema with a dot": ("my.reading.loans", TableName("my.reading", "loans")),
    "the longest declared schema": ("my.reading.old.loans", TableName("my.reading.old", "loans")),
    "a shorter schema, a table with dots": ("my.reading.older.loans", TableName("my.reading", "older.loans")),
    "capitals and blanks as they are": ('reading.My "Loans"', TableName("reading", 'My "Loans"')),
}


@pytest.mark.parametrize(("written", "meant"), NAMES.values(), ids=NAMES)
def test_a_tables_name_is_split_at_its_schema(load: Load, written: str, meant: TableName) -> None:
    """A declared schema's name, a dot, the table's name exactly."""
    schemas = "".join(
        f"[schemas.'{name}']\nkind = 'projection'\n" for name in ("reading", "my.reading", "my.reading.old")
    )

    assert load(f"version = 1\n{schemas}[projectors.P]\ntables = ['''{written}''']\n").projectors[0].tables == (meant,)


# ── event stores ─────────────────────────────────────────────────────────────────────────────────────────


def test_commanded_is_the_layout_that_needs_no_line(load: Load) -> None:
    """A preset's tables lie in whatever schema is declared as the event store."""
    manifest = load(SMALL)
    layout = manifest.event_store.layout

    assert layout.name == "commanded"
    assert layout.liveness.table == TableName("log", "subscriptions")
    assert {"streams", "events", "subscriptions"} <= set(layout.tables)
    assert [c.table for c in manifest.checkpoints] == [
        TableName("log", "subscriptions"),
        TableName("log", "projection_versions"),
    ]


def test_only_the_projectors_own_table_refuses_names_that_nobody_declares(load: Load) -> None:
    """The store's subscriptions know handlers that are no projectors."""
    refusing = {c.table.name: c.refuses_undeclared for c in load(SMALL).checkpoints}

    assert refusing == {"subscriptions": False, "projection_versions": True}


def test_a_checkpoint_table_of_the_manifest_replaces_its_namesake(load: Load) -> None:
    """Spelling a table of the preset out changes how it is forgotten, and does not forget it twice."""
    spelled = "[[checkpoints]]\ntable = 'log.projection_versions'\nprojector = 'projection_name'\n"
    spelled += "forget = { set = { last_seen_event_number = 0 } }\n"
    found = [c for c in load(SMALL + spelled).checkpoints if c.table.name == "projection_versions"]

    assert [c.set for c in found] == [{"last_seen_event_number": 0}]


@pytest.mark.parametrize("preset", sorted(p.stem for p in PRESETS.glob("*.toml")))
def test_every_preset_is_right(load: Load, preset: str) -> None:
    """Each shipped layout can be used by name, and lies wholly in the schema that is declared."""
    manifest = load(SMALL + f'layout = "{preset}"\n')
    layout = manifest.event_store.layout

    assert layout.name == preset
    assert layout.proof
    assert layout.tables
    assert {c.table.schema for c in manifest.checkpoints} <= {"log"}


def test_a_layout_brings_its_own_sql(load: Load) -> None:
    """`install = "preset"` is the SQL that travels with balados-db; a folder of that name is `./preset`."""
    (own, folder) = (load(SMALL + f'install = "{written}"\n').event_store.install for written in ("preset", "./preset"))

    assert {file.name for file in own.glob("*.sql")} >= {"0001_tables.sql", "1002_truncate_guards.sql"}
    assert (folder.name, folder == own) == ("preset", False)


def test_a_layout_without_sql_of_its_own_says_so(load: Load) -> None:
    """What it cannot bring is named, before anything is done."""
    with pytest.raises(errors.ManifestInvalid, match="layout 'emmett' brings no SQL of its own"):
        load(SMALL + 'layout = "emmett"\ninstall = "preset"\n')
    with pytest.raises(errors.ManifestInvalid, match="layout 'custom' brings no SQL of its own"):
        load(CUSTOM.replace('layout = "custom"', 'layout = "custom"\ninstall = "preset"'))


def test_a_custom_layout_is_spelled_out(load: Load) -> None:
    """Everything that a preset says can be said in the manifest."""
    layout = load(CUSTOM).event_store.layout

    assert (layout.name, layout.proof, layout.tables) == ("custom", ("messages",), ("messages", "categories"))
    assert layout.head == "select max(position) from {event_store}.messages"
    assert layout.additions == "9*.sql"
    assert layout.reset_settings == {"store.reset": "on"}
    assert (layout.guards, layout.triggers) == ({"messages": ("update", "truncate")}, {"messages": ("tell",)})
    assert layout.liveness == Liveness(table=TableName("log", "consumers"), id="id", name="name")


def test_a_custom_layout_is_proved_by_its_tables(load: Load) -> None:
    """Without `proof` every table has to be there."""
    assert load(CUSTOM.replace('proof = ["messages"]\n', "")).event_store.layout.proof == ("messages", "categories")


def test_checkpoints_say_how_they_are_forgotten(load: Load) -> None:
    """DELETE unless the manifest sets columns or has a statement of its own."""
    consumers, tokens, marks = load(CUSTOM).checkpoints

    assert consumers == CheckpointTable(table=table("log.consumers"), projector="name", position="position")
    assert tokens.set == {"token": "", "position": 0}
    assert tokens.where == "kind = 'projector'"
    assert tokens.refuses_undeclared
    assert marks.sql == "delete from elsewhere.marks where who = any (%(projectors)s)"
    assert not marks.refuses_undeclared


# ── finding it ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder two below the temporary one, to be in."""
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.delenv("BALADOS_DB_MANIFEST", raising=False)
    return here


def test_the_nearest_manifest_upwards_is_found(somewhere: Path, write: Write, tmp_path: Path) -> None:
    """Like git: from the working directory up."""
    far = write("version = 1\n")
    assert find_manifest() == far

    near = tmp_path / "a" / FILE_NAME
    near.write_text("version = 1\n")
    assert find_manifest() == near


def test_what_is_named_wins(somewhere: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """--manifest before BALADOS_DB_MANIFEST, that before what lies nearby."""
    write("version = 1\n")
    named, by_variable = somewhere / "named.toml", somewhere / "variable.toml"
    named.touch()
    by_variable.touch()
    monkeypatch.setenv("BALADOS_DB_MANIFEST", "variable.toml")

    assert find_manifest("named.toml") == named
    assert find_manifest() == by_variable


def test_a_named_manifest_that_is_missing_is_not_replaced(
    somewhere: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typo in a name never means another file."""
    write("version = 1\n")

    with pytest.raises(errors.ManifestMissing, match=r"nam\.toml"):
        find_manifest("nam.toml")
    monkeypatch.setenv("BALADOS_DB_MANIFEST", "var.toml")
    with pytest.raises(errors.ManifestMissing, match=r"var\.toml"):
        find_manifest()


# ── JSON Schema ──────────────────────────────────────────────────────────────────────────────────────────


def unknown_to(schema: dict[str, Any], node: dict[str, Any], value: Any, at: str = "$") -> list[str]:
    """Paths of the keys that the schema does not know."""
    node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if "anyOf" in node:
        return min((unknown_to(schema, option, value, at) for option in node["anyOf"]), key=len)
    if isinstance(value, list):
        return [p for n, v in enumerate(value) for p in unknown_to(schema, node.get("items", {}), v, f"{at}[{n}]")]
    if not isinstance(value, dict):
        return []
    known, rest = node.get("properties", {}), node.get("additionalProperties", True)
    found = [f"{at}.{key}" for key in value if key not in known and rest is False]
    inner = {key: known.get(key, rest if isinstance(rest, dict) else {}) for key in value}
    return found + [p for key, v in value.items() for p in unknown_to(schema, inner[key], v, f"{at}.{key}")]


@pytest.mark.parametrize(
    "text", [CONTRACT, SMALL, CUSTOM, EXAMPLE.read_text()], ids=["contract", "small", "custom", "example"]
)
def test_the_json_schema_knows_every_key(text: str) -> None:
    """An editor that follows the schema marks nothing in a right manifest."""
    schema = json_schema()

    assert unknown_to(schema, schema, tomli.loads(text)) == []


def test_the_json_schema_refuses_what_is_refused() -> None:
    """Keys that nobody knows are mistakes for an editor too."""
    schema = json_schema()
    wrong = {"version": 1, "schemas": {"a": {"kind": "permanent", "migration": "x"}}, "colour": 1}

    assert unknown_to(schema, schema, wrong) == ["$.colour", "$.schemas.a.migration"]
