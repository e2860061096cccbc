"""`reset` from the outside: what it empties, what it forgets, what it keeps, and why it chose its way."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, Result, clean_environment

Run = Callable[..., Result]
PROJECTIONS = ("users.subscriptions", "users.play_statuses", "users.user_privacy", "public.public_events")
HANDLER = "BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection"


def own_manifest(folder: Path, **migrations: dict[str, str]) -> Path:
    """A small manifest with one permanent schema, projections, and no event store."""
    lines = ["version = 1", "[schemas.kept]", 'kind = "permanent"']
    for schema, files in migrations.items():
        (folder / schema).mkdir()
        for name, text in files.items():
            (folder / schema / name).write_text(text)
        lines += [f"[schemas.{schema}]", 'kind = "projection"', f'migrations = "{schema}"']
    (folder / "balados-db.toml").write_text("\n".join(lines))
    return folder / "balados-db.toml"


# ── projections ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", [(), ("--recreate",), ("--empty",)], ids=["by choice", "recreate", "empty"])
def test_a_reset_of_projections_leaves_them_empty_and_keeps_the_rest(
    way: tuple[str, ...], filled: Database, run_cli: Run
) -> None:
    """Projections are empty, their positions gone; system and events are byte for byte what they were."""
    tables = ("events.events", "events.streams", "events.stream_events", "events.snapshots")
    before = filled.snapshot("system")
    events = {t: filled.value(f"select md5(string_agg(t::text, '|' order by t::text)) from {t} t") for t in tables}

    result = run_cli("reset", "--projections", "--confirm", "DELETE", *way, database=filled)

    assert result.status == 0, result.err
    assert [filled.rows(t) for t in PROJECTIONS] == [0, 0, 0, 0]
    assert filled.rows("public.trending_podcasts") == 0
    assert filled.execute("select subscription_name, last_seen from events.subscriptions") == [(HANDLER, 20)]
    assert filled.rows("events.projection_versions") == 0
    assert filled.snapshot("system") == before
    assert {
        t: filled.value(f"select md5(string_agg(t::text, '|' order by t::text)) from {t} t") for t in tables
    } == events


def test_the_plan_empties_what_is_as_recorded_and_says_so(filled: Database, run_cli: Run) -> None:
    """With unchanged migrations and structure nothing is dropped: grants and prepared plans survive."""
    oid = filled.value("select 'users.subscriptions'::regclass::oid")

    result = run_cli("reset", "--projections", "--confirm", "DELETE", "--json", database=filled)

    assert {w["way"] for w in result.json["plan"]["ways"]} == {"empty"}
    assert filled.value("select 'users.subscriptions'::regclass::oid") == oid


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("alter table users.subscriptions add by_hand int", "structure"),
        ("drop table users.collection_subscriptions", "structure"),
        ("delete from balados_db.structure where schema_name = 'users'", "nothing is recorded"),
        ("delete from users._yoyo_migration where migration_id = '0006_collections'", "migrations"),
        ("update users._yoyo_log set comment = 'sha256:0' where migration_id = '0002_subscriptions'", "migrations"),
        ("update balados_db.structure set seeded = '{playlists}' where schema_name = 'users'", "insert rows"),
    ],
    ids=["drift", "a dropped table", "nothing recorded", "a pending migration", "an edited migration", "seeded rows"],
)
def test_the_plan_recreates_what_emptying_would_not_mend(change: str, why: str, filled: Database, run_cli: Run) -> None:
    """Every table ends as its migrations define it, whatever happened to it by hand."""
    fresh = filled.value(
        "select string_agg(column_name, ',' order by ordinal_position) from information_schema.columns where table_name = 'subscriptions' and table_schema = 'users'"
    )
    filled.execute(change)

    result = run_cli("reset", "--projections", "--confirm", "DELETE", "--json", database=filled)

    assert result.status == 0, result.err
    way = next(w for w in result.json["plan"]["ways"] if w["schema"] == "users")
    assert way["way"] == "recreate"
    assert why in way["why"]
    assert filled.rows("users.collection_subscriptions") == 0
    assert fresh == filled.value(
        "select string_agg(column_name, ',' order by ordinal_position) from information_schema.columns where table_name = 'subscriptions' and table_schema = 'users'"
    )
    assert run_cli("status", "--json", database=filled).json["result"]["schemas"][1]["drift"] == []


def test_rows_that_a_migration_inserts_come_back(database: Database, run_cli: Run, tmp_path: Path) -> None:
    """A table holds after a reset what a fresh migrate leaves in it, later migrations included."""
    files = {"0001_a.sql": "create table words (w text); create table facts (n int);"}
    manifest = own_manifest(tmp_path, view=files)
    assert run_cli("up", database=database, manifest=manifest).status == 0
    (tmp_path / "view" / "0002_b.sql").write_text("insert into words values ('seed');")
    assert run_cli("migrate", database=database, manifest=manifest).status == 0
    database.execute("insert into view.facts values (1); insert into view.words values ('projected')")

    result = run_cli("reset", "--projections", "--confirm", "DELETE", database=database, manifest=manifest)

    assert result.status == 0, result.err
    assert database.execute("select w from view.words") == [("seed",)]
    assert database.rows("view.facts") == 0


def test_recreated_tables_get_their_owners_grants_and_publications_back(filled: Database, run_cli: Run) -> None:
    """Owner, grants of tables and columns, default privileges' extras and publication members are as before."""
    role = f"reader_{filled.name}"
    filled.execute(
        f"create role {role}; grant usage on schema users to {role}; grant select on users.subscriptions to {role} with grant option;"
        f"grant update (played) on users.play_statuses to {role}; alter table users.playlists owner to {role};"
        f"revoke all on function public.is_subscription_active from public; grant execute on function public.is_subscription_active to {role};"
        "create publication feed for table users.subscriptions (id, user_id), system.users, public.public_events where (event_type <> 'x')"
    )
    rights = (
        "select relname, relacl::text, pg_get_userbyid(relowner), (select string_agg(attname || attacl::text, ',') from"
        " pg_attribute where attrelid = c.oid) from pg_class c where relnamespace = 'users'::regnamespace and relkind = 'r'"
        " and relname !~ 'yoyo' order by 1"
    )
    members = "select tablename, attnames::text, rowfilter from pg_publication_tables order by 1"
    before = filled.execute(rights), filled.execute(members)
    acl = filled.value("select proacl::text from pg_proc where proname = 'is_subscription_active'")

    result = run_cli("reset", "--projections", "--recreate", "--confirm", "DELETE", database=filled)

    assert result.status == 0, result.err
    assert (filled.execute(rights), filled.execute(members)) == before
    assert filled.value("select proacl::text from pg_proc where proname = 'is_subscription_active'") == acl
    filled.execute(f"reassign owned by {role} to current_user; drop owned by {role}; drop role {role}")


