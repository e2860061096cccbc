"""The options that every command takes, before or after its name."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from balados_db.cli.names import completed
from balados_db.errors import UsageError

if TYPE_CHECKING:
    from balados_db.answers.answer import Answer
    from balados_db.cli.session import Session
    from balados_db.report import Report


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """What the user said, or the defaults. Times in seconds."""

    manifest: str | None = None
    url: str | None = None
    urls: Mapping[str, str] = field(default_factory=dict)  # of the databases beside the main one, by name
    json: bool = False
    quiet: bool = False
    no_color: bool = False
    lock_timeout: float = 10.0
    timeout: float | None = None
    wait: float = 0.0
    progress: str | None = None


MOST_SECONDS = 2_000_000  # PostgreSQL counts milliseconds in 31 bits


def on_dumb_terminal() -> bool:
    """Whether the terminal has neither colours nor a cursor that moves."""
    return os.environ.get("TERM") == "dumb"


def seconds(value: str | float) -> float:
    """A time that a clock can count: neither below zero, nor endless, nor `nan`. Raises click's BadParameter."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= MOST_SECONDS:
        raise click.BadParameter(f"{value!r} is not a number of seconds from 0 to {MOST_SECONDS:,}")
    return number


def common_options() -> list[click.Option]:
    """Fresh options for one command. Their default is None, so that the last place that says something wins."""
    return [
        click.Option(
            ["--manifest"],
            metavar="FILE",
            type=click.Path(),
            help="The manifest [default: the nearest balados-db.toml].",
        ),
        click.Option(
            ["--url"],
            multiple=True,
            default=None,
            callback=lambda ctx, param, values: values or None,
            metavar="[NAME=]URL",
            help="The database, or NAME of [databases]; wins over every other source.",
        ),
        click.Option(["--json"], is_flag=True, default=None, help="Print one JSON object on standard output."),
        click.Option(["--quiet", "-q"], is_flag=True, default=None, help="Say nothing but the answer and errors."),
        click.Option(["--no-color"], is_flag=True, default=None, help="No colours."),
        click.Option(["--lock-timeout"], type=seconds, metavar="SECONDS", help="Wait for locks, in all [default: 10]."),
        click.Option(["--timeout"], type=seconds, metavar="SECONDS", help="End the whole run after this long."),
        click.Option(["--wait"], type=seconds, metavar="SECONDS", help="Wait for the server to accept connections."),
        click.Option(["--progress"], type=click.Choice(["json", "plain", "none"]), help="How to report each step."),
    ]


COMMON = tuple(f.name for f in fields(CommonOptions) if f.name != "urls")


class Asked(Exception):
    """--help or --version: the answer is known before anything is looked at. `text` says it to people."""

    def __init__(self, command: str, answer: Answer, text: str) -> None:
        super().__init__(text)
        self.command, self.answer, self.text = command, answer, text


class _Helping(click.Command):
    """Hands its help over, so that it is told as the caller asked."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """As click's own, but for how it ends."""
        names = self.get_help_option_names(ctx)
        if not names:
            return None
        return click.Option(
            names,
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_help,
            help="Show this message and exit.",
        )


def _help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from balados_db.answers.learning import HelpAnswer

        text = ctx.get_help()
        raise Asked("help", HelpAnswer(about=command_name(ctx), help=text), text)


class ReportingCommand(_Helping):
    """A command whose function takes a Session and returns a Report."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *common_options()]
        completed(self.params, self.name)

    def invoke(self, ctx: click.Context) -> Report:
        """Build the session from the options of this command and of the groups above it."""
        from balados_db.cli.session import Session

        own = {name: ctx.params.pop(name) for name in COMMON if name in ctx.params}
        session = Session(command=self.named(ctx), options=merged(ctx.parent, own))
        report = self.answer(ctx, session)
        from balados_db.cli.pipeline import tell
        from balados_db.cli.signals import WATCH

        WATCH.decide(report.exit_status)

        tell(report, session)
        return report

    def named(self, ctx: click.Context) -> str:
        """The command's name for programs."""
        return command_name(ctx)

    def answer(self, ctx: click.Context, session: Session) -> Report:
        """Call the command's function."""
        assert self.callback is not None
        report: Report = ctx.invoke(self.callback, session, **ctx.params)
        return report


class Group(_Helping, click.Group):
    """Names the nearest command for one that is not there."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises UsageError."""
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if near:
                meant = f"{ctx.command_path} {near[0]}"
                raise UsageError(problem=f"there is no command {args[0]!r}", hint=f"did you mean `{meant}`?")
        return super().resolve_command(ctx, args)


def command_name(ctx: click.Context) -> str:
    """The command as it is typed, without the program's name."""
    names: list[str] = []
    at: click.Context | None = ctx
    while at is not None and at.parent is not None:
        names.insert(0, at.info_name or "")
        at = at.parent
    return " ".join(names)


def merged(parent: click.Context | None, own: dict[str, Any]) -> CommonOptions:
    """The nearest place that says something wins."""
    chain: list[dict[str, Any]] = [own]
    while parent is not None:
        chain.append(parent.params)
        parent = parent.parent
    found = {}
    for name in COMMON:
        said = [params[name] for params in chain if params.get(name) is not None]
        if said:
            found[name] = said[0]
    if found.get("manifest") == "":
        raise _empty("--manifest")
    said = [url for params in reversed(chain) for url in params.get("url") or ()]
    return CommonOptions(**{**found, **_urls(said)})


_NAMED_URL = re.compile(r"(?P<name>[A-Za-z][\w-]*)=(?P<url>\w+(?:\+\w+)?://.*)", re.DOTALL)


def _urls(said: Iterable[str]) -> dict[str, Any]:
    """Tell NAME=URL from the main database's; `host=… dbname=…` is one of those. Of each the last one counts."""
    from balados_db.model import MAIN

    found: dict[str, str] = {}
    for word in said:
        if not word.strip():
            raise _empty("--url")
        name, url = named_url(word)
        found[name or MAIN] = url
    return {"url": found.pop(MAIN, None), "urls": found}


def _empty(option: str) -> UsageError:
    """Passed over in silence it would mean another database than the one that was to be named."""
    hint = f"is a variable unset? Give it a value, or leave {option} out"
    return UsageError(problem=f"{option} is given, and is empty", hint=hint)


def named_url(word: str) -> tuple[str | None, str]:
    """The name of a database, if one stands before its URL, and the URL."""
    named = _NAMED_URL.fullmatch(word)
    return (named["name"], named["url"]) if named else (None, word)


def command(name: str, help: str, **kwargs: Any) -> Callable[[Callable[..., Report]], ReportingCommand]:
    """Make a command of a function (Session, options…) → Report."""
    return click.command(name, cls=ReportingCommand, help=help, short_help=help.split("\n")[0], **kwargs)


def dry_run_option() -> Callable[[Any], Any]:
    """`--dry-run`, the same for every command that writes."""
    return click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing, lock nothing.")


def confirm_option() -> Callable[[Any], Any]:
    """`--confirm`, the same for every command that destroys."""
    help = "The plan's own phrase, exactly."
    return click.option("--confirm", multiple=True, callback=once, metavar="PHRASE", help=help)


def once(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> str | None:
    """For options that are not to be repeated: of two values, click would let the last one win in silence."""
    if len(values) > 1:
        raise UsageError(problem=f"{param.opts[0]} is given {len(values)} times", hint="give it once")
    return values[0] if values else None
