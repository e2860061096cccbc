"""`docs`: the schema reference that is committed and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from balados_db.rendering.mermaid import label
from balados_db.rendering.reference import code, prose
from tests.conftest import EXAMPLE, ROOT, Database, Result

RunCli = Callable[..., Result]


@pytest.fixture(scope="module")
def untouched(balados_template: str, new_database: Callable[..., Database]) -> Database:
    """Balados Sync's database, empty, for tests that only read."""
    return new_database(balados_template)


def row(text: str, table: str) -> str:
    """The one line that classifies a table."""
    return next(line for line in text.splitlines() if line.startswith(f"| `{table}`"))


def test_every_table_is_classified(run_cli: RunCli, untouched: Database) -> None:
    """Each table says whether it may be emptied and why; a projection's table, by whom and from which events."""
    text = run_cli("docs", database=untouched).out

    assert "❌ No | exists nowhere else" in row(text, "system.users")
    assert "❌ No | written by the event store's own library alone" in row(text, "events.events")
    assert "❌ No | positions of subscribers" in row(text, "events.projection_versions")
    assert "✅ Yes" in row(text, "users.subscriptions")
    assert "`SubscriptionsProjector` | `UserSubscribed`, `UserUnsubscribed` |" in row(text, "users.subscriptions")
    assert "(materialized view) | —" in row(text, "public.trending_podcasts")
    assert "| `system` | permanent | user accounts, app tokens" in text
    assert "- `user_privacy`: `user_id` character varying(255), `rss_source_feed` text" in text


def test_the_map_leads_from_events_to_tables(run_cli: RunCli, untouched: Database) -> None:
    """The Mermaid map leads from an event to its projector and from there to its table."""
    lines = run_cli("docs", database=untouched).out.splitlines()
    node = {
        line.split('"')[1]: line.strip().split("[")[0].split("(")[0] for line in lines if '["' in line or '("' in line
    }

    assert f"  {node['UserSubscribed']} --> {node['SubscriptionsProjector']}" in lines
    assert f"  {node['SubscriptionsProjector']} --> {node['subscriptions']}" in lines


def test_who_reads_a_table_is_said(run_cli: RunCli, untouched: Database, tmp_path: Path) -> None:
    """A column and a dotted arrow where the manifest knows readers, in `status` too; without any, neither."""
    manifest = tmp_path / "balados-db.toml"
    text = EXAMPLE.read_text().replace('"migrations/', f'"{ROOT}/migrations/').replace('"sql/', f'"{ROOT}/sql/')
    manifest.write_text(
        text.replace(
            "[projectors.PopularityProjector]", '[projectors.PopularityProjector]\nreads = ["users.playlists"]'
        )
    )
    written = run_cli("docs", database=untouched, manifest=manifest).out
    status = run_cli("status", database=untouched, manifest=manifest).out

    assert row(written, "users.playlists").endswith("| `PopularityProjector` |")
    assert row(written, "users.subscriptions").endswith("| — |")
    assert " -.-> p" in written
    assert "users.playlists" in next(line for line in status.splitlines() if line.startswith("PopularityProjector"))
    assert " -.-> p" not in run_cli("docs", database=untouched).out


def test_rows_do_not_change_it(run_cli: RunCli, untouched: Database, filled: Database) -> None:
    """An empty database and a full one with the same structure make the same text, letter by letter."""
    assert run_cli("docs", database=filled).out == run_cli("docs", database=untouched).out


def test_the_committed_reference_is_up_to_date(run_cli: RunCli, untouched: Database) -> None:
    """docs/schema.md of this repository is what `docs` writes for the example, and `--check` looks for it there."""
    done = run_cli("docs", "--check", database=untouched)

    assert (done.status, done.err) == (0, "")
    assert f"{ROOT / 'docs' / 'schema.md'} is up to date." in done.out


def test_check_names_what_differs(run_cli: RunCli, balados: Database, tmp_path: Path) -> None:
    """A table that came since is a finding, with the line that is missing; nothing is written."""
    file = tmp_path / "schema.md"
    run_cli("docs", "--out", str(file), database=balados)
    before = file.read_text(encoding="utf-8")
    balados.execute("create table users.stray (i integer)")

    done = run_cli("docs", "--check", "--out", str(file), database=balados)

    assert done.status == 4
    assert "finding: +| `users.stray` | ❌ No | no declared projector rebuilds it" in done.err
    assert file.read_text(encoding="utf-8") == before
    assert run_cli("docs", "--check", "--out", str(file), "--json", database=balados).json["ok"] is False


