"""A project as far as its tests are concerned: its manifest, and a name for what a migrated database of it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from balados_db import __version__
from balados_db.manifest.loading import load_manifest

if TYPE_CHECKING:
    from balados_db.model import Manifest

PREFIX = "balados_test_"  # every database that a test run makes begins like this
MADE_BY_PYTHON = "__pycache__"


class Project:
    """Names of databases: `balados_test_PROJECT_template_CONTENT`, `…_building`, and `…_RUN_NUMBER` for each test.

    Where the manifest declares several databases, the second has `_1` behind it, and so on.

    PROJECT stands for the manifest's place, so that two checkouts never drop each other's databases; CONTENT for all
    that a template is made from.
    """

    def __init__(self, file: Path) -> None:
        """Read the manifest. Raises what `load_manifest` does."""
        self.manifest = load_manifest(file)
        self.prefix = f"{PREFIX}{_short(str(self.manifest.file).encode())}_"
        self.templates = f"{self.prefix}template_"
        self.building = f"{self.prefix}building"

    @property
    def template(self) -> str:
        """The name of the template that the files of this moment make."""
        return f"{self.templates}{_short(*_contents(self.manifest))}"

    def named(self, stem: str) -> dict[str, str]:
        """A name for each of the manifest's databases, by its name there; the first is `stem` itself."""
        return {part: f"{stem}_{number}" if number else stem for number, part in enumerate(self.manifest.parts)}


def _short(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def _contents(manifest: Manifest) -> Iterator[bytes]:
    """All that decides what `balados-db up` makes: the manifest, migrations, install SQL, presets, and ourselves."""
    yield __version__.encode()
    yield manifest.file.read_bytes()
    for schema in manifest.schemas:
        yield repr((schema.name, schema.layout)).encode()
        for folder in (schema.migrations, schema.install):
            yield from _files(folder) if folder else ()


def _files(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and MADE_BY_PYTHON not in file.parts:
            yield file.relative_to(folder).as_posix().encode()
            yield file.read_bytes()
