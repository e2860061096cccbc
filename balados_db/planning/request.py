"""What a user asks a reset for."""

from __future__ import annotations

from dataclasses import dataclass

from balados_db.model import Scope


@dataclass(frozen=True, kw_only=True)
class ResetRequest:
    """What the user asked for."""

    scope: Scope
    schema: str | None = None
    projector: str | None = None
    way: str | None = None  # "empty" or "recreate"; None lets the plan decide
    with_dependents: bool = False
    verify_rows: bool = False  # also compare every kept row, not only what the server counts and catalogues

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words that ask for this."""
        flags = {"with-dependents": self.with_dependents, self.way or "": self.way is not None}
        values = {"schema": self.schema, "projector": self.projector, "verify": "rows" if self.verify_rows else None}
        return (
            "reset",
            f"--{self.scope.value}",
            *(word for name, value in values.items() if value is not None for word in (f"--{name}", value)),
            *(f"--{name}" for name, said in flags.items() if said),
        )
