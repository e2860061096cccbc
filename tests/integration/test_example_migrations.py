"""The example's migrations make the final schema of Balados Sync, under any name, and take it back."""

import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
FOLDERS = {"system": MIGRATIONS / "system"} | {name: MIGRATIONS / "projections" / name for name in ("users", "public")}

# `*` says primary key, `!` not null; vc is varchar(255), ts timestamp(0), stamps and counters as below.
STAMPS = "inserted_at ts!, updated_at ts!"
COUNTERS = """score integer! = 0, score_previous integer! = 0, plays integer! = 0, plays_previous integer! = 0,
    plays_people vc[]! = '{}', likes integer! = 0, likes_previous integer! = 0, likes_people vc[]! = '{}'"""
COLUMNS = {
    "system": """
users: id vc*, email vc, username vc, hashed_password text, confirmed_at ts, locked_at ts,
    failed_login_attempts integer = 0, is_admin boolean! = false, public_name varchar(100), avatar_url varchar(500),
    public_profile_enabled boolean! = false, bio varchar(500), stamps
app_tokens: id uuid*, user_id vc!, app_id vc!, token_name vc, token_scopes vc[]! = '{}', public_key text!,
    revoked_at ts, last_used_at ts, stamps
play_tokens: id uuid*, user_id vc!, token vc!, name vc, last_used_at ts, revoked_at ts, expires_at ts, stamps
enriched_podcasts: id uuid*, feed_url vc!, slug vc!, background_color vc, links jsonb = '[]',
    created_by_user_id uuid!, admin_user_ids vc[]! = '{}', stamps
podcast_ownership_claims: id uuid*, user_id vc!, enriched_podcast_id uuid, feed_url text!, verification_code vc!,
    status vc! = 'pending', verified_at ts, expires_at ts!, failure_reason text, verification_attempts integer! = 0,
    verification_method vc = 'rss', stamps
user_podcast_settings: id uuid*, user_id vc!, enriched_podcast_id uuid!, visibility vc! = 'private', stamps
email_verifications: id uuid*, user_id vc!, claim_id uuid!, email vc!, email_source vc!, verification_code vc!,
    status vc! = 'pending', expires_at ts!, sent_at ts, verified_at ts, attempts integer! = 0, stamps
""",
    "users": """
subscriptions: id uuid*, user_id vc!, rss_source_feed text!, rss_source_id text, rss_feed_title text,
    subscribed_at ts, unsubscribed_at ts, stamps
play_statuses: id uuid*, user_id vc!, rss_source_feed text, rss_source_item text!, rss_feed_title text,
    rss_item_title text, played boolean = false, position integer = 0, rss_enclosure jsonb, updated_at ts!
playlists: id uuid*, user_id vc!, name vc!, description text, deleted_at ts, is_public boolean! = false, stamps
playlist_items: id uuid*, playlist_id uuid!, rss_source_feed text, rss_source_item text!, item_title text,
    feed_title text, deleted_at ts, user_id vc, position integer, stamps
user_privacy: user_id vc*, rss_source_feed text* = '', rss_source_item text* = '', privacy vc! = 'public', stamps
collections: id uuid*, user_id text!, title text!, deleted_at ts, is_default boolean! = false, description text,
    color text, is_public boolean! = false, stamps
collection_subscriptions: id uuid*, collection_id uuid!, rss_source_feed text!, position integer! = 0, stamps
""",
    "public": """
public_events: id uuid*, user_id vc, event_type vc!, rss_source_feed text, rss_source_item text, privacy vc!,
    event_data jsonb = '{}', event_timestamp ts!, inserted_at ts!
podcast_popularity: rss_source_feed text*, feed_title text, feed_author text, feed_description text, feed_cover jsonb,
    counters, stamps
episode_popularity: rss_source_item text*, rss_source_feed text, episode_title text, episode_author text,
    episode_description text, episode_cover jsonb, counters, podcast_title vc, episode_link vc, stamps
""",
}

