"""What we rely on inside yoyo: a release that changes it must be seen here, not in somebody's database."""

from __future__ import annotations

from yoyo import internalmigrations
from yoyo.migrations import default_migration_table, get_migration_hash

from balados_db.migration_files import read_migrations
from balados_db.postgres.history import HISTORY
from tests.conftest import ROOT


def test_yoyos_own_tables_are_of_the_version_that_we_write() -> None:
    """Two internal versions: history and log. A third would change what `note_applied` inserts."""
    assert max(internalmigrations.schema_versions) == 2
    assert default_migration_table == HISTORY


def test_our_hash_of_a_migration_is_yoyos() -> None:
    """Of the name, not of the content: plain yoyo finds what we noted."""
    for migration in read_migrations("system", ROOT / "migrations" / "system"):
        assert migration.hash == get_migration_hash(migration.id)
