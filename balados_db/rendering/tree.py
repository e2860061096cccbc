"""The decision tree as lines of text, for whoever has no terminal to answer questions on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from balados_db.decision_tree import Advice, Question

WIDTH = 100


def render_tree(root: Question) -> str:
    """Every question, every answer, every end."""
    parts = []
    for choice in root.choices:
        parts.append("\n".join([choice.label.upper(), *_below(choice.then, "")]))
    return "\n\n".join(parts) + "\n"


def render_advice(advice: Advice) -> str:
    """One end of the tree."""
    return "\n".join([advice.answer, *_wrapped(advice.why, "  ")]) + "\n"


def _below(then: Question | Advice, indent: str) -> Iterator[str]:
    if isinstance(then, Advice):
        yield f"{indent}→ {then.answer}"
        yield from _wrapped(then.why, f"{indent}  ")
        return
    yield f"{indent}{then.asks}"
    for number, choice in enumerate(then.choices, 1):
        last = number == len(then.choices)
        yield f"{indent}{'└─' if last else '├─'} {choice.label}"
        yield from _below(choice.then, indent + ("   " if last else "│  "))


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
