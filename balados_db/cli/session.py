"""One run of one command: its options, its manifest, its connections."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from balados_db.cli.options import CommonOptions
from balados_db.model import MAIN

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.execution.orders import Orders, Planner
    from balados_db.model import Manifest, Migration, Projector, SchemaDeclaration
    from balados_db.plan_file import PlanFile
    from balados_db.postgres.locking import Patience
    from balados_db.postgres.source import Source


@dataclass(frozen=True)
class Session:
    """What a command may reach. Everything is read when it is first asked for."""

    command: str
    options: CommonOptions
    database: str | None = None  # the one that it is about; None for all that the manifest declares
    approved: PlanFile | None = None  # the plan file that is applied

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, as far as it concerns this session's database, or the error that says what is wrong with it."""
        from balados_db.manifest.loading import load_manifest
        from balados_db.manifest.place import find_manifest

        whole = load_manifest(find_manifest(self.options.manifest))
        return whole if self.database is None else whole.part(self.database)

    def placed(self, action: tuple[str, ...]) -> tuple[str, ...]:
        """What is to be run next, about this manifest and these databases."""
        from balados_db.cli.next_actions import placed

        beside = [f"{name}={url}" for name, url in self.options.urls.items()]
        return placed(action, self.options.manifest, [*filter(None, [self.options.url]), *beside])

    @cached_property
    def parts(self) -> tuple[Session, ...]:
        """A session for each database of the manifest: this one where there is but the main one."""
        if self.database is not None:
            return (self,)
        self._refuse_unknown_urls()
        names = self.manifest.parts
        if names == (MAIN,):
            return (self,)
        return tuple(replace(self, database=name) for name in names)

    def part(self, schema: str) -> Session:
        """The session for the database in which a declared schema lies."""
        where = self.manifest.database_of(schema)
        return next(part for part in self.parts if part.database in (where, None))

    def _refuse_unknown_urls(self) -> None:
        from balados_db.errors import UsageError
        from balados_db.manifest.lookup import meant

        known = [name for name in self.manifest.parts if name != MAIN]
        for name in self.options.urls:
            if name not in known:
                problem = f"--url {name}=: no schema of the manifest lies in a database {name!r}"
                raise UsageError(problem=problem, hint=meant(name, known))
        if self.options.url and MAIN not in self.manifest.parts:
            raise UsageError(problem="--url: nothing is declared in the main database", hint=f"--url {known[0]}=URL")

    def declared(self, schema: str) -> SchemaDeclaration:
        """A schema of the manifest. Raises UnknownSchema, which names the nearest one."""
        from balados_db.manifest.lookup import declared_schema

        return declared_schema(self.manifest, schema)

    def projector(self, name: str) -> Projector:
        """A projector of the manifest. Raises UnknownProjector, which names the nearest one."""
        from balados_db.manifest.lookup import declared_projector

        return declared_projector(self.manifest, name)

    @cached_property
    def files(self) -> dict[str, tuple[Migration, ...]]:
        """The migrations of every declared schema."""
        from balados_db.migration_files import read_all

        return read_all(self.manifest)

    @cached_property
    def source(self) -> Source:
        """Where the database's URL comes from."""
        from balados_db.postgres.source import find_source

        return find_source(self._explicit, self._located)

    @property
    def _explicit(self) -> str | None:
        name = self._located.database or MAIN
        return self.options.url if name == MAIN else self.options.urls.get(name)

    @property
    def _located(self) -> Manifest:
        """The manifest of one database. Raises OneDatabase where a command did not say which of several."""
        from balados_db.errors import OneDatabase

        if len(self.parts) > 1:
            names = ", ".join(self.manifest.parts)
            raise OneDatabase(command=self.command, names=names, hint="")
        return self.parts[0].manifest

    def open(self, database: str | None = None) -> Connection[Any]:
        """Open a connection; `database` overrides the URL's."""
        from balados_db.postgres.connection import connect

        name = self.command.replace(" ", "-")
        return connect(
            self.source, command=name, database=database, wait=self.options.wait, lock_timeout=self.options.lock_timeout
        )

    def refuse_disagreement(self) -> None:
        """Before anything is destroyed, every source must name the same database."""
        from balados_db.postgres.agreement import refuse_disagreement

        refuse_disagreement(self._explicit, self._located)

    def orders(self, planner: Planner, patience: Patience | None = None) -> Orders:
        """What the executor needs."""
        from balados_db.cli.progress import progress
        from balados_db.cli.signals import WATCH
        from balados_db.execution.orders import Orders
        from balados_db.postgres.locking import Patience

        return Orders(
            manifest=self.manifest,
            files=self.files,
            open=self.open,
            planner=planner,
            patience=patience or Patience(locks=self.options.lock_timeout),
            progress=progress(self.options),
            approved=self.approved,
            course=WATCH.course,
        )

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: standard input and standard error are both terminals."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
