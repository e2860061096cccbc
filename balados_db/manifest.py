"""Read `balados-db.toml`: find it, check it, resolve it into a `Manifest`.

Every mistake names the file, the key and, where there is one, the nearest right word.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Set
from difflib import get_close_matches
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, overload

import msgspec

from balados_db import example
from balados_db.errors import ManifestInvalid, ManifestSyntax, ManifestUnreadable
from balados_db.manifest_file import (
    OWN_SQL,
    CheckpointSection,
    ConfirmationSection,
    DatabaseSection,
    DatabasesSection,
    EnvironmentsSection,
    EventStoreSection,
    ManifestFile,
    PresetSection,
    ProjectorSection,
    RebuildSection,
    SchemaSection,
    Section,
    SetSection,
    SqlSection,
    SubscriptionSection,
)
from balados_db.manifest_place import find_manifest as find_manifest
from balados_db.model import (
    MAIN,
    OWN_SCHEMA,
    CheckpointTable,
    Expression,
    Layout,
    Liveness,
    Manifest,
    Projector,
    SchemaDeclaration,
    SchemaKind,
    Scope,
    Sql,
    TableName,
    Trigger,
    Value,
)

PRESETS = Path(__file__).parent / "presets"
DEFAULT_LAYOUT = "commanded"


# ── finding and decoding ─────────────────────────────────────────────────────────────────────────────────


def load_manifest(file: Path) -> Manifest:
    """Read and resolve a manifest.

    Raises ManifestUnreadable, ManifestSyntax or ManifestInvalid.
    """
    return parse_manifest(read_toml(file)[1], file)


def parse_manifest(raw: dict[str, Any], file: Path) -> Manifest:
    """Resolve what a manifest's file says. Raises ManifestInvalid for the first mistake."""
    return _resolve(_decode(raw, file), file.resolve())


