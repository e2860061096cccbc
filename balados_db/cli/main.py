"""The command itself: finds the subcommand, turns every ending into one exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from balados_db import __version__
from balados_db.cli.command_line import CommandLine
from balados_db.cli.endings import handed_over, is_lost, tell, tell_asked
from balados_db.cli.options import Asked, Group, common_options, on_dumb_terminal
from balados_db.cli.signals import LATER, WATCH
from balados_db.errors import BaladosDbError, FileRefused, Interrupted, OutputLost, RefusingName, Stopped, UsageError
from balados_db.exits import ExitStatus

# name → (module, what `--help` says); modules are imported when their command is asked for.
COMMANDS: dict[str, tuple[str, str]] = {
    "create": ("create", "Create the database and every declared schema."),
    "init": ("init", "Install the event store and apply every migration."),
    "up": ("init", "From nothing to ready: create and init in one."),
    "migrate": ("migrate", "Apply pending migrations, all or nothing."),
    "rollback": ("rollback", "Take migrations back with their rollback files."),
    "new": ("new", "Write the next migration file."),
    "adopt": ("adopt", "Take over a schema that something else made."),
    "schema": ("schema", "Create or migrate one schema alone."),
    "status": ("status", "What is there, applied, pending, lagging."),
    "check": ("check", "Manifest and migrations, without a database."),
    "verify": ("verify", "The database against the manifest and the migrations."),
    "doctor": ("doctor", "What this login could destroy, and what would fail."),
    "reset": ("reset", "Empty projections, or more; forget what was seen."),
    "plan": ("plan", "Write what a command would do into a file."),
    "apply": ("apply", "Carry out a plan that was made earlier."),
    "rebuild": ("rebuild", "How far projectors are; wait for them."),
    "environment": ("environment", "The stamp inside the database."),
    "history": ("history", "Every destructive run, from inside the database."),
    "docs": ("docs", "Write the schema reference."),
    "guide": ("guide", "Which command do I need?"),
    "explain": ("explain", "An error code or exit status in full."),
    "completion": ("completion", "The script by which a shell completes our words."),
    "demo": ("demo", "The whole story on a throw-away PostgreSQL."),
    "server": ("server", "An embedded PostgreSQL for development."),
    "manifest": ("manifest", "Check a manifest, write one, print its schema."),
}

# Those that end at their --timeout by themselves, with an answer. The alarm comes later, and only for a server that no
# longer answers.
KEEPS_TIME = frozenset({"rebuild wait"})

# Words that people type out of habit and that would be dangerous here.
REFUSED: dict[str, str] = {
    "drop": "to empty projections: balados-db reset --projections; the database itself is never dropped by accident",
    "wipe": "say what: balados-db reset --projections, --system, --events or --all",
    "flush": "to empty projections and replay: balados-db reset --projections",
    "truncate": "to empty projections and forget their positions: balados-db reset --projections",
    "recreate": "to make a schema anew from its migrations: balados-db reset --schema NAME --recreate",
    "rollback-all": "to take migrations back one schema at a time: balados-db rollback --schema NAME --to ID",
}


class LazyGroup(Group):
    """Imports a command's module when the command is used, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command of the table; a refused name says what to type instead."""
        if cmd_name in REFUSED:
            raise RefusingName(name=cmd_name, hint=REFUSED[cmd_name])
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"balados_db.cli.{COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """From the table too: click would import every module for the line that each of them says about itself."""
        words = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return [*words, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from balados_db.answers.learning import VersionAnswer

        raise Asked("version", VersionAnswer(version=__version__), f"balados-db, version {__version__}")


VERSION = click.Option(
    ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)


@click.group(
    cls=LazyGroup,
    params=[*common_options(), VERSION],
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Create, migrate, inspect and reset an event-sourced PostgreSQL database, and prove what was kept.",
)
def cli(**_: Any) -> None:
    """Holds the commands."""


# ── endings ──────────────────────────────────────────────────────────────────────────────────────────────


def main(argv: list[str] | None = None, early: Sequence[int] = ()) -> None:
    """Run and exit; never a traceback for something that a user can cause."""
    _mend_streams()
    status = run(sys.argv[1:] if argv is None else argv, early)
    WATCH.decide(status)
    status = handed_over(status)
    WATCH.end()
    sys.exit(int(status))


def _mend_streams() -> None:
    """Make sure that the outcome can be told.

    A stream that the caller closed (`>&-`) swallows everything: its number must not become a connection's. A letter
    that the locale lacks is spelled out.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: list[str], early: Sequence[int] = ()) -> ExitStatus:
    """Run one command line; returns its exit status."""
    if "_BALADOS_DB_COMPLETE" in os.environ:
        return _complete(os.environ["_BALADOS_DB_COMPLETE"])
    line = CommandLine()
    try:
        return _run(arguments, line, early)
    except OSError as exc:
        # Nobody hears the conversation any more, in the middle of it: what was to follow did not run.
        return _told(WATCH.course.ended(OutputLost(problem=exc.strerror or "closed")), line)