# Indexes: columns joined by +, `!` unique, `?` partial; named `<table>_<columns>_index` unless a name is given.
# Then foreign keys, checks and triggers, by name.
RULES = """
users: email!? is_admin username!? username+public_profile_enabled
app_tokens: app_id! user_id
play_tokens: expires_at? token! token+revoked_at? user_id user_id+revoked_at?
enriched_podcasts: admin_user_ids created_by_user_id feed_url! slug!
podcast_ownership_claims: enriched_podcast_id expires_at?
    podcast_ownership_claims_enriched_podcast_id_fkey=enriched_podcasts:cascade status
    unique_pending_claim_per_user_podcast=user_id+feed_url!? user_id verification_code
user_podcast_settings: user_id+enriched_podcast_id! user_id+visibility
    user_podcast_settings_enriched_podcast_id_fkey=enriched_podcasts:cascade
email_verifications: claim_id email+inserted_at email_verifications_claim_id_fkey=podcast_ownership_claims:cascade
    expires_at? status unique_pending_email_verification_per_claim=claim_id!? user_id verification_code
subscriptions: rss_source_feed subscriptions_active_idx=user_id+subscribed_at+unsubscribed_at?
    subscriptions_user_feed_unique=user_id+rss_source_feed! update_subscriptions_updated_at=before:update:each user_id
    user_id+rss_source_feed!
play_statuses: play_statuses_user_item_unique=user_id+rss_source_item! rss_source_item user_id user_id+played?
    user_id+rss_source_item! user_id+updated_at
playlists: playlists_active_idx=user_id+deleted_at? playlists_id_user_id_unique=id+user_id!
    update_playlists_updated_at=before:update:each user_id user_id+is_public user_id+name
playlist_items: playlist_id playlist_id+deleted_at?
    playlist_items_composite_unique=playlist_id+rss_source_feed+rss_source_item+user_id!
    playlist_items_playlist_id_fkey=playlists:cascade
    playlist_items_unique_idx=user_id+playlist_id+rss_source_feed+rss_source_item!
    playlist_items_user_playlist_idx=user_id+playlist_id rss_source_item
    update_playlist_items_updated_at=before:update:each
user_privacy: privacy user_id user_id+rss_source_feed valid_privacy=check
collections: user_id user_id+is_default!? user_id+is_public
collection_subscriptions: collection_id collection_id+position collection_id+rss_source_feed!
    collection_subscriptions_collection_id_fkey=collections:cascade
public_events: event_timestamp event_type privacy public_events_timeline_idx=event_timestamp+event_type rss_source_feed
    rss_source_item user_id+event_timestamp? user_id?
podcast_popularity: likes likes+likes_previous plays plays+plays_previous score score+score_previous
episode_popularity: likes likes+likes_previous plays plays+plays_previous rss_source_feed rss_source_feed+plays
    rss_source_feed+score score score+score_previous
trending_podcasts: trending_podcasts_feed_idx=rss_source_feed!
"""

SELECT_COLUMNS = """
    select relname, string_agg(
             attname || ' ' || format_type(atttypid, atttypmod)
               || case when attnum = any(indkey) then '*' when attnotnull then '!' else '' end
               || coalesce(' = ' || pg_get_expr(adbin, adrelid), ''),
             ', ' order by attnum)
      from pg_attribute
      join pg_class c on c.oid = attrelid
      left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
      left join pg_index on indrelid = attrelid and indisprimary
     where relnamespace = %s::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
     group by relname
"""
SELECT_RULES = """
    select c.relname, rule.*
      from pg_class c, lateral (
        select i.relname, string_agg(attname, '+' order by attnum)
               || case when indisunique then '!' else '' end || case when indpred is null then '' else '?' end
          from pg_index
          join pg_class i on i.oid = indexrelid
          join pg_attribute on attrelid = indexrelid
         where indrelid = c.oid and not indisprimary
         group by i.relname, indisunique, indpred is null
         union all
        select conname, coalesce(f.relname, 'check') || case confdeltype when 'c' then ':cascade' else '' end
          from pg_constraint left join pg_class f on f.oid = confrelid
         where conrelid = c.oid and contype not in ('n', 'p')
         union all
        select tgname, case tgtype when 1 | 2 | 16 then 'before:update:each' end
          from pg_trigger
         where tgrelid = c.oid and not tgisinternal
      ) rule
     where relnamespace = any(%s::regnamespace[])
"""
SELECT_OBJECTS = """
    select pg_describe_object(classid, objid, 0) from pg_depend
     where refclassid = 'pg_namespace'::regclass and refobjid = %s::regnamespace
"""