def test_an_extension_in_a_projection_schema_and_its_columns_elsewhere_stay(filled: Database, run_cli: Run) -> None:
    """citext in `public` with a citext column in system.users: the original dropped the column."""
    filled.execute("create extension citext schema public; alter table system.users alter email type public.citext")

    result = run_cli("reset", "--projections", "--recreate", "--confirm", "DELETE", database=filled)

    assert result.status == 0, result.err
    assert filled.value("select count(email) from system.users where email = 'U1@EXAMPLE.ORG'") == 1


def test_the_history_of_another_tool_in_a_projection_schema_stays(filled: Database, run_cli: Run) -> None:
    """Ecto keeps one schema_migrations for all repositories in `public`: it is nobody's projection."""
    filled.execute(
        "create table public.schema_migrations (version bigint primary key, inserted_at timestamp); insert into public.schema_migrations values (1)"
    )

    for way in ("--empty", "--recreate"):
        result = run_cli("reset", "--projections", way, "--confirm", "DELETE", database=filled)
        assert result.status == 0, result.err
        assert filled.rows("public.schema_migrations") == 1


def test_positions_that_lie_in_a_projection_schema_are_forgotten_not_dropped(
    filled: Database, run_cli: Run, tmp_path: Path
) -> None:
    """The real Balados keeps projection_versions in `public`, where a reset goes: only its rows of the scope do."""
    filled.execute(
        "create table public.projection_versions (like events.projection_versions including all); insert into public.projection_versions select * from events.projection_versions; insert into public.projection_versions values ('Mailer', 7, now(), now())"
    )
    text = EXAMPLE.read_text().replace('"migrations/', f'"{ROOT}/migrations/').replace('"sql/', f'"{ROOT}/sql/')
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(
        text
        + '\n[subscriptions.Mailer]\nreplay = "never"\n[[checkpoints]]\ntable = "public.projection_versions"\nprojector = "projection_name"\nposition = "last_seen_event_number"\n'
    )

    result = run_cli("reset", "--projections", "--confirm", "DELETE", database=filled, manifest=manifest)

    assert result.status == 0, result.err
    assert filled.execute("select projection_name from public.projection_versions") == [("Mailer",)]