def test_check_without_a_file_is_a_finding(run_cli: RunCli, untouched: Database, tmp_path: Path) -> None:
    """A reference that nobody wrote yet is a finding, and the next command is named."""
    done = run_cli("docs", "--check", "--out", str(tmp_path / "none.md"), "--json", database=untouched)

    assert done.status == 4
    assert done.following == [["balados-db", "docs", "--out", str(tmp_path / "none.md")]]


def test_line_ends_do_not_matter(run_cli: RunCli, untouched: Database, tmp_path: Path) -> None:
    """A checkout with Windows' line ends is not out of date."""
    file = tmp_path / "schema.md"
    run_cli("docs", "--out", str(file), database=untouched)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    assert run_cli("docs", "--check", "--out", str(file), database=untouched).status == 0


def test_writing_twice_changes_nothing(run_cli: RunCli, untouched: Database, tmp_path: Path) -> None:
    """The second run finds the file as it should be, and says so."""
    file = tmp_path / "new" / "schema.md"

    assert run_cli("docs", "--out", str(file), "--json", database=untouched).json["changed"] is True
    assert run_cli("docs", "--out", str(file), "--json", database=untouched).json["changed"] is False


def test_a_file_of_somebody_else_is_kept(run_cli: RunCli, untouched: Database, tmp_path: Path) -> None:
    """A file that `docs` did not write is never overwritten."""
    file = tmp_path / "README.md"
    file.write_text("by hand\n")

    done = run_cli("docs", "--out", str(file), database=untouched)

    assert (done.status, done.code) == (2, "file_exists")
    assert file.read_text() == "by hand\n"


def test_what_nobody_declares_is_said(run_cli: RunCli, balados: Database) -> None:
    """Tables without a projector, tables in undeclared schemas and missing tables of projectors are listed."""
    balados.execute(
        "create table public.orphan (i integer); create schema reports; create table reports.monthly (i integer);"
        "drop table users.play_statuses"
    )

    done = run_cli("docs", "--json", database=balados)

    said = "\n".join(done.json["warnings"])
    assert "table public.orphan is a projection's, but no projector declares it" in said
    assert "schema reports is not in the manifest, so no command touches it: monthly" in said
    assert "table users.play_statuses of projector PlayStatusesProjector does not exist" in said
    assert "## ⚠️ To be settled" in done.json["result"]["markdown"]


def test_an_empty_database_has_a_reference_too(run_cli: RunCli, database: Database) -> None:
    """Before anything was created, the reference says what does not exist yet."""
    done = run_cli("docs", database=database)

    assert done.status == 0
    assert "schema users is declared, but does not exist" in done.out


def test_tables_that_migrations_fill_are_not_safe(run_cli: RunCli, database: Database, tmp_path: Path) -> None:
    """Rows that a migration inserts come back by no event, so their table is not safe to truncate."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "0001_kinds.sql").write_text("create table kinds (k text); insert into kinds values ('a')")
    manifest = tmp_path / "balados-db.toml"
    manifest.write_text(
        'version = 1\n[schemas.read]\nkind = "projection"\nmigrations = "sql"\n'
        '[projectors.P]\ntables = ["read.kinds"]\nevents = ["E"]\n'
    )
    assert run_cli("migrate", database=database, manifest=manifest).status == 0

    assert "❌ No | its migrations put rows there" in row(
        run_cli("docs", database=database, manifest=manifest).out, "read.kinds"
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param("plain", "`plain`", id="plain"),
        pytest.param("a|b", "`a\\|b`", id="bar"),
        pytest.param("a`b", "`` a`b ``", id="backtick"),
        pytest.param("a\nb", "`a b`", id="line end"),
    ],
)
def test_odd_names_stay_in_their_cell(written: str, shown: str) -> None:
    """No name ends a table's cell, its line or its code span."""
    assert code(written) == shown


def test_prose_is_no_markup() -> None:
    """What a manifest says is shown, not interpreted."""
    assert prose("a *b* <c> [d](e) | f_g") == "a \\*b\\* &lt;c> \\[d\\](e) \\| f\\_g"


def test_labels_of_the_map_end_nowhere_else() -> None:
    """No name ends a label of the map, or begins an entity of Mermaid's."""
    assert label('a "b" #c; <d>\n`e`') == "a #quot;b#quot; #35;c; #lt;d#gt; #96;e#96;"
