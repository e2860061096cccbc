"""Migrations: files, and what a schema's history has of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A migration file: yoyo's names and directives, our checksum of its content."""

    id: str
    path: Path
    source: str
    checksum: str
    hash: str
    depends: tuple[str, ...] = ()
    transactional: bool = True
    rollback: Path | None = None
    rollback_source: str | None = None

    @property
    def is_sql(self) -> bool:
        """Whether the file is plain SQL; else it is a Python migration."""
        return self.path.suffix == ".sql"


Files = Mapping[str, tuple[Migration, ...]]  # the migrations of each schema, in the order in which they apply


@dataclass(frozen=True, kw_only=True)
class AppliedMigration:
    """A row of yoyo's history; `checksum` is absent where plain yoyo applied it."""

    id: str
    hash: str
    checksum: str | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was recorded about a schema after the last migration: its structure and the tables that held rows."""

    structure: str
    migrations: str
    seeded: tuple[str, ...] = ()
