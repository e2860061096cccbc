"""One run of one command: its options, its manifest, its connections."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from balados_db.cli.options import CommonOptions

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.execution.executor import Orders, Planner
    from balados_db.model import Manifest, Migration
    from balados_db.postgres.connection import Source
    from balados_db.postgres.locking import Patience


@dataclass(frozen=True)
class Session:
    """What a command may reach. Everything is read when it is first asked for."""

    command: str
    options: CommonOptions

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, or the error that says what is wrong with it."""
        from balados_db.manifest import find_manifest, load_manifest

        return load_manifest(find_manifest(self.options.manifest))

    @cached_property
    def files(self) -> dict[str, tuple[Migration, ...]]:
        """The migrations of every declared schema."""
        from balados_db.migration_files import read_all

        return read_all(self.manifest)

    @cached_property
    def source(self) -> Source:
        """Where the database's URL comes from."""
        from balados_db.postgres.connection import find_source

        return find_source(self.options.url, self.manifest)

    def open(self, database: str | None = None) -> Connection[Any]:
        """Open a connection; `database` overrides the URL's."""
        from balados_db.postgres.connection import connect

        name = self.command.replace(" ", "-")
        return connect(self.source, command=name, database=database, wait=self.options.wait)

    def refuse_disagreement(self) -> None:
        """Before anything is destroyed, every source must name the same database."""
        from balados_db.postgres.connection import refuse_disagreement

        refuse_disagreement(self.options.url, self.manifest)

    def orders(self, planner: Planner, patience: Patience | None = None) -> Orders:
        """What the executor needs."""
        from balados_db.cli.progress import progress
        from balados_db.execution.executor import Orders
        from balados_db.postgres.locking import Patience

        return Orders(
            manifest=self.manifest,
            files=self.files,
            open=self.open,
            planner=planner,
            patience=patience or Patience(locks=self.options.lock_timeout),
            progress=progress(self.options),
        )

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: standard input and standard error are both terminals."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
