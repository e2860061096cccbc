"""Manifests as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from balados_db.manifest.loading import load_manifest
from balados_db.manifest.place import FILE_NAME
from tests.unit.manifests import Load, Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / FILE_NAME
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def load(write: Write) -> Load:
    return lambda text: load_manifest(write(text))