@dataclass(frozen=True)
class Example:
    """The example's three schemas; `{users}` in a statement is the quoted name that this one has."""

    conn: psycopg.Connection
    names: dict[str, str]

    def quoted(self, *schemas: str) -> list[str]:
        return [sql.Identifier(self.names[schema]).as_string(self.conn) for schema in schemas]

    def run(self, text: str) -> psycopg.Cursor:
        for schema in self.names:
            text = text.replace(f"{{{schema}}}", *self.quoted(schema))
        return self.conn.execute(text.encode())

    def migrate(self, schema: str, paths: list[Path]) -> None:
        """Send every file whole, in one transaction, in a block in which it cannot end that transaction."""
        with self.conn.transaction():
            self.run(f"set local search_path to {{{schema}}}")
            for path in paths:
                self.run(f"do $x$ begin execute $y${path.read_text(encoding='utf-8')}$y$; end $x$")

    def insert(self, schema: str, table: str, **values: object) -> None:
        """Insert one row, made now; the values that are not told are the table's business."""
        values = {"id": uuid4(), "inserted_at": "now", "updated_at": "now", **values}
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        places = sql.SQL(", ").join(map(sql.Placeholder, values))
        table_name = sql.Identifier(self.names[schema], table)
        self.conn.execute(sql.SQL("insert into {} ({}) values ({})").format(table_name, names, places), values)

    def columns(self, schema: str) -> dict[str, str]:
        return {table: short(text) for table, text in self.conn.execute(SELECT_COLUMNS, self.quoted(schema))}

    def rules(self, *schemas: str) -> dict[str, list[str]]:
        rules = defaultdict(list)
        for table, name, rule in self.conn.execute(SELECT_RULES, [self.quoted(*schemas)]):
            usual = f"{table}_{rule.strip('!?').replace('+', '_')}_index"
            rules[table].append(rule if name == usual else f"{name}={rule}")
        return {table: sorted(rules[table]) for table in rules}

    def objects(self, schema: str) -> list[str]:
        return sorted(name for (name,) in self.conn.execute(SELECT_OBJECTS, self.quoted(schema)))

    def everything(self, *schemas: str) -> list[tuple[object, ...]]:
        return [(self.objects(schema), self.columns(schema), self.rules(schema)) for schema in schemas]


def migrations(schema: str) -> list[Path]:
    return sorted(path for path in FOLDERS[schema].glob("*.sql") if not path.name.endswith(".rollback.sql"))


AT_HOME = {schema: schema for schema in FOLDERS}
ODDLY = {"system": "Système", "users": 'the "users"', "public": "it's 100% public"}


@pytest.fixture(params=[ODDLY], ids=["named oddly"])
def example(request, database):
    """The three schemas migrated, and a connection that finds nothing but pg_catalog by itself."""
    connection = database.connect()
    example = Example(connection, request.param)
    example.run("set client_min_messages = warning")
    example.run("set search_path = pg_catalog, pg_temp")
    for schema in FOLDERS:
        example.run(f"create schema if not exists {{{schema}}}")
        example.migrate(schema, migrations(schema))
    yield example
    connection.close()


def by_table(listing: str) -> dict[str, str]:
    """Read a listing: a name, a colon, and the rest, which indented lines continue."""
    return dict(line.split(": ", 1) for line in listing.strip().replace("\n    ", " ").split("\n"))


def short(listing: str) -> str:
    listing = re.sub(r"::(character varying(\[\])?|text|jsonb)", "", listing)
    listing = listing.replace("character varying", "varchar").replace("varchar(255)", "vc")
    listing = listing.replace("timestamp(0) without time zone", "ts")
    return listing.replace(STAMPS, "stamps").replace(COUNTERS.replace("\n   ", ""), "counters")


@pytest.mark.parametrize("example", [AT_HOME, ODDLY], indirect=True, ids=["named as at home", "named oddly"])
def test_the_schemas_are_those_of_balados_sync(example):
    """Every column, index, foreign key, check and trigger is there, to the letter, and no other."""
    for schema, listing in COLUMNS.items():
        assert example.columns(schema) == by_table(listing)
    assert example.rules(*FOLDERS) == {table: rules.split() for table, rules in by_table(RULES).items()}