def read_toml(file: Path) -> tuple[str, dict[str, Any]]:
    """Read a TOML file: its text, and what it says. Raises ManifestUnreadable or ManifestSyntax."""
    import tomli

    try:
        text = file.read_text(encoding="utf-8-sig")
        return text, tomli.loads(text)
    except OSError as exc:
        raise ManifestUnreadable(file=str(file), problem=exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise ManifestUnreadable(file=str(file), problem=f"it is not UTF-8 (byte {exc.start})") from exc
    except tomli.TOMLDecodeError as exc:
        raise ManifestSyntax(file=str(file), problem=str(exc)) from exc


S = TypeVar("S", bound=Section)
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


class _Reader:
    """Decodes one file's tables, so that every message can say where it stands."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def invalid(self, key: str, problem: str) -> ManifestInvalid:
        return ManifestInvalid(file=str(self.file), key=key, problem=problem)

    def known(self, keys: Iterable[str], right: Iterable[str], at: str) -> None:
        """Refuse the first key that is not one of `right`."""
        right = tuple(right)
        for key in keys:
            if key not in right:
                raise self.invalid(_join(at, key), f"unknown key{_nearest(key, right)}")

    def section(self, value: Any, kind: type[S], at: str) -> S:
        """Decode one table; its messages get the table's own path in front."""
        if not isinstance(value, dict):
            raise self.invalid(at, f"expected a table, got {type(value).__name__}")
        fields = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
        self.known(value, fields, at)
        for name, inner in _inner_sections(fields).items():
            plain = isinstance(value.get(name), str) and str in get_args(fields[name])
            if name in value and not plain:  # first by themselves: their messages say where and what is nearest
                decode: Callable[..., Any] = self.listed if get_origin(fields[name]) is tuple else self.section
                decode(value[name], inner, _join(at, name))
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as exc:
            raise self._said(exc, fields, at) from exc

    def sections(self, value: Any, kind: type[S], at: str) -> dict[str, S]:
        """Decode a table of tables."""
        if not isinstance(value, dict):
            raise self.invalid(at, f"expected a table of tables, got {type(value).__name__}")
        return {name: self.section(table, kind, f"{at}.{name}") for name, table in value.items()}

    def listed(self, value: Any, kind: type[S], at: str) -> tuple[S, ...]:
        """Decode an array of tables."""
        if not isinstance(value, list):
            raise self.invalid(at, f"expected [[{at}]], got {type(value).__name__}")
        return tuple(self.section(table, kind, f"{at}[{n}]") for n, table in enumerate(value))

    def _said(self, exc: msgspec.ValidationError, fields: Mapping[str, Any], at: str) -> ManifestInvalid:
        text = str(exc)
        found = _AT.search(text)
        path = found["path"] if found else ""
        problem = _AT.sub("", text)
        wrong = re.search(r"Invalid enum value '(.*)'", problem)
        if wrong and path in fields:
            words = _words(fields[path])
            if wrong[1] == "undecided":
                return self.invalid(_join(at, path), f"nobody has decided it yet: say {' or '.join(words[:2])}")
            problem = f"{wrong[1]!r} is not one of {', '.join(words)}{_nearest(wrong[1], words)}"
        return self.invalid(_join(at, path), problem)


def _inner_sections(fields: Mapping[str, Any]) -> dict[str, type[Section]]:
    """The fields that are sections themselves, or arrays of them."""
    found = {name: [a for a in get_args(type_) if isinstance(a, type)] for name, type_ in fields.items()}
    return {name: a for name, types in found.items() for a in types if issubclass(a, Section)}


def _words(type_: Any) -> list[str]:
    """The words that a field understands."""
    if isinstance(type_, type) and issubclass(type_, Enum):
        return [member.value for member in type_]
    return [word for a in (type_, *get_args(type_)) if get_origin(a) is Literal for word in get_args(a)]


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at and key else at or key


def _nearest(word: str, right: Iterable[str]) -> str:
    near = get_close_matches(word, list(right), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _decode(raw: dict[str, Any], file: Path) -> ManifestFile:
    reader = _Reader(file)
    reader.known(raw, (f.encode_name for f in msgspec.structs.fields(ManifestFile)), "")
    if raw.get("version") != 1 or isinstance(raw["version"], bool):
        raise reader.invalid("version", "this balados-db understands `version = 1`, which must be there")
    read: dict[str, tuple[Callable[..., Any], type[Section]]] = {
        "schemas": (reader.sections, SchemaSection),
        "projectors": (reader.sections, ProjectorSection),
        "subscriptions": (reader.sections, SubscriptionSection),
        "checkpoints": (reader.listed, CheckpointSection),
        "database": (reader.section, DatabaseSection),
        "databases": (reader.sections, DatabasesSection),
        "event_store": (reader.section, EventStoreSection),
        "confirmation": (reader.section, ConfirmationSection),
        "environments": (reader.section, EnvironmentsSection),
        "rebuild": (reader.section, RebuildSection),
    }
    parts: dict[str, Any] = {}
    for key, value in raw.items():
        if key != "version":
            decode, kind = read[key]
            parts[key] = decode(value, kind, key)
    return ManifestFile(version=1, **parts)


# ── resolving ────────────────────────────────────────────────────────────────────────────────────────────


def _resolve(written: ManifestFile, file: Path) -> Manifest:
    resolver = _Resolver(written, file)
    databases = resolver.databases()
    checkpoints = resolver.checkpoints()
    return Manifest(
        file=file,
        url=_substitute(written.database.url),
        environment=written.database.environment,
        schemas=resolver.schemas(),
        projectors=resolver.projectors({checkpoint.table for checkpoint in checkpoints}),
        checkpoints=checkpoints,
        subscriptions={name: section.replay for name, section in written.subscriptions.items()},
        phrases=resolver.phrases(),
        trigger=resolver.trigger(),
        protected=tuple(dict.fromkeys((*EnvironmentsSection().protected, *written.environments.protected))),
        databases=databases,
    )


def preset_checkpoints(layout: str, schema: str, projectors: Iterable[str]) -> tuple[CheckpointTable, ...]:
    """The tables of positions of a preset's store in this schema; where each projector has its own, of these."""
    section = SchemaSection(kind=SchemaKind.EVENT_STORE, layout=layout)
    written = ManifestFile(version=1, schemas={schema: section}, projectors={n: ProjectorSection() for n in projectors})
    return _Resolver(written, PRESETS / f"{layout}.toml").checkpoints()


def _substitute(url: str | None) -> str | None:
    """Fill ${VAR} in from the environment; a variable that is not set makes the key absent."""
    if url is None:
        return None
    names = re.findall(r"\$\{(\w+)\}", url)
    if any(not os.environ.get(name) for name in names):
        return None
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], url) or None


