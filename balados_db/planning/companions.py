"""Decide who starts over together: whoever fills the same tables, reads them, or refers to their rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from balados_db.model import DatabaseState, Manifest, Projector, SchemaKind, TableName, Ties
from balados_db.planning.unfit import across_scope, bound, reads_missing


class Bond(str, Enum):
    """What ties a projector to a scope that it is not named in."""

    FILLS = "fills"  # one position for tables of which some are emptied: it would write the others' rows twice
    READS = "reads"  # what it made of their rows is no longer what these rows say
    REFERENCES = "references"  # its rows point at rows that go


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A projector outside a scope, and the tables of the scope that it is tied to by."""

    projector: Projector
    bond: Bond
    tables: tuple[TableName, ...]


@dataclass(kw_only=True)
class Company:
    """Who starts over, what is emptied with that, and why each was taken along who was not asked for."""

    chosen: list[Projector]
    inside: set[TableName]
    because: dict[str, str] = field(default_factory=dict)


def gather(
    state: DatabaseState, manifest: Manifest, chosen: Iterable[Projector], inside: Iterable[TableName], *, along: bool
) -> Company:
    """Add whoever is tied to what is emptied, until nobody is.

    Raises a Protected error where somebody is, unless `along` says that they are to be taken along.
    """
    company = Company(chosen=list(chosen), inside=with_partitions(state.ties, inside))
    while True:
        _take_tables(state, company, along=along)
        ties = [*_tied(state, manifest, company, along=along)]
        if not ties:
            _refuse_unknown_reads(state, manifest, company)
            return company
        if not along:
            raise bound([t for t in ties if t.bond is ties[0].bond], company.chosen)
        for tie in ties:
            company.chosen.append(tie.projector)
            company.because[tie.projector.name] = f"it {tie.bond.value} {', '.join(map(str, tie.tables))}"


def _take_tables(state: DatabaseState, company: Company, *, along: bool) -> None:
    """All tables of whoever starts over: one that kept its rows would get them twice."""
    for projector in company.chosen:
        outside = [table for table in projector.tables if table not in company.inside]
        if outside and not along:
            raise across_scope(projector, tuple(sorted(outside)))
        company.inside |= with_partitions(state.ties, outside)


def _tied(state: DatabaseState, manifest: Manifest, company: Company, *, along: bool) -> Iterator[Companion]:
    """Each by its strongest bond. Foreign keys are followed only when asked to: else the closer look refuses them."""
    for projector in manifest.projectors:
        if projector in company.chosen:
            continue
        found = {
            Bond.FILLS: [table for table in projector.tables if table in company.inside],
            Bond.READS: [read for read in projector.reads if shown_by(state.ties, read) & company.inside],
            Bond.REFERENCES: _referenced(state.ties, projector, company.inside) if along else [],
        }
        bond = next((bond for bond, tables in found.items() if tables), None)
        if bond is not None:
            yield Companion(projector=projector, bond=bond, tables=tuple(found[bond]))


def _referenced(ties: Ties, projector: Projector, inside: set[TableName]) -> list[TableName]:
    own = with_partitions(ties, projector.tables) - inside
    return list(dict.fromkeys(other for table, other in ties.references if table in own and other in inside))


def _refuse_unknown_reads(state: DatabaseState, manifest: Manifest, company: Company) -> None:
    """Of a name that is not there nobody can say whether it means something that is emptied."""
    for projector in manifest.projectors:
        missing = tuple(t for t in projector.reads if _is_unknown(state, manifest, t))
        if missing and projector not in company.chosen:
            raise reads_missing(projector, {table: _names(state, table.schema) for table in missing})


def _is_unknown(state: DatabaseState, manifest: Manifest, table: TableName) -> bool:
    declared = manifest.schema(table.schema)
    projected = declared is not None and declared.kind is SchemaKind.PROJECTION
    return projected and state.schema(table.schema).exists and state.relation(table) is None


def _names(state: DatabaseState, schema: str) -> tuple[str, ...]:
    return tuple(relation.name for relation in state.schema(schema).relations)


# ── how relations hang together ──────────────────────────────────────────────────────────────────────────


def with_partitions(ties: Ties, tables: Iterable[TableName]) -> set[TableName]:
    """These tables with all of their partitions, which are emptied with them."""
    return _reached(ties.partitions, tables)


def shown_by(ties: Ties, relation: TableName) -> set[TableName]:
    """What a reader of this relation sees: itself, its partitions, and whatever a view of that name reads."""
    return _reached((*ties.views, *ties.partitions), (relation,))


def _reached(pairs: Sequence[tuple[TableName, TableName]], start: Iterable[TableName]) -> set[TableName]:
    found, fresh = set[TableName](), set(start)
    while fresh:
        found |= fresh
        fresh = {other for one, other in pairs if one in fresh} - found
    return found


# ── what is read, but stays ──────────────────────────────────────────────────────────────────────────────


def reads_elsewhere(
    manifest: Manifest, projector: Projector, emptied: Iterable[TableName], ties: Ties
) -> list[TableName]:
    """Projections that it looks things up in and that stay as they are, while it starts at the first event."""
    gone, kinds = set(emptied), {s.name: s.kind for s in manifest.schemas}
    return [
        read
        for read in projector.reads
        if kinds.get(read.schema) is SchemaKind.PROJECTION and not shown_by(ties, read) & gone
    ]
