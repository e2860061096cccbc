"""Tell how a run ended badly, once: as JSON on standard output, or in words on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from balados_db.errors import BaladosDbError


def tell(error: BaladosDbError, command: str, *, json: bool, color: bool | None) -> None:
    """Tell an error; `command` is the one that was typed."""
    if json:
        from balados_db.rendering.envelope import failure

        sys.stdout.write(failure(error, command) + "\n")
        return
    click.secho(f"error[{error.code}]: {error.message}", fg="red", err=True, color=color)
    for line in listed(error):
        click.echo(f"  {line}", err=True)
    if error.hint:
        click.echo(f"  → {error.hint}", err=True)


def listed(error: BaladosDbError) -> Iterator[str]:
    """Each object with its reason, and its cure below: once for all that share it, and not where the hint says it.

    A single object that the sentence names and the hint cures needs no line of its own.
    """
    objects = [o for o in error.facts.get("objects") or () if isinstance(o, dict)]
    if len(objects) == 1 and objects[0]["identity"] in error.message and _is_said(objects[0], error):
        return
    groups: dict[str, list[dict[str, Any]]] = {}
    for found in objects:
        groups.setdefault(found.get("cure", ""), []).append(found)
    for cure, group in groups.items():
        yield from (f"- {found['type']} {found['identity']}: {found.get('reason', '')}" for found in group)
        if not _is_said(group[0], error):
            yield from (f"  {'  ' if number else '→ '}{line}" for number, line in enumerate(cure.splitlines()))


def _is_said(found: dict[str, Any], error: BaladosDbError) -> bool:
    return str(found.get("cure", "")) in error.hint
