"""`plan`: every command that writes the database, stopped after planning; what it would do goes into a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from balados_db.answers.files import PlanAnswer
from balados_db.cli.options import COMMON, Group, ReportingCommand, common_options
from balados_db.cli.session import Session
from balados_db.errors import OneDatabase, UsageError
from balados_db.manifest.place import working_directory
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.model import Identity
    from balados_db.plan_file import PlanFile
    from balados_db.planning.plan import Plan

NOT_RECORDED = frozenset({*COMMON, "dry_run", "confirm", "out"})


class Planning(Group):
    """Holds the commands of another group that can be planned: those that have --dry-run."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.original: click.Group | None = None  # None: the program itself, which this one belongs to

    def source(self) -> click.Group:
        """The group whose commands these are."""
        from balados_db.cli.main import cli

        return self.original or cli

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the original."""
        names = self.source().list_commands(ctx)
        return [name for name in names if self.get_command(ctx, name) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command as it is planned, if it can be."""
        return planned(self.source().get_command(ctx, cmd_name), ctx)


def planned(original: click.Command | None, ctx: click.Context) -> click.Command | None:
    """Make of a command one that is only planned; None where there is nothing to plan."""
    if isinstance(original, Planning):
        return None
    if isinstance(original, click.Group):
        group = Planning(original.name, params=common_options(), help=original.help)
        group.original = original
        return group if group.list_commands(ctx) else None
    return Planned(original) if original is not None and can_be_planned(original) else None


def can_be_planned(command: click.Command) -> bool:
    """Whether it writes the database, by a plan of its own."""
    if not isinstance(command, ReportingCommand) or command.name == "apply":
        return False
    return any(param.name == "dry_run" for param in command.params)


class Planned(ReportingCommand):
    """A command that is planned: it neither asks nor does anything, and writes what it would do into a file."""

    def __init__(self, original: click.Command) -> None:
        params = [p for p in original.params if p.name not in NOT_RECORDED]
        super().__init__(
            original.name,
            params=[*params, _out_option()],
            callback=original.callback,
            help=original.help,
            short_help=original.short_help,
        )
        self.takes_phrase = any(param.name == "confirm" for param in original.params)

    def named(self, ctx: click.Context) -> str:
        """One name for programs, whatever is planned."""
        return "plan"

    def answer(self, ctx: click.Context, session: Session) -> Report:
        """Plan, and write the file."""
        from balados_db.plan_file import refuse_existing, text_of, write_plan_file

        out = ctx.params.pop("out")
        words = recorded(self, ctx)
        path = None if out == "-" else working_directory() / out
        if path is not None:
            refuse_existing(path)
        consent = {"confirm": None} if self.takes_phrase else {}
        assert self.callback is not None
        made: Report = ctx.invoke(self.callback, session, **ctx.params, **consent, dry_run=True)
        if made.plan is None:
            raise OneDatabase(command="plan", names=", ".join(made.databases), hint="narrow it with --schema S")
        file = plan_file(made.plan, words, session)
        if path is not None:
            write_plan_file(file, path)
        return _report(made, file, path, text_of(file) if path is None else None, session)


def _out_option() -> click.Option:
    help = "The new file to write the plan into; - is standard output."
    return click.Option(["--out"], required=True, metavar="FILE", help=help)


def _report(made: Report, file: PlanFile, path: Path | None, text: str | None, session: Session) -> Report:
    import json

    from balados_db.planning.plan import in_shell

    apply = ("balados-db", "apply", str(path))
    return Report(
        command="plan",
        plan=made.plan,
        dry_run=True,
        warnings=made.warnings,
        result=PlanAnswer(
            id=file.id,
            file=str(path) if path else None,
            arguments=tuple(file.arguments),
            document=json.loads(text) if text is not None else None,
        ),
        text=text,
        last_words=f"The plan is in {path}. Nothing was changed; carry it out with: {in_shell(session.placed(apply))}",
        next=(apply,) if path else (),
    )


def recorded(command: click.Command, ctx: click.Context) -> tuple[str, ...]:
    """The command with its own options, spelled in one way: no common option, no phrase, no URL."""
    words: list[str] = []
    last: list[str] = []
    for param in command.get_params(ctx):
        if param.name in NOT_RECORDED or ctx.get_parameter_source(param.name or "") is not ParameterSource.COMMANDLINE:
            continue
        value = ctx.params[param.name or ""]
        values = value if isinstance(value, tuple | list) else (value,)
        if isinstance(param, click.Argument):
            last += [str(v) for v in values]
        elif isinstance(param, click.Option) and param.is_flag:
            words += [param.opts[0]] if value else list(param.secondary_opts[:1])
        else:
            words += [word for v in values for word in (param.opts[0], str(v))]
    end = ["--"] if any(word.startswith("-") for word in last) else []
    return (*_path(ctx), *words, *end, *last)


def _path(ctx: click.Context) -> list[str]:
    """The command's own name and those of its groups, below `plan`."""
    names: list[str] = []
    at: click.Context | None = ctx
    while at is not None and at.info_name != "plan":
        names.insert(0, at.info_name or "")
        at = at.parent
    return names


def plan_file(plan: Plan, words: tuple[str, ...], session: Session) -> PlanFile:
    """What is kept of a plan."""
    from balados_db.plan_file import new_plan_file
    from balados_db.rendering.envelope import steps_of

    identity = plan.identity
    if identity is None:
        raise UsageError(problem="the server did not say which database this is")
    return new_plan_file(
        command=plan.command,
        arguments=list(words),
        manifest=str(session.manifest.file.absolute()),
        target=_target(identity),
        targets={site.name: _target(site.identity) for site in plan.sites},
        digest=plan.digest,
        danger=plan.danger.value,
        phrase=plan.phrase,
        scope=plan.scope,
        steps=[asdict(step) for step in steps_of(plan)],
        destroys=[{**asdict(d), "rebuilt_by": list(d.rebuilt_by)} for d in plan.destroys],
        keeps=[asdict(k) for k in plan.keeps],
        warnings=list(plan.warnings),
        facts=plan.facts,
    )


def _target(identity: Identity) -> dict[str, Any]:
    from balados_db.plan_file import Target

    return {name: getattr(identity, name) for name in Target.__struct_fields__}


plan = Planning(
    "plan",
    params=common_options(),
    help="""Write what a command would do into a file, to be looked at and applied later.

    `balados-db apply FILE` carries it out: only on the database that it was made for, only as long as it would still be
    the same plan, and only once.""",
    short_help="Write what a command would do into a file.",
)