class _Resolver(_Reader):
    """Turns what is written into what is meant."""

    def __init__(self, written: ManifestFile, file: Path) -> None:
        super().__init__(file)
        self.written = written
        self.stores = [n for n, s in written.schemas.items() if s.kind is SchemaKind.EVENT_STORE]
        if len(self.stores) > 1:
            raise self.invalid(f"schemas.{self.stores[1]}", "only one schema can be the event store")
        self.preset = self._preset()

    def databases(self) -> dict[str, str | None]:
        """The databases beside the main one, with their URLs as far as their variables are set."""
        variables: dict[str, str] = {}
        for name in self.written.databases:
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
        return {name: _substitute(section.url) for name, section in self.written.databases.items()}

    def _database(self, written: str | None, at: str) -> str:
        known = (MAIN, *self.written.databases)
        if written is None or written in known:
            return written or MAIN
        raise self.invalid(at, f"{written!r} is not one of {', '.join(known)}{_nearest(written, known)}")

    def schemas(self) -> tuple[SchemaDeclaration, ...]:
        """The declared schemas, their names checked as PostgreSQL would see them."""
        return tuple(self._schema(name, section) for name, section in self.written.schemas.items())

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
            layout=self._layout(name, section, at) if is_store else None,
            database=self._database(section.database, f"{at}.database"),
        )

    def _install(self, section: SchemaSection, at: str) -> Path | None:
        if section.install != OWN_SQL:
            return self._path(section.install)
        if isinstance(self.preset, PresetSection) and self.preset.install:
            return example.root() / self.preset.install
        problem = (
            f"layout {section.layout or DEFAULT_LAYOUT!r} brings no SQL of its own: leave `install` out, where its"
        )
        raise self.invalid(f"{at}.install", f"{problem} library installs the store, or name a directory of SQL")

    def _name(self, name: str, at: str) -> None:
        problem = invalid_name(name)
        if problem:
            raise self.invalid(at, problem)

    def _path(self, written: str | None) -> Path | None:
        return (self.file.parent / written).resolve() if written else None

    # An event store's layout is a preset, or `[event_store]` in the manifest itself.

    def _preset(self) -> EventStoreSection | None:
        if not self.stores:
            if self.written.event_store:
                raise self.invalid("event_store", 'no schema has kind = "event_store"')
            return None
        at = f"schemas.{self.stores[0]}.layout"
        name = self.written.schemas[self.stores[0]].layout or DEFAULT_LAYOUT
        if name == "custom":
            if self.written.event_store is None:
                raise self.invalid(at, '"custom" needs a table [event_store]')
            return self.written.event_store
        if self.written.event_store is not None:
            raise self.invalid("event_store", f'only layout = "custom" is spelled out; this is {name!r}')
        file = PRESETS / f"{name}.toml"
        known = [*sorted(p.stem for p in PRESETS.glob("*.toml")), "custom"]
        if name not in known:
            raise self.invalid(at, f"{name!r} is not one of {', '.join(known)}{_nearest(name, known)}")
        reader = _Reader(file)
        return reader.section(read_toml(file)[1], PresetSection, "")

    def _layout(self, schema: str, section: SchemaSection, at: str) -> Layout:
        store = self.preset
        assert store is not None
        live = store.liveness
        if live is not None and self._lies_in(self._in_store(live.table).schema) != self._lies_in(schema):
            raise self.invalid("event_store.liveness.table", f"{live.table!r} lies in another database than {schema!r}")
        if not store.tables:
            raise self.invalid("event_store.tables", "name the tables that `reset --events` empties")
        return Layout(
            name=section.layout or DEFAULT_LAYOUT,
            tried=store.tried,
            proof=store.proof or store.tables,
            tables=store.tables,
            sequences=store.sequences,
            tracking=store.tracking,
            head=store.head,
            events=store.events,
            seed=store.seed,
            additions=store.additions,
            reset_settings=store.reset_settings,
            guards=store.guards,
            triggers=store.triggers,
            liveness=Liveness(table=self._in_store(live.table), id=live.id, name=live.name) if live else None,
            append=store.append,
            probe=self._filled(store.probe),
            unfenced=store.unfenced,
        )

    def _lies_in(self, schema: str) -> str:
        section = self.written.schemas.get(schema)
        return (section.database if section else None) or MAIN

    def _in_store(self, table: str) -> TableName:
        return self.table(table, "event_store") if "." in table else TableName(self.stores[0], table)

    def table(self, written: str, at: str) -> TableName:
        """Split SCHEMA.TABLE at the longest declared schema's name, else at the first dot."""
        declared = sorted((n for n in self.written.schemas if written.startswith(f"{n}.")), key=len)
        schema = declared[-1] if declared else written.partition(".")[0]
        name = written[len(schema) + 1 :]
        if not schema or not name:
            raise self.invalid(at, f"{written!r} is not a schema's name, a dot and a table's name")
        return TableName(schema, name)

    def projectors(self, positions: Set[TableName]) -> tuple[Projector, ...]:
        """The declared projectors; each table must lie in a declared projection schema and hold no `positions`."""
        return tuple(
            Projector(
                name=name,
                tables=tuple(
                    self._projected(table, f"projectors.{name}.tables", positions) for table in section.tables or ()
                ),
                events=section.events,
                reads=tuple(self._read(table, f"projectors.{name}.reads") for table in section.reads),
                fills_nothing=section.tables == (),
            )
            for name, section in self.written.projectors.items()
        )

    def _read(self, written: str, at: str) -> TableName:
        """A table or view of a declared schema, of whatever kind."""
        table = self.table(written, at)
        self._declared(table, written, at)
        return table

    def _declared(self, table: TableName, written: str, at: str) -> SchemaSection:
        schema = self.written.schemas.get(table.schema)
        if schema is None:
            near = _nearest(table.schema, self.written.schemas)
            raise self.invalid(at, f"{written!r}: schema {table.schema!r} is not declared{near}")
        return schema

    def _projected(self, written: str, at: str, positions: Set[TableName]) -> TableName:
        table = self.table(written, at)
        schema = self._declared(table, written, at)
        if schema.kind is not SchemaKind.PROJECTION:
            raise self.invalid(at, f"{written!r}: schema {table.schema!r} is {schema.kind.value}, not projection")
        if table in positions:
            raise self.invalid(at, f"{written!r} is a checkpoint table: positions are forgotten, not rebuilt")
        return table

    def checkpoints(self) -> tuple[CheckpointTable, ...]:
        """The layout's checkpoint tables and the manifest's own.

        One of the manifest replaces its namesake; those `for` one projector replace what the layout has for it.
        """
        own = self._checkpoints(self.written.checkpoints, "checkpoints")
        claimed = {section.for_ for section in self.written.checkpoints if section.for_}
        preset = [s for c in (self.preset.checkpoints if self.preset else ()) for s in self._for_each(c, claimed)]
        ours = self._checkpoints(preset, "event_store.checkpoints", in_store=True)
        spelled = {c.table for c in own}
        return (*(c for c in ours if c.table not in spelled), *own)

    def _for_each(self, section: CheckpointSection, claimed: Set[str]) -> Iterable[CheckpointSection]:
        """Where every projector has a table of its own, that of each one; `{projector}` is its name in lower case."""
        if "{projector}" not in section.table:
            return [section]
        return [
            msgspec.structs.replace(section, table=section.table.replace("{projector}", name.lower()), for_=name)
            for name in self.written.projectors
            if name not in claimed
        ]

    def _checkpoints(
        self, written: Iterable[CheckpointSection], at: str, in_store: bool = False
    ) -> tuple[CheckpointTable, ...]:
        found: list[CheckpointTable] = []
        for n, section in enumerate(written):
            checkpoint = self._checkpoint(section, f"{at}[{n}]", in_store)
            if checkpoint.table in {c.table for c in found}:
                raise self.invalid(f"{at}[{n}].table", f"{checkpoint.table} is declared twice")
            found.append(checkpoint)
        return tuple(found)

    def _checkpoint(self, section: CheckpointSection, at: str, in_store: bool) -> CheckpointTable:
        table = self._in_store(section.table) if in_store else self.table(section.table, f"{at}.table")
        forget = self._forget(section.forget, f"{at}.forget")
        return CheckpointTable(
            table=table,
            projector=self._whose(section, at),
            position=self._expression(section.position) if section.position else None,
            head=self._filled(section.head),
            origin=section.origin,
            set=self._values(forget.set) if isinstance(forget, SetSection) else None,
            sql=self._filled(forget.sql) if isinstance(forget, SqlSection) else None,
            rewind=self._values(section.rewind) if section.rewind else None,
            where=self._filled(section.where),
            keep=self._filled(section.keep),
            appends=isinstance(forget, SqlSection) and self._holds_events(table),
            refuses_undeclared=section.undeclared != "keep" if section.undeclared else not self._of_store(table),
            optional=section.optional,
            record=section.record,
        )

    def _whose(self, section: CheckpointSection, at: str) -> Expression:
        if (section.projector is None) == (section.for_ is None):
            raise self.invalid(at, "say either which column holds the `projector`, or `for` which projector it is")
        if section.for_ is None:
            assert section.projector is not None
            return self._expression(section.projector)
        if section.for_ not in self.written.projectors:
            raise self.invalid(
                f"{at}.for", f"{section.for_!r} is no projector{_nearest(section.for_, self.written.projectors)}"
            )
        return Sql("'" + section.for_.replace("'", "''") + "'")

    def _expression(self, written: str | SqlSection) -> Expression:
        return written if isinstance(written, str) else Sql(self._filled(written.sql))

    def _values(self, written: Mapping[str, str | int | SqlSection]) -> Mapping[str, Value]:
        return {
            column: Sql(self._filled(value.sql)) if isinstance(value, SqlSection) else value
            for column, value in written.items()
        }

    @overload
    def _filled(self, text: str) -> str: ...
    @overload
    def _filled(self, text: None) -> None: ...
    def _filled(self, text: str | None) -> str | None:
        """SQL with the event store's quoted name."""
        if text is None or not self.stores:
            return text
        return text.replace("{event_store}", '"' + self.stores[0].replace('"', '""') + '"')

    def _holds_events(self, table: TableName) -> bool:
        store = self.preset.tables if self.preset else ()
        return table.schema in self.stores and any(fnmatchcase(table.name, name.partition("(")[0]) for name in store)

    def _of_store(self, table: TableName) -> bool:
        """Whether this is the store's own table of subscriptions, which knows handlers that are no projectors."""
        live = self.preset.liveness if self.preset else None
        return live is not None and self._in_store(live.table) == table

    def _forget(self, written: str | dict[str, Any], at: str) -> SetSection | SqlSection | None:
        if not isinstance(written, dict):
            return None
        self.known(written, ("set", "sql"), at)
        if len(written) != 1:
            raise self.invalid(at, 'write "delete", { set = { column = value } } or { sql = "…" }')
        if "set" in written:
            return self.section(written, SetSection, at)
        return self.section(written, SqlSection, at)

    def trigger(self) -> Trigger | None:
        """What is set off after a reset, if anything is."""
        said = self.written.rebuild
        if said.notify is not None and not 0 < len(said.notify.encode()) < 64:
            raise self.invalid("rebuild.notify", "a channel's name has 1 to 63 bytes")
        if said.command and not said.command[0]:
            raise self.invalid("rebuild.command", "the program comes first, each argument is a word of its own")
        if not 0 < said.timeout < float("inf"):
            raise self.invalid("rebuild.timeout", "say how many seconds the command may take")
        if said.notify is None and not said.command:
            return None
        return Trigger(notify=said.notify, command=said.command, timeout=said.timeout)

    def phrases(self) -> Mapping[Scope, str]:
        """The phrases; never shorter than the default, nor with blanks that nobody sees."""
        default = ConfirmationSection()
        phrases = {scope: getattr(self.written.confirmation, scope.value) for scope in Scope}
        for scope, phrase in phrases.items():
            at = f"confirmation.{scope.value}"
            if phrase != phrase.strip() or not phrase.isprintable():
                raise self.invalid(at, "a phrase has no blank at its ends and no control characters")
            if len(phrase) < len(getattr(default, scope.value)):
                raise self.invalid(at, f"a phrase may be longer than {getattr(default, scope.value)!r}, not shorter")
        return phrases


def url_variable(database: str) -> str:
    """The environment variable that names one of the databases beside the main one."""
    return "BALADOS_DB_URL_" + re.sub(r"\W", "_", database).upper()


def invalid_name(name: str) -> str | None:
    """Say what is wrong with a schema's name as PostgreSQL would see it; None when nothing is."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if not name or "\0" in name:
        return "a schema needs a name"
    if size > 63:
        return f"the name has {size} bytes; PostgreSQL cuts names after 63"
    if name.startswith("pg_") or name == "information_schema":
        return f"{name!r} belongs to PostgreSQL itself"
    if name == OWN_SCHEMA:
        return f"{name!r} is where balados-db keeps its own records"
    return None
