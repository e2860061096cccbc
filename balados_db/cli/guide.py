"""`guide`: the decision tree, as questions on a terminal, else as text. It never needs a database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from balados_db.answers.learning import Branch, Fork, GuideAnswer
from balados_db.cli.options import command, on_dumb_terminal
from balados_db.cli.session import Session
from balados_db.cli.standalone import manifest_or_none
from balados_db.decision_tree import Advice, Choice, Question, decision_tree
from balados_db.rendering.tree import render_advice, render_tree
from balados_db.report import Report


@command("guide", "Which command do I need? Which schema does my new table belong in?")
def guide(session: Session) -> Report:
    """Ask on a terminal; everywhere else, and where the input ends, show the whole tree."""
    tree = decision_tree(manifest_or_none(session))
    answer = GuideAnswer(tree=_fork(tree))
    if session.options.json:
        return Report(command=session.command, result=answer)
    # A list to move about in needs a terminal that can move its cursor.
    asking = session.interactive and not on_dumb_terminal()
    advice = walk(tree, session.options.no_color) if asking else None
    text = render_advice(advice) if advice else render_tree(tree)
    return Report(command=session.command, result=answer, text=text)


def _fork(question: Question) -> Fork:
    return Fork(asks=question.asks, choices=tuple(_branch(choice) for choice in question.choices))


def _branch(choice: Choice) -> Branch:
    then = choice.then
    if isinstance(then, Question):
        return Branch(label=choice.label, question=_fork(then), advice=None)
    return Branch(label=choice.label, question=None, advice=then)


def walk(at: Question | Advice, no_color: bool) -> Advice | None:
    """Follow the answers to the end; None when the input ends first. Ctrl-C passes as KeyboardInterrupt."""
    while isinstance(at, Question):
        chosen = choose(at.asks, [choice.label for choice in at.choices], no_color)
        if chosen is None:
            return None
        at = at.choices[chosen].then
    return at


def choose(asks: str, labels: Sequence[str], no_color: bool) -> int | None:
    """Ask one question on standard error; returns the answer's index, None when the input ends."""
    import questionary
    from prompt_toolkit.output import ColorDepth, create_output

    prompt = questionary.select(
        asks,
        choices=[questionary.Choice(label, value=n) for n, label in enumerate(labels)],
        use_shortcuts=True,
        qmark="?",
        output=create_output(stdout=sys.stderr),
        color_depth=ColorDepth.DEPTH_1_BIT if no_color else None,
    )
    end_at_control_d(prompt.application)
    try:
        # unsafe: questionary's own handling would turn Ctrl-C into an empty answer.
        return int(prompt.unsafe_ask())
    except EOFError:
        return None


def end_at_control_d(application: Any) -> None:
    """Let Ctrl-D end the input: a list of choices knows no line that it could end by itself."""
    application.key_bindings.add("c-d", eager=True)(lambda event: event.app.exit(exception=EOFError))
