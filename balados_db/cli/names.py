"""What a shell may propose for a word of the command line: names from the nearest manifest. Never asks a database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from balados_db.manifest.place import as_it_stands, find_manifest, is_migration


class Name(click.types.StringParamType):
    """A word that is taken as it is, and that a shell can complete."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
        """The names that begin with what is there; nothing, whatever goes wrong."""
        with contextlib.suppress(Exception):
            pairs = self.proposed(ctx)
            return [CompletionItem(name, help=said or None) for name, said in pairs if name.startswith(incomplete)]
        return []

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """Names, each with a word about it or none."""
        raise NotImplementedError


class SchemaName(Name):
    """A declared schema."""

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """With its kind."""
        return [(name, str(s.get("kind", "")).replace("_", " ")) for name, s in written(ctx)["schemas"].items()]


class ProjectorName(Name):
    """A declared projector."""

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """With its tables."""
        return [(name, ", ".join(p.get("tables", ()))) for name, p in written(ctx)["projectors"].items()]


class MigrationId(Name):
    """A migration, of the schema that the line names, else of any."""

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """By the names of the files alone."""
        named = ctx.params.get("schema") or ctx.params.get("schemas") or ()
        wanted = (named,) if isinstance(named, str) else tuple(named)
        return [(id_, schema) for schema, id_ in _migrations(ctx) if not wanted or schema in wanted]


class MigrationPath(Name):
    """A migration as SCHEMA/ID."""

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """By the names of the files alone."""
        return [(f"{schema}/{id_}", "") for schema, id_ in _migrations(ctx)]


class EnvironmentName(Name):
    """An environment that the manifest speaks of."""

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """Its own, and those that are protected."""
        manifest = written(ctx)
        own = manifest.get("database", {}).get("environment")
        protected = ("production", *manifest.get("environments", {}).get("protected", ()))
        return {**({own: ""} if own else {}), **dict.fromkeys(protected, "protected")}.items()


class ErrorCode(Name):
    """An error's or a finding's code, or an exit status by its name; with `--schema` a command."""

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """With the exit status."""
        if ctx.params.get("schema"):
            return CommandName().proposed(ctx)
        from balados_db.cli.explain import codes
        from balados_db.exits import ExitStatus
        from balados_db.finding_codes import FINDING_CODES

        return [
            *((code, f"exit {int(error.exit_status)}") for code, error in codes().items()),
            *((status.name.lower(), f"exit {int(status)}") for status in ExitStatus),
            *((code, "a finding") for code in FINDING_CODES),
        ]


class CommandName(Name):
    """A command, as it is typed."""

    def proposed(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        """With what `--help` says of it."""
        from balados_db.cli.main import COMMANDS

        return [(name, said) for name, (_, said) in COMMANDS.items()]


# Options by their spelling and metavar; arguments by their command and name. The phrase of --confirm is not among them,
# on purpose: consent is typed.
_OPTIONS: dict[tuple[str, str], click.ParamType[Any]] = {
    ("--schema", "S"): SchemaName(),
    ("--projector", "P"): ProjectorName(),
    ("--to", "ID"): MigrationId(),
    ("--accept", "SCHEMA/ID"): MigrationPath(),
    ("--out", "FILE"): click.Path(),
}
_ARGUMENTS: dict[tuple[str, str], click.ParamType[Any]] = {
    ("set", "name"): EnvironmentName(),
    ("explain", "words"): ErrorCode(),
    ("create", "name"): SchemaName(),
    ("migrate", "name"): SchemaName(),
    ("apply", "file"): click.Path(),
}


def completed(params: list[click.Parameter], command: str | None) -> None:
    """Let a shell complete the values of a command's parameters, where they are names that are known."""
    for param in params:
        keys = [(option, str(param.metavar)) for option in param.opts]
        known = [_OPTIONS[key] for key in keys if key in _OPTIONS]
        if isinstance(param, click.Argument):
            known = [kind for kind in (_ARGUMENTS.get((command or "", str(param.name))),) if kind]
        if known and type(param.type) is click.types.StringParamType:
            param.type = known[0]


def written(ctx: click.Context) -> Mapping[str, Any]:
    """What the manifest that the line names says, else the nearest one; read as it stands, for its names alone."""
    return as_it_stands(_file(ctx))


def _file(ctx: click.Context) -> Path:
    at: click.Context | None = ctx
    while at is not None and not at.params.get("manifest"):
        at = at.parent
    return find_manifest(str(Path(at.params["manifest"]).expanduser()) if at else None)


def _migrations(ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Schemas and ids, by the names of the files alone."""
    file = _file(ctx)
    for schema, section in as_it_stands(file).get("schemas", {}).items():
        folder = file.parent / section["migrations"] if section.get("migrations") else None
        if folder and folder.is_dir():
            yield from ((schema, path.stem) for path in sorted(folder.iterdir()) if is_migration(path))
