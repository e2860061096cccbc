"""Find the example, Balados Sync: beside this module when installed from the wheel, else in the repository."""

from __future__ import annotations

from pathlib import Path

from balados_db.errors import ManifestMissing

MANIFEST = "balados-db.toml"


def root() -> Path:
    """The folder that holds the example's manifest, migrations and install SQL. Raises ManifestMissing."""
    module = Path(__file__).resolve()
    for folder in (module.with_suffix(""), module.parents[1]):
        if (folder / MANIFEST).is_file():
            return folder
    raise ManifestMissing(
        looked_for=f"the example's {MANIFEST}", hint="install balados-db anew: its files are not all there"
    )


def manifest() -> Path:
    """The example's manifest."""
    return root() / MANIFEST


def projector() -> Path:
    """The folder of the example's programs: its projectors, and what fills its event store."""
    installed = root() / "projector"
    return installed if installed.is_dir() else root() / "examples" / "projector"