def test_one_schema_or_one_projector_alone(filled: Database, run_cli: Run) -> None:
    """--schema and --projector narrow; what shares a projector is refused, or taken along with --with-dependents."""
    refused = run_cli("reset", "--schema", "users", "--confirm", "DELETE", database=filled)
    assert (refused.status, refused.code) == (5, "projector_across_scope")
    assert "PublicEventsProjector" in refused.err

    one = run_cli("reset", "--projector", "SubscriptionsProjector", "--confirm", "DELETE", database=filled)
    assert one.status == 0, one.err
    assert [filled.rows(t) for t in PROJECTIONS] == [0, 5, 1, 20]
    left = {name for (name,) in filled.execute("select subscription_name from events.subscriptions")}
    assert "SubscriptionsProjector" not in left
    assert len(left) == 6

    both = run_cli("reset", "--schema", "users", "--with-dependents", "--confirm", "DELETE", database=filled)
    assert both.status == 0, both.err
    assert [filled.rows(t) for t in PROJECTIONS] == [0, 0, 0, 0]
    assert filled.rows("public.podcast_popularity") == 20


def test_a_name_that_nobody_declared_is_refused_with_both_cures(filled: Database, run_cli: Run) -> None:
    """A projector unknown to the manifest would keep its position and never rebuild."""
    filled.execute("insert into events.projection_versions values ('Forgotten', 3, now(), now())")
    before = filled.snapshot()

    result = run_cli("reset", "--projections", "--confirm", "DELETE", database=filled)

    assert (result.status, result.code) == (5, "undeclared_positions")
    assert "[projectors.NAME]" in result.err
    assert "[subscriptions." in result.err
    assert filled.snapshot() == before


