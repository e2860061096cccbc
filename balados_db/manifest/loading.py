"""Read `balados-db.toml` and resolve it into a `Manifest`: presets merged, paths absolute, names split and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from balados_db.manifest.checkpoints import checkpoints
from balados_db.manifest.decoding import decode_manifest, read_toml
from balados_db.manifest.names import invalid_name, url_variable
from balados_db.manifest.sections import OWN_SQL, ConfirmationSection, EnvironmentsSection, SchemaSection
from balados_db.manifest.store import Store
from balados_db.manifest.written import Written
from balados_db.model import MAIN, Manifest, Projector, SchemaDeclaration, SchemaKind, Scope, TableName, Trigger


def load_manifest(file: Path) -> Manifest:
    """Read and resolve a manifest.

    Raises ManifestUnreadable, ManifestSyntax or ManifestInvalid.
    """
    return parse_manifest(read_toml(file)[1], file)


def parse_manifest(raw: dict[str, Any], file: Path) -> Manifest:
    """Resolve what a manifest's file says. Raises ManifestInvalid for the first mistake."""
    return _Resolver(Written(decode_manifest(raw, file), file.resolve())).manifest()


def _substitute(url: str | None) -> str | None:
    """Fill ${VAR} in from the environment; a variable that is not set makes the key absent."""
    if url is None:
        return None
    names = re.findall(r"\$\{(\w+)\}", url)
    if any(not os.environ.get(name) for name in names):
        return None
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], url) or None


class _Resolver:
    """Turns what is written into what is meant."""

    def __init__(self, written: Written) -> None:
        self.written, self.said = written, written.said
        self.invalid = written.invalid
        self.store = Store(written)

    def manifest(self) -> Manifest:
        """All of it; in this order, for the first mistake is the one that is told."""
        databases = self._databases()
        positions = checkpoints(self.store)
        return Manifest(
            file=self.written.file,
            url=_substitute(self.said.database.url),
            environment=self.said.database.environment,
            schemas=self._schemas(),
            projectors=self._projectors({checkpoint.table for checkpoint in positions}),
            checkpoints=positions,
            subscriptions={name: section.replay for name, section in self.said.subscriptions.items()},
            phrases=self._phrases(),
            trigger=self._trigger(),
            protected=tuple(dict.fromkeys((*EnvironmentsSection().protected, *self.said.environments.protected))),
            databases=databases,
        )

    def _databases(self) -> dict[str, str | None]:
        """The databases beside the main one, with their URLs as far as their variables are set."""
        variables: dict[str, str] = {}
        for name in self.said.databases:
            at = f"databases.{name}"
            if name == MAIN:
                raise self.invalid(at, f"{MAIN!r} is what [database] is called; choose another name")
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
                raise self.invalid(
                    at, "a database's name here is letters, digits, `_` and `-`, and begins with a letter"
                )
            variable = url_variable(name)
            if variable in variables:
                raise self.invalid(at, f"{variables[variable]!r} and {name!r} would both be named by {variable}")
            variables[variable] = name
        return {name: _substitute(section.url) for name, section in self.said.databases.items()}

    def _schemas(self) -> tuple[SchemaDeclaration, ...]:
        """The declared schemas, their names checked as PostgreSQL would see them."""
        return tuple(self._schema(name, section) for name, section in self.said.schemas.items())

    def _schema(self, name: str, section: SchemaSection) -> SchemaDeclaration:
        at = f"schemas.{name}"
        self._name(name, at)
        is_store = section.kind is SchemaKind.EVENT_STORE
        for key in ("layout", "install"):
            if getattr(section, key) and not is_store:
                raise self.invalid(f"{at}.{key}", "only an event store has this key")
        if section.migrations and is_store:
            raise self.invalid(f"{at}.migrations", "an event store is made by `install`, not by migrations")
        return SchemaDeclaration(
            name=name,
            kind=section.kind,
            migrations=self._path(section.migrations),
            holds=section.holds,
            install=self._install(section, at),
            layout=self.store.layout() if is_store else None,
            database=self.written.database(section.database, f"{at}.database"),
        )

    def _name(self, name: str, at: str) -> None:
        problem = invalid_name(name)
        if problem:
            raise self.invalid(at, problem)

    def _install(self, section: SchemaSection, at: str) -> Path | None:
        if section.install == OWN_SQL:
            return self.store.own_sql(f"{at}.install")
        return self._path(section.install)

    def _path(self, written: str | None) -> Path | None:
        """Not by Path.resolve(), for which a link to itself is an error of its own."""
        return Path(os.path.realpath(self.written.file.parent / written)) if written else None

    def _projectors(self, positions: Set[TableName]) -> tuple[Projector, ...]:
        """The declared projectors; each table must lie in a declared projection schema and hold no `positions`."""
        return tuple(
            Projector(
                name=name,
                tables=self._once(
                    (self._projected(table, f"projectors.{name}.tables", positions) for table in section.tables or ()),
                    f"projectors.{name}.tables",
                ),
                events=section.events,
                reads=tuple(self._read(table, f"projectors.{name}.reads") for table in section.reads),
                fills_nothing=section.tables == (),
            )
            for name, section in self.said.projectors.items()
        )

    def _once(self, tables: Iterable[TableName], at: str) -> tuple[TableName, ...]:
        """Whoever names a table twice meant another one, which nobody would be said to fill."""
        found: dict[TableName, None] = {}
        for table in tables:
            if table in found:
                raise self.invalid(at, f"{str(table)!r} is named twice")
            found[table] = None
        return tuple(found)

    def _read(self, written: str, at: str) -> TableName:
        """A table or view of a declared schema, of whatever kind."""
        table = self.written.table(written, at)
        self.written.schema_of(table, written, at)
        return table

    def _projected(self, written: str, at: str, positions: Set[TableName]) -> TableName:
        table = self.written.table(written, at)
        schema = self.written.schema_of(table, written, at)
        if schema.kind is not SchemaKind.PROJECTION:
            raise self.invalid(at, f"{written!r}: schema {table.schema!r} is {schema.kind.value}, not projection")
        if table in positions:
            raise self.invalid(at, f"{written!r} is a checkpoint table: positions are forgotten, not rebuilt")
        return table

    def _trigger(self) -> Trigger | None:
        """What is set off after a reset, if anything is."""
        said = self.said.rebuild
        if said.notify is not None and not 0 < len(said.notify.encode()) < 64:
            raise self.invalid("rebuild.notify", "a channel's name has 1 to 63 bytes")
        if said.command and not said.command[0]:
            raise self.invalid("rebuild.command", "the program comes first, each argument is a word of its own")
        if not 0 < said.timeout < float("inf"):
            raise self.invalid("rebuild.timeout", "say how many seconds the command may take")
        if said.notify is None and not said.command:
            return None
        return Trigger(notify=said.notify, command=said.command, timeout=said.timeout)

    def _phrases(self) -> Mapping[Scope, str]:
        """The phrases; never shorter than the default, nor with blanks that nobody sees."""
        default = ConfirmationSection()
        phrases = {scope: getattr(self.said.confirmation, scope.value) for scope in Scope}
        for scope, phrase in phrases.items():
            at = f"confirmation.{scope.value}"
            if phrase != phrase.strip() or not phrase.isprintable():
                raise self.invalid(at, "a phrase has no blank at its ends and no control characters")
            if len(phrase) < len(getattr(default, scope.value)):
                raise self.invalid(at, f"a phrase may be longer than {getattr(default, scope.value)!r}, not shorter")
        return phrases
