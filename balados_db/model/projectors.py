"""Where projectors are, who runs, how long a rebuild took."""

from __future__ import annotations

from dataclasses import dataclass

from balados_db.model.kinds import TableName


@dataclass(frozen=True, kw_only=True)
class CheckpointState:
    """One row of a checkpoint table; `head` where the store has one for each row, `source` tells such rows apart."""

    table: TableName
    projector: str
    position: int | str | None = None
    head: int | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class LiveProjector:
    """Who holds the event store's lock of a subscription, or was found by the layout's probe.

    `anybody`: nobody can tell which projector it runs. `pid` is 0 where the store knows only who owns a claim.
    """

    name: str
    subscription_id: int = 0
    pid: int
    user: str = ""
    application: str = ""
    anybody: bool = False

    def runs(self, name: str) -> bool:
        """Whether it may be this projector."""
        return self.anybody or self.name == name


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A rebuild that was looked at: from one number to another in so many seconds. `at`: ISO 8601 in UTC."""

    projector: str
    from_position: int
    to_position: int
    seconds: float
    at: str = ""
