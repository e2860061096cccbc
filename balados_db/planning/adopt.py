"""Decide whether a schema that something else made can be taken over."""

from __future__ import annotations

from dataclasses import dataclass

from balados_db.errors import DifferencesFound, NothingToAdopt, UsageError
from balados_db.model import DatabaseState, Files, Migration
from balados_db.planning.culprits import of_difference
from balados_db.planning.facts import migration_facts
from balados_db.planning.plan import Plan, one_phase
from balados_db.planning.refusals import refuse_unfinished
from balados_db.planning.steps import CreateRecords, MarkApplied, Step


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A fact that is there and not in the migrations' result ("extra"), the reverse ("missing"), or both ("other")."""

    kind: str
    name: str
    there: str | None = None
    expected: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the migrations would make of one schema, beside what is there."""

    schema: str
    structure: str  # digest of what the migrations make
    seeded: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


def adopted(files: tuple[Migration, ...], to: str | None) -> tuple[Migration, ...]:
    """The migrations to note as applied: all, or up to `to`."""
    if to is None:
        return files
    ids = [m.id for m in files]
    if to not in ids:
        raise UsageError(problem=f"there is no migration {to!r}", hint=f"the last one is {ids[-1]!r}" if ids else "")
    return files[: ids.index(to) + 1]


def plan_adopt(
    state: DatabaseState,
    files: Files,
    comparisons: tuple[Comparison, ...],
    *,
    to: str | None = None,
    accept: tuple[str, ...] = (),
) -> Plan:
    """Plan to note migrations as applied without running them.

    Raises NothingToAdopt for a schema with a history, DifferencesFound for differences that nobody accepted.
    """
    refuse_unfinished(state)
    steps: list[Step] = [] if state.own_schema else [CreateRecords()]
    for comparison in comparisons:
        found = state.schema(comparison.schema)
        if found.applied:
            raise NothingToAdopt(schema=comparison.schema)
        _refuse_differences(comparison, accept)
        accepted = tuple(str(d.name) for d in comparison.differences)
        ids = tuple(m.id for m in adopted(files.get(comparison.schema, ()), to))
        steps.append(
            MarkApplied(
                schema=comparison.schema,
                migrations=ids,
                accepted=accepted,
                structure=comparison.structure,
                seeded=comparison.seeded,
            )
        )
    return Plan(
        command="adopt",
        identity=state.identity,
        phases=one_phase("adopt", steps),
        warnings=_warnings(comparisons),
        preconditions=migration_facts(state, files, tuple(c.schema for c in comparisons)),
    )


def _refuse_differences(comparison: Comparison, accept: tuple[str, ...]) -> None:
    open_ = [d for d in comparison.differences if d.name not in accept]
    if open_:
        raise DifferencesFound(
            schema=comparison.schema,
            count=len(open_),
            differences=[vars(d) for d in open_],
            objects=[of_difference(d.kind, d.name) for d in open_],
        )


def _warnings(comparisons: tuple[Comparison, ...]) -> tuple[str, ...]:
    return tuple(
        f"{c.schema}: {len(c.differences)} accepted difference(s) remain; status goes on calling them drift"
        for c in comparisons
        if c.differences
    )
