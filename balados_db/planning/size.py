"""Count the locks that a reset holds, and cut what does not fit into one transaction into batches. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from balados_db.errors import TooLarge
from balados_db.model import DatabaseState, Relation, RelationKind, Role
from balados_db.planning.cures import in_the_way
from balados_db.planning.shape import Shape

Ties = tuple[tuple[int, int], ...]  # (one that goes first, one that goes later), by oid
Batches = tuple[tuple[Relation, ...], ...]

# Locks a relation, beside those of its indexes, its table for wide values and its sequences; counted in pg_locks.
DROPPED, MADE = 5, 3
SPARE = 2  # a batch takes half of the room: the application needs locks meanwhile


def emptying(relation: Relation) -> int:
    """How many locks TRUNCATE holds: the table, its indexes, its wide values with their index, its sequences."""
    return 1 + relation.indexes + (2 if relation.toast else 0) + relation.sequences


def dropping(relation: Relation) -> int:
    """How many locks DROP holds: those of its row type, its constraints and its sequences' types as well."""
    return DROPPED + emptying(relation) + relation.sequences


def making(relation: Relation) -> int:
    """How many locks it takes to make such a relation anew."""
    return MADE + emptying(relation)


def needed(state: DatabaseState, shape: Shape) -> int:
    """How many locks one transaction would hold."""
    recreated = sum(dropping(r) + making(r) for r in dropped(state, shape))
    return recreated + sum(emptying(r) for r in shape.emptied)


def fits(state: DatabaseState, shape: Shape) -> bool:
    """Whether one transaction can hold them all."""
    return needed(state, shape) <= room(state)


def room(state: DatabaseState) -> int:
    """How many locks the server has room for."""
    assert state.identity is not None
    return state.identity.lock_room


def dropped(state: DatabaseState, shape: Shape) -> tuple[Relation, ...]:
    """The relations that are dropped; a sequence that goes with its table is none of its own."""
    return tuple(
        r
        for name in shape.recreated
        for r in state.schema(name).relations
        if r.role in (Role.CONTENT, Role.MIGRATION_HISTORY) and not r.owned
    )


def too_large(state: DatabaseState, locks: int) -> TooLarge:
    """Say how many locks one transaction would hold, and the setting that makes room for them."""
    advice = -(-locks * 64 // room(state))
    cure = f"raise max_locks_per_transaction to at least {advice} and restart the server"
    setting = in_the_way("setting", "max_locks_per_transaction", f"has room for about {room(state)} locks", cure)
    return TooLarge(needed=locks, room=room(state), advice=advice, objects=[setting])


# ── batches ──────────────────────────────────────────────────────────────────────────────────────────────


def batches_to_empty(
    state: DatabaseState, relations: Sequence[Relation], foreign_keys: Ties, based_on: Ties
) -> Batches:
    """Cut into batches that TRUNCATE takes one after the other: tables tied by foreign keys must go together.

    Raises TooLarge where such a group alone does not fit. A partitioned table holds nothing itself, and is left out
    where its partitions are among them.
    """
    parents = split(relations, based_on)
    groups = _together([r for r in relations if r not in parents], foreign_keys)
    for group in groups:
        if (weight := sum(map(emptying, group))) > room(state):
            raise too_large(state, weight)
    return tuple(_packed(groups, emptying, room(state) // SPARE))


def split(relations: Sequence[Relation], based_on: Ties) -> frozenset[Relation]:
    """The partitioned tables whose partitions are emptied one by one."""
    parents = {parent for _, parent in based_on}
    return frozenset(r for r in relations if r.kind is RelationKind.PARTITIONED and r.oid in parents)


def batches_to_drop(
    state: DatabaseState, relations: Sequence[Relation], order: Ties, first: frozenset[int] = frozenset()
) -> Batches:
    """Cut into batches that DROP takes one after the other, whoever depends on others before those.

    `first` come first, in small batches: they lock kept tables, and those are read meanwhile.
    """
    ordered = in_order(relations, order)
    early = [(r,) for r in ordered if r.oid in first]
    rest = [(r,) for r in ordered if r.oid not in first]
    most = room(state) // SPARE
    return (*_packed(early, dropping, most // 4), *_packed(rest, dropping, most))


def _together(relations: Sequence[Relation], ties: Ties) -> list[tuple[Relation, ...]]:
    """Group whoever is tied, directly or through others."""
    head = {r.oid: r.oid for r in relations}

    def find(oid: int) -> int:
        while head[oid] != oid:
            head[oid] = oid = head[head[oid]]
        return oid

    for one, other in ties:
        if one in head and other in head:
            head[find(one)] = find(other)
    groups: dict[int, list[Relation]] = defaultdict(list)
    for relation in relations:
        groups[find(relation.oid)].append(relation)
    return [tuple(group) for group in groups.values()]


def in_order(relations: Sequence[Relation], order: Ties) -> list[Relation]:
    """Sort so that the first of each pair comes first; what lies in a circle comes last."""
    by_oid = {r.oid: r for r in relations}
    later, waiting = defaultdict(list), dict.fromkeys(by_oid, 0)
    for one, other in {pair for pair in order if pair[0] != pair[1]}:
        if one in by_oid and other in by_oid:
            later[one].append(other)
            waiting[other] += 1
    free = [oid for oid, count in waiting.items() if not count]
    for oid in free:  # grows while it is gone through
        for other in later[oid]:
            waiting[other] -= 1
            if not waiting[other]:
                free.append(other)
    circles = set(by_oid).difference(free)
    return [by_oid[oid] for oid in (*free, *sorted(circles))]


def _packed(
    groups: Iterable[tuple[Relation, ...]], weight: Callable[[Relation], int], most: int
) -> Iterator[tuple[Relation, ...]]:
    """Fill one batch after the other, in order; what is heavier than a batch makes one of its own."""
    batch: list[Relation] = []
    held = 0
    for group in groups:
        heavy = sum(map(weight, group))
        if batch and held + heavy > most:
            yield tuple(batch)
            batch, held = [], 0
        batch += group
        held += heavy
    if batch:
        yield tuple(batch)
