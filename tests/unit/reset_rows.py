"""The table of resets: what was asked of which database, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from balados_db.model import (
    CheckpointState,
    CheckpointTable,
    DatabaseState,
    Journal,
    Manifest,
    Migration,
    Projector,
    RelationKind,
    Role,
    Scope,
    Ties,
)
from balados_db.planning.plan import Plan
from balados_db.planning.refusals import Obstacles
from balados_db.planning.request import ResetRequest
from balados_db.planning.reset import plan_reset
from balados_db.planning.shape import shape_reset
from tests.unit.builders import (
    BOARD,
    FILES,
    MANIFEST,
    MEMBERS,
    PLAIN_YOYO,
    PROJECTORS,
    READING,
    STATE,
    STATS,
    SUBSCRIPTIONS,
    VERSIONS,
    Change,
    also,
    drifted,
    in_database,
    in_identity,
    in_schema,
    live,
    migration,
    missing,
    projecting,
    relation,
    seeded,
    session,
    table,
    unrecorded,
    with_relations,
    without_relation,
)

Files = Mapping[str, tuple[Migration, ...]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request and a database; the ids of the steps, the tables that are emptied, whose positions are forgotten."""

    id: str
    request: ResetRequest
    steps: str = ""
    emptied: str = ""
    forgets: str = ""
    state: DatabaseState = STATE
    manifest: Manifest = MANIFEST
    files: Files = field(default_factory=lambda: FILES)
    leaning: str = ""
    obstacles: Obstacles = field(default_factory=Obstacles)

    def plan(self, *changes: Change, **options: Any) -> Plan:
        """Plan it; with changes, in a database that differs by them."""
        state = also(*changes, state=self.state)
        leaning = frozenset(self.leaning.split())
        shape = shape_reset(state, self.manifest, self.files, self.request, leaning)
        return plan_reset(state, self.manifest, self.files, self.request, shape, self.obstacles, **options)


def asked(scope: Scope, **narrowed: Any) -> ResetRequest:
    """A request."""
    return ResetRequest(scope=scope, **narrowed)


def framed(steps: str) -> str:
    """Between the fingerprint and its proof."""
    return f"capture_preserved {steps} prove_preserved write_receipt"


def anew(name: str, rest: str = "") -> str:
    """One schema made anew, `rest` emptied before."""
    return framed(f"drop_contents {rest} apply_migrations:{name} give_back:{name} {FORGET} record_structure:{name}")


SAFE, SYSTEM, EVENTS, ALL = (asked(scope) for scope in Scope)
STATS_ALONE = asked(Scope.PROJECTIONS, schema=STATS)
FORGET_VERSIONS = "forget_checkpoints:log.projection_versions"
FORGET = f"forget_checkpoints:log.subscriptions {FORGET_VERSIONS}"
EMPTIED = framed(f"empty_tables {FORGET}")
EVERY_PROJECTION = "reading.loans reading.fines reading.privacy board.feed stats.counters"
BUT_STATS = "reading.loans reading.fines reading.privacy board.feed"
EVERYBODY = "Loans Feed Counter"
STORE_TABLES = "log.streams log.events log.subscriptions"
ALIAS = Projector(name="Alias", tables=(table("stats.counters"),))
HISTORY = relation("stats.schema_migrations", role=Role.OTHER_HISTORY)
PLACES = CheckpointTable(table=table("stats.places"), projector="name", refuses_undeclared=True)
WITH_PLACES = replace(MANIFEST, checkpoints=(*MANIFEST.checkpoints, PLACES))
HAS_PLACES = also(
    with_relations(relation("stats.places", role=Role.CHECKPOINTS)),
    in_database(checkpoint_tables=(*STATE.checkpoint_tables, PLACES.table)),
)
EDITED = {**FILES, STATS: (migration("0001_stats", "select 2;\n"), FILES[STATS][1])}
PENDING = {**FILES, STATS: (*FILES[STATS], migration("0003_stats"))}


def reading(name: str, *reads: str) -> Projector:
    """A projector of the manifest that looks things up in these tables."""
    found = next(p for p in PROJECTORS if p.name == name)
    return replace(found, reads=tuple(map(table, reads)))


def tied(**ties: Any) -> Change:
    """How relations hang together."""
    return in_database(ties=Ties(**ties))


