"""What is outside a scope and hangs on what is inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Need(NamedTuple):
    """What an object outside the scope needs: its type and identity in the server's words, and its schema."""

    type: str
    identity: str
    schema: str | None = None

    def __str__(self) -> str:
        return f"{self.type} {self.identity}"


@dataclass(frozen=True, kw_only=True)
class Outsider:
    """An object outside the scope that stands in its way, with the objects that it depends on.

    `table` and `part` are SQL: the relation that it is a part of (a column, constraint, policy …) and its name there.
    """

    type: str
    identity: str
    reason: str
    schema: str | None = None
    table: str | None = None
    part: str | None = None
    needs: tuple[Need, ...] = ()
    inside: bool = True  # whether it needs something inside, and not only others outside that fall themselves
    foreign_key: bool = False
    pids: tuple[int, ...] = ()  # whose temporary object it is: one of these processes

    def __str__(self) -> str:
        return f"{self.type} {self.identity} ({self.reason})"
