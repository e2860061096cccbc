"""What every command's answer holds, whatever else it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from balados_db.finding import Finding

if TYPE_CHECKING:
    from balados_db.model import Identity


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which database it is, as the server itself reports it. `environment` is null where it was never stamped.

    `pooled`: a pooler is in between, and the server is the one behind it. `source`: where the URL came from.
    """

    server: str
    database: str
    role: str
    environment: str | None
    server_version: str
    pooled: bool
    source: str

    @classmethod
    def of(cls, identity: Identity) -> Target:
        """What programs are told of an identity."""
        return cls(
            server=identity.server,
            database=identity.database,
            role=identity.role,
            environment=identity.environment,
            server_version=identity.server_version,
            pooled=identity.pooled,
            source=identity.source,
        )


class Details(TypedDict, total=False):
    """What there is to count of a step; each kind of step has its own.

    `facts`: catalog facts of the fingerprint; `tables_hashed`: kept tables whose rows were hashed; `forgotten` and
    `rewound`: positions; `not_restored`: rights, in words; `receipt`: its id, as `history` shows it;
    `exit_status`: of the manifest's command that was run after a reset.
    """

    applied: int
    rolled_back: int
    marked: int
    facts: int
    tables_hashed: int
    tables: int
    sequences: int
    rounds: int
    dropped: int
    forgotten: int
    rewound: int
    not_restored: tuple[str, ...]
    receipt: int | None
    exit_status: int


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """One step that was carried out: wall time in seconds, and what there is to count of it."""

    id: str
    summary: str
    seconds: float = 0.0
    details: Details = field(default_factory=Details)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The steps that were carried out, and what a check found. Both are filled in from the report."""

    steps: tuple[StepResult, ...] = ()
    findings: tuple[Finding, ...] = ()
