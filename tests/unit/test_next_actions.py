"""What a program is told to run next: every error that a command mends names it, and none of them confirms anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import click
import pytest

from balados_db import errors
from balados_db.cli.command_line import CommandLine
from balados_db.cli.explain import codes
from balados_db.cli.main import cli
from balados_db.cli.next_actions import placed
from balados_db.errors import BaladosDbError

# What no command mends, nor says more about: somebody has to change a file, a server, or their mind.
BY_HAND = """
failed usage manifest_unreadable no_url_for same_database one_database invalid_url targets_disagree plan_file_invalid
lock_file_invalid file_exists rollback_missing protected dependents_outside inheritance_across referenced_from_outside across_databases
unreadable_text no_table replay_never undroppable poolers_console differences_found busy pool_exhausted timeout
authentication_failed encryption_failed not_in_pool migration_failed step_failed output_lost embedded_failed demo_failed
internal_error interrupted terminated no_working_directory file_refused no_append unknown_subscriber not_for_tests template_failed
"""

ERRORS = codes()
every_error = pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
TYPED = ["--url", "postgresql://u:hidden@h/d", "reset", "--projections", "--empty", "--confirm", "DELETE", "--json"]


def made(error: type[BaladosDbError]) -> BaladosDbError:
    """An error of this kind, whatever facts it is asked for."""
    found = error(hint="")
    found.facts = defaultdict(lambda: "shelf", arguments=("reset", "--projections"), unfinished=True)
    return found


def told(error: type[BaladosDbError]) -> list[tuple[str, ...]]:
    """The next actions as the JSON has them after `reset --projections --empty`."""
    line = CommandLine()
    line.read(cli, TYPED)
    again = [line.again(error.again)] if error.again is not None else []
    return [*made(error).next_actions, *again]


@every_error
def test_every_error_says_what_to_run_or_is_mended_by_hand(
    error: type[BaladosDbError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who adds an error forgets it: it has a next action, or a line in the list above."""
    monkeypatch.setattr(errors.BaladosDbError, "message", "", raising=False)

    assert bool(told(error)) != (error.code in BY_HAND.split())


@every_error
def test_what_is_to_be_run_can_be_run(error: type[BaladosDbError], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ready argument lists: the command is there and knows these options, and consent is never among them."""
    monkeypatch.setattr(errors.BaladosDbError, "message", "", raising=False)

    for program, *arguments in told(error):
        assert "--confirm" not in arguments
        assert not [word for word in arguments if "hidden" in word or "{" in word]
        if program == "pip":
            continue
        assert program == "balados-db"
        parsed(cli, arguments)


def parsed(group: click.Group, arguments: list[str]) -> None:
    """Parse a command line to its end. Raises for a command, an option or a value that is not understood."""
    ctx = group.make_context("balados-db", list(arguments))
    while isinstance(ctx.command, click.Group):
        _, command, rest = ctx.command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        assert command is not None
        ctx = command.make_context(command.name, rest, parent=ctx)


def lines() -> Iterator[tuple[list[str], str, tuple[str, ...]]]:
    yield TYPED, "--dry-run", ("balados-db", "reset", "--projections", "--empty", "--json", "--dry-run")
    yield TYPED, "--recreate", ("balados-db", "reset", "--projections", "--json", "--recreate")
    yield ["apply", "plan.json", "--confirm=DELETE"], "", ("balados-db", "apply", "plan.json")
    yield ["environment", "set", "--", "--odd"], "--dry-run", (
        "balados-db", "environment", "set", "--dry-run", "--", "--odd",
    )  # fmt: skip
    yield ["status"], "--wait 30", ("balados-db", "status", "--wait", "30")


@pytest.mark.parametrize(("typed", "more", "expected"), [*lines()], ids=[str(n) for n in range(5)])
def test_the_same_command_again(typed: list[str], more: str, expected: tuple[str, ...]) -> None:
    """With what is missing, without its opposite, without consent, without a URL that may hold a password."""
    line = CommandLine()
    line.read(cli, typed)

    assert line.again(more) == expected


URLS = {
    "as it is": ("postgresql://app@h:5433/d?sslmode=require", "postgresql://app@h:5433/d?sslmode=require"),
    "a password": ("postgresql://app:pw@h/d", "postgresql://app@h/d"),
    "a password of odd characters": ("postgres://app:a%40b%2Fc:d@h/d", "postgresql://app@h/d"),
    "an empty password": ("postgresql://app:@h/d", "postgresql://app@h/d"),
    "of another library": ("postgresql+psycopg2://app:pw@h/d?sslmode=require", "postgresql://app@h/d?sslmode=require"),
    "a password at the end": ("postgresql://h/d?password=pw&user=app", "postgresql://h/d?user=app"),
    "escapes": ("postgresql://h/d?pass%77ord=pw", "postgresql://h/d"),
    "several hosts": ("postgresql://app:pw@h:1,i:2/d", "postgresql://app@h:1,i:2/d"),
    "pairs": ("host=h password='p w' dbname=d", "dbname=d host=h"),
    "pairs with escapes": (r"host=h password=p\ w\'x dbname='d e'", "dbname='d e' host=h"),
    "by name": ("store=postgresql://app:pw@h/d", "store=postgresql://app@h/d"),
    "nobody knows what is a password": ("postgresql://app:p@w@h/d", None),
    "no URL": ("pw", None),
}


@pytest.mark.parametrize(("written", "said"), URLS.values(), ids=URLS)
def test_a_url_comes_along_without_its_password(written: str, said: str | None) -> None:
    """In every spelling; what is not understood is left out."""
    action = placed(("balados-db", "apply", "--", "-p"), "m.toml", [written])

    assert action == ("balados-db", "apply", *(["--url", said] if said else []), "--", "-p")


def test_what_is_about_no_database_gets_no_url() -> None:
    """Only the manifest, where it has one."""
    assert placed(("balados-db", "check"), "m", ["postgresql://h/d"]) == ("balados-db", "check", "--manifest", "m")
    assert placed(("balados-db", "reset", "--help"), "m", ["postgresql://h/d"]) == ("balados-db", "reset", "--help")
    assert placed(("balados-db", "guide"), "m", ["postgresql://h/d"]) == ("balados-db", "guide")
    assert placed(("pip", "install", "x"), "m", ["postgresql://h/d"]) == ("pip", "install", "x")