def begun(*projectors: str) -> Journal:
    """A reset of these projectors that was interrupted."""
    return Journal(
        id=1,
        scope="projections",
        schemas=(STATS,),
        recreated=(),
        projectors=projectors,
        arguments=("reset", "--projections"),
        phases=3,
        done=1,
        begun_at="2026-01-01",
    )


def best_loans(state: DatabaseState) -> DatabaseState:
    """A view of another schema that shows a view of `reading.loans`."""
    views = ((table("board.best"), table("reading.late")), (table("reading.late"), table("reading.loans")))
    found = with_relations(
        relation("board.best", kind=RelationKind.VIEW), relation("reading.late", kind=RelationKind.VIEW)
    )
    return tied(views=views)(found(state))


ROWS = (
    # ── empty, or anew ──
    Row(
        id="as recorded: every projection is emptied",
        request=SAFE,
        steps=EMPTIED,
        emptied=EVERY_PROJECTION,
        forgets=EVERYBODY,
    ),
    Row(
        id="this role may neither truncate nor drop: the plan of whoever may",
        request=SAFE,
        state=also(in_schema(STATS, cannot_empty=("counters",), cannot_drop=("counters",))),
        steps=EMPTIED,
        emptied=EVERY_PROJECTION,
        forgets=EVERYBODY,
    ),
    *(
        Row(
            id=f"{why}: that schema alone is made anew",
            request=SAFE,
            steps=anew(STATS, "empty_tables"),
            emptied=BUT_STATS,
            forgets=EVERYBODY,
            **changed,
        )
        for why, changed in {
            "nothing is recorded": {"state": also(in_schema(STATS, **unrecorded))},
            "a migration was edited": {"files": EDITED},
            "a migration is pending": {"files": PENDING},
            "an applied file is gone": {"files": {**FILES, STATS: FILES[STATS][:1]}},
            "plain yoyo applied them": {"state": also(in_schema(STATS, applied=PLAIN_YOYO))},
            "its structure drifted": {"state": also(in_schema(STATS, **drifted))},
            "its migrations insert rows": {"state": also(seeded(STATS, "counters"))},
            "it leans on one that is": {"leaning": STATS},
            "this role may not truncate": {"state": also(in_schema(STATS, cannot_empty=("counters",)))},
        }.items()
    ),
    Row(
        id="a missing schema is created and migrated",
        request=STATS_ALONE,
        state=also(missing(STATS)),
        steps=framed(f"create_schema:stats apply_migrations:stats {FORGET} record_structure:stats"),
        forgets="Counter",
    ),
    *(
        Row(
            id=f"--empty: {why} does not matter",
            request=asked(Scope.PROJECTIONS, way="empty"),
            steps=EMPTIED,
            emptied=EVERY_PROJECTION,
            forgets=EVERYBODY,
            **changed,
        )
        for why, changed in {
            "that nothing is recorded": {"state": also(in_schema(STATS, **unrecorded))},
            "an edited migration": {"files": EDITED},
            "a pending migration": {"files": PENDING},
            "drift": {"state": also(in_schema(STATS, **drifted))},
            "leaning": {"leaning": STATS},
        }.items()
    ),
    Row(
        id="--empty: a missing schema is created all the same",
        request=asked(Scope.PROJECTIONS, schema=STATS, way="empty"),
        state=also(missing(STATS)),
        steps=framed(f"create_schema:stats apply_migrations:stats {FORGET} record_structure:stats"),
        forgets="Counter",
    ),
    Row(
        id="--recreate: every projection is made anew, all dropped first",
        request=asked(Scope.PROJECTIONS, way="recreate"),
        steps=framed(
            "drop_contents apply_migrations:reading give_back:reading apply_migrations:board give_back:board "
            f"apply_migrations:stats give_back:stats {FORGET} "
            "record_structure:reading record_structure:board record_structure:stats"
        ),
        forgets=EVERYBODY,
    ),
    # ── narrowed ──
    Row(
        id="--schema: that schema and its projector alone",
        request=STATS_ALONE,
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="--schema --recreate",
        request=asked(Scope.PROJECTIONS, schema=STATS, way="recreate"),
        steps=anew(STATS),
        forgets="Counter",
    ),
    Row(
        id="--schema --with-dependents: a projector's tables elsewhere go along",
        request=asked(Scope.PROJECTIONS, schema=BOARD, with_dependents=True),
        steps=EMPTIED,
        emptied="reading.privacy board.feed",
        forgets="Feed",
    ),
    Row(
        id="--schema --with-dependents --recreate: the tables elsewhere are emptied",
        request=asked(Scope.PROJECTIONS, schema=BOARD, way="recreate", with_dependents=True),
        steps=anew(BOARD, "empty_tables"),
        emptied="reading.privacy",
        forgets="Feed",
    ),
    Row(
        id="--schema --with-dependents: as far as projectors share tables",
        request=asked(Scope.PROJECTIONS, schema=READING, with_dependents=True),
        steps=EMPTIED,
        emptied="reading.loans reading.fines reading.privacy board.feed",
        forgets="Loans Feed",
    ),
    Row(
        id="--projector: its tables, its position, nothing beside them",
        request=asked(Scope.PROJECTIONS, projector="Loans"),
        steps=EMPTIED,
        emptied="reading.loans reading.fines",
        forgets="Loans",
    ),
    Row(
        id="--projector: tables in two schemas",
        request=asked(Scope.PROJECTIONS, projector="Feed"),
        steps=EMPTIED,
        emptied="reading.privacy board.feed",
        forgets="Feed",
    ),
    Row(
        id="--projector --empty: drift does not matter",
        request=asked(Scope.PROJECTIONS, projector="Counter", way="empty"),
        state=also(in_schema(STATS, **drifted)),
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="--projector --with-dependents: one that fills exactly the same tables starts over with it",
        request=asked(Scope.PROJECTIONS, projector="Counter", with_dependents=True),
        manifest=projecting(ALIAS),
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter Alias",
    ),
    Row(
        id="--projector --with-dependents: whoever shares a table, and what it fills",
        request=asked(Scope.PROJECTIONS, projector="Counter", with_dependents=True),
        manifest=projecting(replace(ALIAS, tables=(*ALIAS.tables, table("board.feed")))),
        steps=EMPTIED,
        emptied="reading.privacy board.feed stats.counters",
        forgets="Feed Counter Alias",
    ),
    Row(
        id="--projector --with-dependents: whoever reads its tables",
        request=asked(Scope.PROJECTIONS, projector="Loans", with_dependents=True),
        manifest=projecting(reading("Counter", "reading.fines")),
        steps=EMPTIED,
        emptied="reading.loans reading.fines stats.counters",
        forgets="Loans Counter",
    ),
    Row(
        id="--projector --with-dependents: whoever reads the tables of one that reads them, round and round",
        request=asked(Scope.PROJECTIONS, projector="Loans", with_dependents=True),
        manifest=projecting(
            reading("Counter", "reading.fines"), reading("Feed", "stats.counters"), reading("Loans", "board.feed")
        ),
        steps=EMPTIED,
        emptied=EVERY_PROJECTION,
        forgets=EVERYBODY,
    ),
    Row(
        id="--projector --with-dependents: whoever reads its tables through views",
        request=asked(Scope.PROJECTIONS, projector="Loans", with_dependents=True),
        manifest=projecting(reading("Counter", "board.best")),
        state=also(best_loans),
        steps=EMPTIED,
        emptied="reading.loans reading.fines stats.counters",
        forgets="Loans Counter",
    ),
    Row(
        id="--projector --with-dependents: whoever holds a foreign key to its tables",
        request=asked(Scope.PROJECTIONS, projector="Loans", with_dependents=True),
        state=also(tied(references=((table("stats.counters"), table("reading.loans")),))),
        steps=EMPTIED,
        emptied="reading.loans reading.fines stats.counters",
        forgets="Loans Counter",
    ),
    Row(
        id="--schema --with-dependents: whoever reads any of its tables, also one that nobody fills",
        request=asked(Scope.PROJECTIONS, schema=STATS, with_dependents=True),
        manifest=projecting(reading("Loans", "stats.by_hand")),
        state=also(with_relations(relation("stats.by_hand"))),
        steps=EMPTIED,
        emptied="stats.counters stats.by_hand reading.loans reading.fines",
        forgets="Loans Counter",
    ),
    Row(
        id="--projector: what it reads itself stays, and so does whoever fills that",
        request=asked(Scope.PROJECTIONS, projector="Counter"),
        manifest=projecting(reading("Counter", "reading.loans", "members.people", "stats.counters")),
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="--projector: a table with partitions, and only the materialized view that shows it",
        request=asked(Scope.PROJECTIONS, projector="Counter"),
        state=also(
            with_relations(
                relation("stats.counters", kind=RelationKind.PARTITIONED),
                relation("stats.counters_2024", is_partition=True),
                relation("stats.best", kind=RelationKind.MATVIEW),
                relation("stats.members", kind=RelationKind.MATVIEW),
            ),
            tied(
                views=(
                    (table("stats.best"), table("stats.counters")),
                    (table("stats.members"), table("members.people")),
                ),
                partitions=((table("stats.counters"), table("stats.counters_2024")),),
            ),
        ),
        steps=framed(f"empty_tables refresh_views {FORGET}"),
        emptied="stats.counters stats.counters_2024",
        forgets="Counter",
    ),
    Row(
        id="--projector: one that says it fills nothing has only positions",
        request=asked(Scope.PROJECTIONS, projector="Index"),
        manifest=projecting(Projector(name="Index", fills_nothing=True)),
        steps=framed(FORGET),
        forgets="Index",
    ),
    Row(
        id="--projector: without position and without rows there is nothing that could be lost",
        request=asked(Scope.PROJECTIONS, projector="Counter"),
        state=also(with_relations(relation("stats.counters", rows=0)), in_database(checkpoints=())),
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="--projector: without position, but a reset that was interrupted took it",
        request=asked(Scope.PROJECTIONS, projector="Counter"),
        state=also(in_database(checkpoints=(), journal=begun("Counter"))),
        steps=framed(f"empty_tables {FORGET} close_journal"),
        emptied="stats.counters",
        forgets="Counter",
    ),
    # ── other scopes ──
    Row(
        id="--system: permanent tables, no position",
        request=SYSTEM,
        steps=framed("empty_tables"),
        emptied="members.people members.cards",
    ),
    Row(
        id="--system --recreate",
        request=asked(Scope.SYSTEM, way="recreate"),
        steps=framed("drop_contents apply_migrations:members give_back:members record_structure:members"),
    ),
    Row(
        id="--schema of a permanent schema",
        request=asked(Scope.SYSTEM, schema=MEMBERS),
        steps=framed("empty_tables"),
        emptied="members.people members.cards",
    ),
    Row(
        id="--events: emptied, seeded anew, every position forgotten",
        request=EVENTS,
        steps=framed(f"empty_tables seed_event_store:log {FORGET_VERSIONS}"),
        emptied=STORE_TABLES,
        forgets="*",
    ),
    Row(
        id="--events: a position that must not be replayed goes with its events",
        request=EVENTS,
        manifest=projecting(Projector(name="Mailer", tables=(table("stats.counters"),))),
        steps=framed(f"empty_tables seed_event_store:log {FORGET_VERSIONS}"),
        emptied=STORE_TABLES,
        forgets="*",
    ),
    Row(
        id="--all: every declared schema in one transaction",
        request=ALL,
        steps=framed(f"empty_tables seed_event_store:log {FORGET_VERSIONS}"),
        emptied=f"members.people members.cards {EVERY_PROJECTION} {STORE_TABLES}",
        forgets="*",
    ),
    Row(
        id="--all: a schema that drifted is made anew, the event store is emptied",
        request=ALL,
        state=also(in_schema(MEMBERS, **drifted)),
        steps=framed(
            "drop_contents empty_tables seed_event_store:log apply_migrations:members give_back:members "
            f"{FORGET_VERSIONS} record_structure:members"
        ),
        emptied=f"{EVERY_PROJECTION} {STORE_TABLES}",
        forgets="*",
    ),
    # ── what lies among the tables ──
    Row(
        id="our own records are made where there are none",
        request=STATS_ALONE,
        state=also(in_database(own_schema=False)),
        steps=f"create_records {EMPTIED}",
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="another tool's history is kept when a schema is emptied",
        request=STATS_ALONE,
        state=also(with_relations(HISTORY)),
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="another tool's history is kept when a schema is made anew",
        request=asked(Scope.PROJECTIONS, schema=STATS, way="recreate"),
        state=also(with_relations(HISTORY)),
        steps=anew(STATS),
        forgets="Counter",
    ),
    Row(
        id="an extension's tables are kept",
        request=STATS_ALONE,
        state=also(with_relations(relation("stats.spatial_ref_sys", role=Role.EXTENSION))),
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="a checkpoint table among the tables is forgotten in, not emptied",
        request=STATS_ALONE,
        manifest=WITH_PLACES,
        state=HAS_PLACES,
        steps=framed(f"empty_tables {FORGET} forget_checkpoints:stats.places"),
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="a checkpoint table among the tables stays when they are made anew",
        request=asked(Scope.PROJECTIONS, schema=STATS, way="recreate"),
        manifest=WITH_PLACES,
        state=HAS_PLACES,
        steps=framed(
            "drop_contents apply_migrations:stats give_back:stats "
            f"{FORGET} forget_checkpoints:stats.places record_structure:stats"
        ),
        forgets="Counter",
    ),
    Row(
        id="partitions are emptied with their parent",
        request=STATS_ALONE,
        state=also(
            with_relations(
                relation("stats.counters", kind=RelationKind.PARTITIONED),
                relation("stats.counters_2024", is_partition=True),
            )
        ),
        steps=EMPTIED,
        emptied="stats.counters stats.counters_2024",
        forgets="Counter",
    ),
    Row(
        id="a materialized view is filled anew, after the tables; one without data is left alone",
        request=STATS_ALONE,
        state=also(
            with_relations(
                relation("stats.best", kind=RelationKind.MATVIEW),
                relation("stats.worst", kind=RelationKind.MATVIEW, populated=False),
                relation("stats.all_of_them", kind=RelationKind.VIEW),
            )
        ),
        steps=framed(f"empty_tables refresh_views {FORGET}"),
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="a schema without tables: only positions",
        request=STATS_ALONE,
        state=also(without_relation("stats.counters")),
        steps=framed(FORGET),
        forgets="Counter",
    ),
    Row(
        id="an optional checkpoint table that does not exist is left out",
        request=STATS_ALONE,
        state=also(in_database(checkpoint_tables=(SUBSCRIPTIONS,))),
        steps=framed("empty_tables forget_checkpoints:log.subscriptions"),
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="an undeclared subscription of the event store is kept",
        request=SAFE,
        state=also(in_database(checkpoints=(CheckpointState(table=SUBSCRIPTIONS, projector="Stranger"),))),
        steps=EMPTIED,
        emptied=EVERY_PROJECTION,
        forgets=EVERYBODY,
    ),
    Row(
        id="a projector of another scope may run",
        request=STATS_ALONE,
        state=also(in_database(live=(live("Loans"), live("Mailer", 14)))),
        steps=EMPTIED,
        emptied="stats.counters",
        forgets="Counter",
    ),
    Row(
        id="projections may be reset in production",
        request=SAFE,
        state=also(in_identity(environment="production"), in_database(sessions=(session(),))),
        steps=EMPTIED,
        emptied=EVERY_PROJECTION,
        forgets=EVERYBODY,
    ),
    Row(
        id="a database without a stamp is not in another environment",
        request=SAFE,
        manifest=replace(MANIFEST, environment="development"),
        steps=EMPTIED,
        emptied=EVERY_PROJECTION,
        forgets=EVERYBODY,
    ),
    Row(
        id="the stamp is the one that the manifest says",
        request=SYSTEM,
        manifest=replace(MANIFEST, environment="development"),
        state=also(in_identity(environment="development")),
        steps=framed("empty_tables"),
        emptied="members.people members.cards",
    ),
    Row(
        id="an event store that was never installed is nothing to a projection",
        request=SAFE,
        state=also(
            missing("log"),
            in_database(
                event_store=False, event_store_tables=(), checkpoint_tables=(), checkpoints=(), subscriptions=()
            ),
        ),
        steps=framed("empty_tables"),
        emptied=EVERY_PROJECTION,
    ),
)

assert {p.name for p in PROJECTORS} == set(EVERYBODY.split())
assert {t.schema for t in (SUBSCRIPTIONS, VERSIONS)} == {"log"}