def test_what_must_not_be_is_refused(example):
    """Many users without e-mail, but one an address; one pending claim a podcast; one default collection; privacy."""
    claim = {"user_id": "u", "feed_url": "feed", "verification_code": "code", "expires_at": "now"}
    collection = {"user_id": "u", "title": "title"}
    for status in ("pending", "failed", "failed"):
        example.insert("system", "podcast_ownership_claims", status=status, **claim)
    for is_default in (True, False, False):
        example.insert("users", "collections", is_default=is_default, **collection)
    for name, email in (("a", None), ("b", None), ("c", "c@example.org")):
        example.insert("system", "users", id=name, email=email)

    with pytest.raises(errors.UniqueViolation, match="unique_pending_claim_per_user_podcast"):
        example.insert("system", "podcast_ownership_claims", **claim)
    with pytest.raises(errors.UniqueViolation, match="collections_user_id_is_default_index"):
        example.insert("users", "collections", is_default=True, **collection)
    with pytest.raises(errors.UniqueViolation, match="users_email_index"):
        example.insert("system", "users", id="d", email="c@example.org")
    with pytest.raises(errors.CheckViolation, match="valid_privacy"):
        example.run("insert into {users}.user_privacy values ('u', '', '', 'secret', now(), now())")


def test_an_update_stamps_the_row_in_utc(example):
    """updated_at follows an update in UTC, whatever the session's time zone and search_path."""
    example.run("set time zone 'Pacific/Auckland'")
    example.insert("users", "subscriptions", user_id="u", rss_source_feed="feed", updated_at="2000-01-01")

    example.run("update {users}.subscriptions set rss_feed_title = 'title'")

    age = "select abs(extract(epoch from updated_at - timezone('UTC', now()))) < 60 from {users}.subscriptions"
    assert example.run(age).fetchone() == (True,)


def test_trending_podcasts_are_the_hundred_best(example):
    """The view can be refreshed without locking readers out, and keeps the hundred highest scores."""
    example.run(
        "insert into {public}.podcast_popularity (rss_source_feed, score, inserted_at, updated_at)"
        " select 'feed' || i, i, now(), now() from generate_series(1, 120) i"
    )

    example.run("refresh materialized view concurrently {public}.trending_podcasts")

    best = "select count(*), min(score), max(score_delta) from {public}.trending_podcasts"
    assert example.run(best).fetchone() == (100, 21, 120)


def test_no_schema_depends_on_another(example):
    """Any of the schemas can be dropped: no table, column, function, key or trigger of the others falls with it."""
    for schema in FOLDERS:
        others = [other for other in FOLDERS if other != schema]
        before = example.everything(*others)

        with example.conn.transaction(force_rollback=True):
            example.run(f"drop schema {{{schema}}} cascade")
            assert example.everything(*others) == before


def test_rollbacks_take_back_everything(example):
    """Taken back from the last to the first, the migrations leave three empty schemas."""
    for schema in FOLDERS:
        assert example.objects(schema)

        example.migrate(schema, [path.with_suffix(".rollback.sql") for path in reversed(migrations(schema))])

        assert example.objects(schema) == []


def test_plain_yoyo_accepts_the_folders(request, database):
    """`yoyo apply` runs the same files, and `yoyo rollback --all` takes them back."""
    connection = database.connect()
    request.addfinalizer(connection.close)
    example = Example(connection, {schema: schema.title() for schema in FOLDERS})
    url = "postgresql+psycopg://" + database.url.partition("://")[2] + ("&" if "?" in database.url else "?")

    def yoyo(*words: str) -> None:
        command = [sys.executable, "-m", "yoyo", *words, "--batch", "--no-config-file", "--database"]
        runs = [
            subprocess.Popen([*command, f"{url}schema=%22{example.names[schema]}%22", str(folder)])
            for schema, folder in FOLDERS.items()
        ]
        assert [run.wait(timeout=60) for run in runs] == [0, 0, 0]

    for schema in FOLDERS:
        example.run(f"create schema {{{schema}}}")
    yoyo("apply")
    for schema in FOLDERS:
        applied = example.run(f"select migration_id from {{{schema}}}._yoyo_migration order by 1").fetchall()
        assert applied == [(path.stem,) for path in migrations(schema)]

    yoyo("rollback", "--all")
    for schema in FOLDERS:
        assert not [name for name in example.objects(schema) if "yoyo" not in name]
