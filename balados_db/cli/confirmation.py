"""Ask for the phrase. It belongs to the plan: only this plan's own phrase, to the letter, confirms it."""

from __future__ import annotations

import contextlib
import sys

from balados_db.errors import NotConfirmed
from balados_db.planning.plan import Plan


def confirm(plan: Plan, given: str | None, interactive: bool) -> None:
    """Return when the plan is confirmed.

    Raises NotConfirmed for everything else; Ctrl-C passes as KeyboardInterrupt.
    """
    if given is not None:
        if given != plan.phrase:
            raise NotConfirmed(reason="the phrase given with --confirm is not this plan's")
        return
    if not interactive:
        raise NotConfirmed(reason="there is no terminal to ask on, and --confirm was not given")
    typed = ask(f"Type '{plan.phrase}' to confirm:")
    if typed is None:
        raise NotConfirmed(reason="the input ended", hint="")
    if typed != plan.phrase:
        raise NotConfirmed(reason="what was typed is not this plan's phrase" if typed else "nothing was typed", hint="")


def ask(question: str) -> str | None:
    """Ask on standard error; None when the input ends. Raises KeyboardInterrupt for Ctrl-C."""
    import questionary
    from prompt_toolkit.output import create_output
    from prompt_toolkit.utils import is_dumb_terminal

    _forget_what_was_typed_ahead()
    if is_dumb_terminal():
        return _ask_plainly(question)
    prompt = questionary.text(question, qmark="?", output=create_output(stdout=sys.stderr))
    try:
        # unsafe: questionary's own handling would turn Ctrl-C into an empty answer.
        return str(prompt.unsafe_ask())
    except EOFError:
        return None


def _ask_plainly(question: str) -> str | None:
    """Without moving a cursor that the terminal does not have."""
    print("?", question, end=" ", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    return line.removesuffix("\n") if line else None


def _forget_what_was_typed_ahead() -> None:
    """Only an answer to the question counts: lines pasted along with the command were never a decision about it."""
    with contextlib.suppress(ImportError):
        import termios

        with contextlib.suppress(termios.error):
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