def test_a_table_that_nobody_rebuilds_is_said_to_be_so(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """The preview does not say SAFE when rows would be gone for good."""
    text = EXAMPLE.read_text().replace('"migrations/', f'"{ROOT}/migrations/').replace('"sql/', f'"{ROOT}/sql/')
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(text.replace('tables = ["users.play_statuses"]', "tables = []"))

    result = run_cli("reset", "--projections", "--dry-run", database=filled, manifest=manifest)

    assert "SAFE" not in result.out
    assert "users.play_statuses" in result.out
    assert "stay empty" in result.out


# ── the other scopes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_reset_of_events_seeds_the_store_and_forgets_everybody(filled: Database, run_cli: Run) -> None:
    """$all is there again at version 0, numbering starts at 1, the guards stand, projections are untouched."""
    before = filled.snapshot("system", "users", "public")

    result = run_cli("reset", "--events", "--confirm", "DELETE ALL EVENTS", database=filled)

    assert result.status == 0, result.err
    assert filled.execute("select stream_id, stream_uuid, stream_version from events.streams") == [(0, "$all", 0)]
    empty = (
        "events.events",
        "events.stream_events",
        "events.snapshots",
        "events.subscriptions",
        "events.projection_versions",
    )
    assert [filled.rows(t) for t in empty] == [0] * 5
    assert filled.execute("select major_version, minor_version, patch_version from events.schema_migrations") == [
        (1, 3, 2)
    ]
    assert filled.snapshot("system", "users", "public") == before
    assert filled.value("insert into events.streams (stream_uuid) values ('new') returning stream_id") == 1
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        filled.execute("truncate events.events cascade")


def test_a_reset_of_the_permanent_data_keeps_events_and_projections(filled: Database, run_cli: Run) -> None:
    """Only the permanent schema is emptied; no position moves."""
    before = filled.snapshot("users", "public", "events")

    result = run_cli("reset", "--system", "--confirm", "DELETE", database=filled)

    assert result.status == 0, result.err
    assert filled.rows("system.users") == 0
    assert filled.snapshot("users", "public", "events") == before


def test_a_reset_of_all_leaves_the_database_and_what_is_not_declared(filled: Database, run_cli: Run) -> None:
    """The database, its settings and an undeclared schema stay; everything declared is empty."""
    filled.execute(
        "create schema analytics; create table analytics.keep (n int); insert into analytics.keep values (1)"
    )
    oid = filled.value("select oid from pg_database where datname = current_database()")

    result = run_cli("reset", "--all", "--confirm", "DELETE ALL DATA", database=filled)

    assert result.status == 0, result.err
    assert [
        filled.rows(t) for t in ("system.users", "users.subscriptions", "public.public_events", "events.events")
    ] == [0] * 4
    assert filled.rows("analytics.keep") == 1
    assert filled.value("select oid from pg_database where datname = current_database()") == oid


# ── who is in the way ────────────────────────────────────────────────────────────────────────────────────


def test_a_foreign_key_from_permanent_data_is_refused_by_name(filled: Database, run_cli: Run) -> None:
    """TRUNCATE … CASCADE would have emptied the permanent table; here nothing changes."""
    filled.execute(
        "create table system.saved (feed text references public.podcast_popularity on delete cascade); insert into system.saved values ('feed1')"
    )
    before = filled.snapshot()

    for way in ("--empty", "--recreate"):
        result = run_cli("reset", "--projections", way, "--confirm", "DELETE", "--json", database=filled)
        assert result.status == 5
        details = result.json["errors"][0]["details"]
        assert any("system.saved" in o["identity"] for o in details["objects"])
    assert filled.snapshot() == before


def test_a_trigger_that_reaches_out_takes_the_reset_back(filled: Database, run_cli: Run) -> None:
    """Rows that a trigger deletes from kept tables are seen before the commit; everything is rolled back."""
    filled.execute(
        "create function public.reach() returns trigger language plpgsql as 'begin delete from system.app_tokens; return null; end';"
        "create trigger reach after truncate on users.subscriptions execute function public.reach()"
    )
    before = filled.snapshot()

    result = run_cli("reset", "--projections", "--empty", "--confirm", "DELETE", database=filled)

    assert (result.status, result.code) == (1, "promise_broken")
    assert "app_tokens" in result.err
    assert filled.snapshot() == before


def test_a_subscriber_that_read_its_row_before_the_commit_stays_out_for_the_grace(filled: Database) -> None:
    """It reads its row, then tries the lock: the fence holds the lock until after the commit, and longer."""
    lock = "select pg_try_advisory_lock('events.subscriptions'::regclass::oid::int, %s)"
    with filled.connect() as subscriber:
        row = subscriber.execute(
            "select subscription_id, last_seen from events.subscriptions where subscription_name = 'PopularityProjector'"
        ).fetchone()
        assert row == (6, 20)  # read before the reset: a stale position from now on
        words = [
            "--manifest",
            str(EXAMPLE),
            "--url",
            filled.url,
            "reset",
            "--projections",
            "--confirm",
            "DELETE",
            "--projector-grace",
            "3",
        ]
        run = subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        deadline = time.monotonic() + 20
        while filled.rows("public.public_events"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        # committed: the row is gone, and the lock is still not to be had
        assert subscriber.execute(lock, (6,)).fetchone() == (False,)
        _, err = run.communicate(timeout=30)
        assert run.returncode == 0, err
        assert subscriber.execute(lock, (6,)).fetchone() == (True,)


def test_two_runs_at_once_end_as_one_clean_run(filled: Database) -> None:
    """One does it; the others find another plan, or the lock taken."""
    words = [
        "--manifest",
        str(EXAMPLE),
        "--url",
        filled.url,
        "reset",
        "--projections",
        "--recreate",
        "--confirm",
        "DELETE",
        "--projector-grace",
        "0",
    ]
    runs = [
        subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        for _ in range(3)
    ]
    ends = [(run.communicate(timeout=60)[1], run.returncode)[1] for run in runs]

    assert 0 in ends
    assert set(ends) <= {0, 6, 7}
    assert [filled.rows(t) for t in PROJECTIONS] == [0, 0, 0, 0]
    assert (
        filled.value(
            "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"
        )
        == 0
    )


def test_a_dry_run_needs_only_to_read(filled: Database, run_cli: Run) -> None:
    """The preview is computed in a READ ONLY transaction: a role that may only read gets the same plan."""
    role = f"looker_{filled.name}"
    filled.execute(f"create role {role} login password 'look-Kx9'; grant pg_read_all_data to {role}")
    parts = psycopg.conninfo.conninfo_to_dict(filled.url)
    reader = Database(
        filled.name, psycopg.conninfo.make_conninfo("", **{**parts, "user": role, "password": "look-Kx9"})
    )
    before = filled.snapshot()

    result = run_cli("reset", "--projections", "--recreate", "--dry-run", "--json", database=reader)

    assert result.status == 0, result.err
    assert result.json["changed"] is False
    assert result.json["plan"]["phrase"] == "DELETE"
    assert filled.snapshot() == before
    filled.execute(f"drop owned by {role}; drop role {role}")


def test_a_receipt_says_what_was_destroyed(filled: Database, run_cli: Run) -> None:
    """Every destructive run leaves one row: command, scope, digest, tables with their rows."""
    result = run_cli("reset", "--projections", "--confirm", "DELETE", "--json", database=filled)

    command, scope, digest, rows = filled.execute(
        "select command, scope, digest, (select sum((d ->> 'rows')::int) from jsonb_array_elements(destroyed) d) from balados_db.receipt"
    )[0]
    assert (command, scope, digest, rows) == ("reset", "projections", result.json["plan"]["digest"], 66)


def test_an_object_that_nobody_knows_how_to_drop_is_named(filled: Database, run_cli: Run) -> None:
    """Recreating is refused with its name; emptying leaves it, and says so in the preview."""
    filled.execute("create text search template users.odd (lexize = pg_catalog.dsimple_lexize)")
    before = filled.snapshot()

    refused = run_cli("reset", "--projections", "--recreate", "--confirm", "DELETE", database=filled)
    preview = run_cli("reset", "--projections", "--empty", "--dry-run", database=filled)

    assert (refused.status, refused.code) == (5, "undroppable")
    assert "users.odd" in refused.err
    assert "left as they are: text search template users.odd" in preview.out
    assert filled.snapshot() == before


def test_a_guard_of_the_database_is_respected_and_told(filled: Database, run_cli: Run) -> None:
    """An event trigger that refuses drops is somebody's decision: exit 5 with its own words, nothing changed."""
    filled.execute(
        "create schema guards; create function guards.refuse() returns event_trigger language plpgsql as"
        " $$ begin raise exception 'nobody drops here'; end $$; create event trigger refuse on sql_drop execute function guards.refuse()"
    )
    before = filled.snapshot()

    result = run_cli("reset", "--projections", "--recreate", "--confirm", "DELETE", database=filled)

    assert (result.status, result.code) == (5, "refused_by_database")
    assert "nobody drops here" in result.err
    assert filled.snapshot() == before


def test_a_guard_is_told_whatever_code_it_raises(filled: Database, run_cli: Run) -> None:
    """Its SQLSTATE is its own choice: it is neither a lock that may be waited for nor a lost connection."""
    filled.execute("create schema guards")
    for code in ("lock_not_available", "admin_shutdown", "undefined_table"):
        filled.execute(
            "create or replace function guards.refuse() returns event_trigger language plpgsql as"
            f" $$ begin raise exception 'nobody drops here' using errcode = '{code}'; end $$"
        )
        filled.execute(
            "drop event trigger if exists refuse; create event trigger refuse on sql_drop execute function guards.refuse()"
        )

        result = run_cli("reset", "--projections", "--recreate", "--confirm", "DELETE", database=filled)

        assert (result.status, result.code) == (5, "refused_by_database")
        assert "function guards.refuse()" in result.err


def test_positions_that_cannot_be_deleted_for_their_subscribers_say_why(filled: Database, run_cli: Run) -> None:
    """PostgreSQL itself refuses, and knows the cure."""
    filled.execute(
        "alter table events.projection_versions replica identity nothing; create publication everything for all tables"
    )

    result = run_cli("reset", "--projections", "--empty", "--confirm", "DELETE", database=filled)

    assert (result.status, result.code) == (5, "refused_by_database")
    assert "set REPLICA IDENTITY using ALTER TABLE" in result.err
    assert "guard" not in result.err


def test_whoever_locks_a_single_position_is_named(filled: Database, run_cli: Run) -> None:
    """A row lock leaves the table free: found before anything is done, not in the middle of it."""
    with filled.connect(application_name="the accountant") as other:
        other.execute("begin; select from events.projection_versions for key share")

        result = run_cli("reset", "--projections", "--lock-timeout", "0.5", "--confirm", "DELETE", database=filled)

    assert (result.status, result.code) == (6, "lock_timeout")
    assert "the accountant" in result.err.partition("error[")[2]


def test_a_temporary_view_of_another_session_is_waited_out_not_dropped(filled: Database, run_cli: Run) -> None:
    """It goes with its session: exit 6, and the same run succeeds afterwards."""
    with filled.connect() as other:
        other.execute("create temporary view peek as select * from users.subscriptions")
        result = run_cli("reset", "--projections", "--recreate", "--confirm", "DELETE", database=filled)
        assert (result.status, result.code) == (6, "temporary_dependents")

    assert run_cli("reset", "--projections", "--recreate", "--confirm", "DELETE", database=filled).status == 0


def test_an_interruption_after_the_commit_tells_the_truth(filled: Database) -> None:
    """What is committed is done: the grace is cut short, the outcome says so, and the exit status is that of success."""
    with filled.connect():
        words = ["--manifest", str(EXAMPLE), "--url", filled.url, "reset", "--projections", "--confirm", "DELETE"]
        run = subprocess.Popen(
            [*COMMAND, *words, "--projector-grace", "30"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        deadline = time.monotonic() + 20
        while filled.rows("public.public_events"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        run.terminate()
        out, err = run.communicate(timeout=10)

    assert run.returncode == 0, err
    assert "Done." in out
    assert "interrupted after the commit" in err


def test_every_kept_row_is_compared_when_asked_or_when_nobody_counts(filled: Database, run_cli: Run) -> None:
    """--verify rows hashes them; with track_counts off that happens unasked, and a trigger's damage is still seen."""
    asked = run_cli("reset", "--projections", "--verify", "rows", "--confirm", "DELETE", "--json", database=filled)
    assert asked.status == 0, asked.err
    assert hashed(asked) == filled.value(
        "select count(*) from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'r' and nspname in"
        " ('system', 'events', 'users', 'public') and relname not in ('subscriptions', 'projection_versions')"
        " and (nspname not in ('users', 'public') or relname ~ 'yoyo')"
    )
    assert hashed(run_cli("reset", "--projections", "--confirm", "DELETE", "--json", database=filled)) == 0

    filled.execute(
        f"alter database {filled.name} set track_counts = off;"
        "create function public.reach() returns trigger language plpgsql as 'begin update system.users set bio = ''x''; return null; end';"
        "create trigger reach after truncate on users.subscriptions execute function public.reach()"
    )
    before = filled.snapshot("system")
    result = run_cli("reset", "--projections", "--empty", "--confirm", "DELETE", database=filled)

    assert (result.status, result.code) == (1, "promise_broken")
    assert "system.users" in result.err
    assert "track_counts is off" in result.err
    assert filled.snapshot("system") == before


def hashed(result: Result) -> int:
    """The tables whose rows were counted and hashed."""
    return sum(step["details"].get("tables_hashed", 0) for step in result.json["result"]["steps"])
