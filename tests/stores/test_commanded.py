"""layout = "commanded": its preset beside the store that our own SQL makes. What its subscribers do is in
tests/integration/test_projector.py, and `balados-db demo` shows it.
"""

from __future__ import annotations

from balados_db.manifest.loading import load_manifest
from tests.conftest import EXAMPLE, Database
from tests.stores.stage import Run


def test_the_preset_names_what_the_store_has(balados: Database) -> None:
    """Every table, guard, trigger and column that the preset speaks of is there."""
    manifest = load_manifest(EXAMPLE)
    layout = manifest.event_store.layout
    tables = {
        row[0] for row in balados.execute("select relname from pg_class where relnamespace = 'events'::regnamespace")
    }
    triggers = {row[0] for row in balados.execute("select tgname from pg_trigger where not tgisinternal")}

    assert {*layout.proof, *layout.tables, *layout.guards, layout.liveness.table.name} <= tables
    assert {name for names in layout.triggers.values() for name in names} <= triggers
    for checkpoint in manifest.checkpoints:
        balados.execute(f"select {checkpoint.projector}, {checkpoint.position} from {checkpoint.table}")


def test_its_locks_keep_projectors_out_so_nothing_is_left_to_warn_of(filled: Database, run_cli: Run) -> None:
    """Tables of positions stay readable, and the plan says neither that somebody cannot be seen nor that it is untried."""
    said = run_cli("reset", "--projections", "--dry-run", "--json", database=filled).json

    assert not [w for w in said["warnings"] if "cannot" in w or "never tried" in w]
