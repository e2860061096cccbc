"""Several databases in one manifest: what may be written, and what each part of it says."""

from __future__ import annotations

import pytest

from balados_db.errors import ManifestInvalid, NoUrlFor, TargetsDisagree
from balados_db.model import DatabaseState, Manifest, SchemaState, Scope
from balados_db.planning.request import ResetRequest
from balados_db.planning.together import concerned, together
from balados_db.postgres.agreement import refuse_disagreement
from balados_db.postgres.source import find_source
from balados_db.testing.project import Project
from tests.unit.builders import table
from tests.unit.manifests import Load, Write

APART = """
version = 1
[database]
url = "postgresql://here/club"
[databases.log-store]
url = "${LOG_URL}"
[databases.charts]
[schemas.members]
kind = "permanent"
[schemas.reading]
kind = "projection"
[schemas.stats]
kind = "projection"
database = "charts"
[schemas.log]
kind = "event_store"
database = "log-store"
[projectors.Loans]
tables = ["reading.loans"]
[projectors.Counter]
tables = ["reading.readers", "stats.counters"]
[[checkpoints]]
table = "public.projection_versions"
projector = "projection_name"
"""


@pytest.fixture
def apart(load: Load) -> Manifest:
    return load(APART)


def test_each_part_says_what_lies_in_its_database(apart: Manifest) -> None:
    """Schemas and positions lie in one; a projector is in all of them, with what it fills there."""
    main, log, charts = (apart.part(name) for name in apart.parts)

    assert apart.parts == ("main", "log-store", "charts")
    assert [[s.name for s in part.schemas] for part in (main, log, charts)] == [
        ["members", "reading"],
        ["log"],
        ["stats"],
    ]
    assert [[str(c.table) for c in part.checkpoints] for part in (main, log, charts)] == [
        ["public.projection_versions"],
        ["log.subscriptions", "log.projection_versions"],
        [],
    ]
    loans, counter = charts.projectors
    assert (loans.tables, loans.elsewhere) == ((), True)
    assert (counter.tables, counter.elsewhere) == ((table("stats.counters"),), True)
    assert not main.projectors[0].elsewhere
    assert log.event_store is not None
    assert main.event_store is None


def test_a_manifest_of_one_database_has_one_part(load: Load) -> None:
    """Also where the one is not the main one."""
    one = '[databases.log]\nurl = "postgresql://there/log"\n[schemas.log]\nkind = "event_store"\ndatabase = "log"\n'
    assert load("version = 1\n" + one).parts == ("log",)
    assert load("version = 1\n").parts == ("main",)
    assert load('version = 1\n[schemas.x]\nkind = "permanent"\ndatabase = "main"\n').parts == ("main",)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        pytest.param('[databases.log]\n[schemas.x]\nkind = "permanent"\ndatabase = "lg"', "schemas.x.database", "'log'?", id="unknown"),
        pytest.param("[databases.main]", "databases.main", "[database]", id="the main one's name"),
        pytest.param('[databases."a b"]', "databases.a b", "letters", id="no name"),
        pytest.param("[databases.a-b]\n[databases.a_b]", "databases.a_b", "BALADOS_DB_URL_A_B", id="one variable for two"),
        pytest.param('[databases.log]\nuri = "x"', "databases.log.uri", "'url'?", id="unknown key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(load: Load, text: str, key: str, said: str) -> None:
    """Key, and the nearest right word."""
    with pytest.raises(ManifestInvalid) as caught:
        load(f"version = 1\n{text}\n")
    assert caught.value.facts["key"] == key
    assert said in caught.value.message


def test_liveness_lies_where_the_events_do(load: Load) -> None:
    """Its locks are taken in the event store's database: a table elsewhere has another's number."""
    store = 'kind = "event_store"\nlayout = "custom"\ndatabase = "log"\n[event_store]\ntables = ["messages"]\n'
    live = '[event_store.liveness]\ntable = "public.consumers"\nid = "id"\nname = "name"\n'
    with pytest.raises(ManifestInvalid, match="another database"):
        load(f"version = 1\n[databases.log]\n[schemas.log]\n{store}{live}")


def test_where_the_url_of_another_database_comes_from(apart: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """--url NAME=, its own variable, the manifest; nothing that names the main one."""
    part = apart.part("log-store")
    monkeypatch.setenv("DATABASE_URL", "postgresql://main/club")
    monkeypatch.setenv("BALADOS_DB_URL", "postgresql://main/club")
    monkeypatch.setenv("PGDATABASE", "club")
    with pytest.raises(NoUrlFor, match="BALADOS_DB_URL_LOG_STORE"):
        find_source(None, part)

    monkeypatch.setenv("BALADOS_DB_URL_LOG_STORE", "postgresql://there/log")
    assert find_source(None, part).name == "BALADOS_DB_URL_LOG_STORE"
    assert find_source("postgresql://elsewhere/log", part).target == "elsewhere:5432/log"


def test_what_names_another_database_must_agree(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is destroyed, as for the main one."""
    monkeypatch.setenv("LOG_URL", "postgresql://there/log")
    part = load(APART).part("log-store")
    refuse_disagreement(None, part)
    monkeypatch.setenv("BALADOS_DB_URL_LOG_STORE", "postgresql://there/old_log")
    with pytest.raises(TargetsDisagree, match="BALADOS_DB_URL_LOG_STORE"):
        refuse_disagreement(None, part)
    refuse_disagreement("postgresql://there/log", part)


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        pytest.param(ResetRequest(scope=Scope.PROJECTIONS), ("main", "log-store", "charts"), id="projections"),
        pytest.param(ResetRequest(scope=Scope.SYSTEM), ("main",), id="permanent data has no positions"),
        pytest.param(ResetRequest(scope=Scope.PROJECTIONS, projector="Loans"), ("main", "log-store"), id="a projector"),
        pytest.param(ResetRequest(scope=Scope.EVENTS), ("main", "log-store"), id="events, and everybody's positions"),
        pytest.param(ResetRequest(scope=Scope.ALL), ("main", "log-store", "charts"), id="all"),
    ],
)
def test_what_a_reset_reaches_into(apart: Manifest, request_: ResetRequest, names: tuple[str, ...]) -> None:
    """The tables' databases, those of the positions, and the one whose locks tell who is alive."""
    assert concerned(apart, request_) == names


def test_a_test_has_a_database_for_each_of_the_manifest(write: Write) -> None:
    """The first is named as the only one of others is; a name in the manifest may be of any length."""
    long = "l" * 60
    text = f'version = 1\n[databases.{long}]\n[schemas.log]\nkind = "event_store"\ndatabase = "{long}"\n'
    project = Project(write(text + '[schemas.x]\nkind = "permanent"\n'))
    alone = Project(write('version = 1\n[schemas.x]\nkind = "permanent"\n'))

    assert project.named("stem") == {"main": "stem", long: "stem_1"}
    assert alone.named("stem") == {"main": "stem"}
    assert all(len(name) < 64 for name in project.named(project.template).values())


def test_several_databases_are_one_picture() -> None:
    """Schemas of all; head and subscriptions of the one that holds the events."""
    main = DatabaseState(identity=None, schemas=(SchemaState(name="reading", exists=True),))
    log = DatabaseState(
        identity=None,
        schemas=(SchemaState(name="log", exists=True),),
        event_store=True,
        event_store_tables=("streams",),
        head=70,
        subscriptions=((1, "Loans"),),
    )
    whole = together((main, log))
    assert [s.name for s in whole.schemas] == ["reading", "log"]
    assert (whole.head, whole.event_store, whole.subscriptions) == (70, True, ((1, "Loans"),))
