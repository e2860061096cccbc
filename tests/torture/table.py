"""What the versions of PostgreSQL have shown, in one table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.torture.case import WAYS
from tests.torture.outcomes import Outcome, broken_promises, ending, total

HEAD = ("PostgreSQL", *WAYS, "killed", "loops", "tests failed", "seconds")


@dataclass(frozen=True)
class Proof:
    """One version's run: what was reported, how pytest ended, or why there was no run."""

    version: str
    found: list[Outcome] = field(default_factory=list)
    status: int = 0
    seconds: float = 0.0
    problem: str = ""


def complaints(proof: Proof) -> list[str]:
    """Everything for which this version is not proved."""
    if proof.problem:
        return [f"could not be run: {proof.problem}"]
    failed = [f"{o['test']}: {o['reason']}" for o in proof.found if o["kind"] == "failure"]
    silent = [f"pytest ended with {proof.status}"] if proof.status and not failed else []
    return [*failed, *silent, *broken_promises(proof.found)]


def lines(proofs: list[Proof]) -> list[str]:
    """The table, the times of the sizes, what a server lacked, what was skipped, and every complaint."""
    rows = [HEAD, *(_row(proof) for proof in proofs)]
    told = [*_aligned(rows), "(done/refused/failed each way)", *_sizes(proofs)]
    for proof in proofs:
        told += [f"{proof.version}: {line}" for line in (*_notes(proof), *(f"FAILED {c}" for c in complaints(proof)))]
    return told


def _row(proof: Proof) -> tuple[str, ...]:
    if proof.problem:
        return (proof.version, *("-" for _ in HEAD[1:]))
    failed = len({o["test"] for o in proof.found if o["kind"] == "failure"})
    sums = (total(proof.found, "kills", "count"), total(proof.found, "loop", "rounds"), failed, round(proof.seconds))
    return (proof.version, *(_ends(proof, way) for way in WAYS), *map(str, sums))


def _ends(proof: Proof, way: str) -> str:
    ends = Counter(ending(o) for o in proof.found if o["kind"] == "case" and o["way"] == way)
    return f"{ends['done']}/{ends['refused']}/{ends['failed']}"


def _sizes(proofs: list[Proof]) -> list[str]:
    took = {(o["name"], p.version): _took(o["seconds"]) for p in proofs for o in p.found if o["kind"] == "size"}
    names, versions = dict.fromkeys(name for name, _ in took), [p.version for p in proofs]
    rows = [(name, *(took.get((name, version), "-") for version in versions)) for name in names]
    return ["", *_aligned([("size", *versions), *rows])] if rows else []


def _took(seconds: object) -> str:
    return f"{seconds:.1f} s" if isinstance(seconds, int | float) else str(seconds)


def _notes(proof: Proof) -> list[str]:
    lacking = [f"{o['name']} needs {', '.join(o['extensions'])}" for o in proof.found if o["kind"] == "missing"]
    skipped = [f"skipped {o['test']}: {o['reason']}" for o in proof.found if o["kind"] == "skip"]
    return [*dict.fromkeys(lacking), *skipped]


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