def _run(arguments: list[str], line: CommandLine, early: Sequence[int]) -> ExitStatus:
    try:
        line.read(cli, arguments)
        WATCH.begin(lambda error: tell(error, line, color=_color(line)), early)
        _bound(line)
        result = _invoke(["--json", *arguments] if line.json else arguments)
        from balados_db.report import Report

        return result.exit_status if isinstance(result, Report) else ExitStatus.OK
    except click.exceptions.Exit as exc:
        return next(status for status in ExitStatus if status == exc.exit_code)
    except Asked as exc:
        tell_asked(exc, json=line.json)
        return ExitStatus.OK
    except BaladosDbError as exc:
        return _told(exc, line)
    except click.exceptions.NoArgsIsHelpError as exc:
        if line.json:
            return _told(_usage("Missing command.", exc), line)
        click.echo(exc.format_message(), err=True)
        return ExitStatus.USAGE
    except click.ClickException as exc:
        return _told(_usage(exc.format_message(), exc), line)
    except Stopped as exc:
        return _told(WATCH.course.ended(exc.error), line)
    except (KeyboardInterrupt, click.Abort):
        return _told(WATCH.course.ended(Interrupted(outcome="")), line)
    except Exception as exc:
        if is_lost(exc):
            raise
        if isinstance(exc, OSError) and isinstance(exc.filename, str):
            refused = FileRefused(file=exc.filename, problem=exc.strerror or str(exc))
            return _told(WATCH.course.ended(refused), line)
        return _bug(exc, line)  # the traceback is for whoever mends it


def _invoke(arguments: list[str]) -> Any:
    """Run the command. Not by click's main(), which makes endings of its own of interruptions and broken pipes."""
    with cli.make_context("balados-db", list(arguments)) as ctx:
        return cli.invoke(ctx)


def _complete(asked: str) -> ExitStatus:
    """A shell asks for completions, while somebody types: whatever goes wrong, there are none."""
    with contextlib.suppress(Exception):
        from balados_db.cli.shells import answer

        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        sys.stdout.write(answer(cli, asked))
    return ExitStatus.OK


def _usage(problem: str, exc: click.ClickException) -> UsageError:
    ctx = getattr(exc, "ctx", None)
    help = f"{ctx.command_path if ctx else 'balados-db'} --help"
    error = UsageError(problem=problem, hint=f"try `{help}`")
    error.mends = (help,)
    return error


def _told(error: BaladosDbError, line: CommandLine) -> ExitStatus:
    """Tell an error once: as JSON on standard output, or in words on standard error."""
    from balados_db.redaction import redacted, redacted_facts

    WATCH.decide(error.exit_status)
    _remember_passwords(line.given)
    error.facts, error.hint = redacted_facts(error.facts), redacted(error.hint)
    tell(error, line, color=_color(line))
    return error.exit_status


def _color(line: CommandLine) -> bool | None:
    if "--no-color" in line.flags or os.environ.get("NO_COLOR") or on_dumb_terminal():
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _remember_passwords(words: Sequence[str]) -> None:
    """Whatever the caller gave, in the right place or not, is not to be repeated with its password."""
    from balados_db.redaction import remember, remember_password

    urls = (value for name, value in os.environ.items() if name.startswith(("BALADOS_DB_URL", "DATABASE_URL")))
    for text in (*words, *urls):
        remember(text)
    remember_password(os.environ.get("PGPASSWORD"), os.environ.get("PGUSER"), os.environ.get("PGDATABASE"))


def _bug(exc: Exception, line: CommandLine) -> ExitStatus:
    import traceback

    from balados_db.errors import InternalError
    from balados_db.redaction import redacted

    _remember_passwords(line.given)
    with contextlib.suppress(OSError):
        sys.stderr.write(redacted("".join(traceback.format_exception(exc))))
    return _told(WATCH.course.ended(InternalError(problem=f"{type(exc).__name__}: {exc}")), line)


def _bound(line: CommandLine) -> None:
    """--timeout counts from before anything is parsed."""
    if line.timeout:
        WATCH.bound(line.timeout + (LATER if line.name in KEEPS_TIME else 0))
