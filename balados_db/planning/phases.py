"""Put a reset's steps in order: one transaction where it fits, else several that a journal ties together. Pure.

In several, the positions go to the origin first and their rows stay: whoever starts in between replays events instead
of losing them. The rows are forgotten last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from balados_db.model import CheckpointTable, TableName, Value
from balados_db.planning.ground import (
    Ground,
    free_sequences,
    guard_settings,
    lockable,
    locks_of,
    to_drop,
    to_empty,
    to_forget,
    to_make,
    to_refresh,
    to_restart,
    to_seed,
    what_stays,
    with_checkpoints,
)
from balados_db.planning.plan import Locks, Phase, one_phase
from balados_db.planning.size import (
    batches_to_drop,
    batches_to_empty,
    dropped,
    emptying,
    fits,
    making,
    room,
    split,
    too_large,
)
from balados_db.planning.steps import (
    ApplyMigrations,
    CapturePreserved,
    CloseJournal,
    CreateRecords,
    CreateSchema,
    DropRelations,
    EmptyTables,
    ForgetCheckpoints,
    GiveBack,
    NoteProgress,
    OpenJournal,
    ProvePreserved,
    ProveRewound,
    RecordStructure,
    RestartFreeSequences,
    RestartSequences,
    RewindCheckpoints,
    Step,
    WriteReceipt,
)


def reset_phases(ground: Ground) -> tuple[Phase, ...]:
    """The phases of a reset. Raises TooLarge where not even a part of it fits into a transaction."""
    if fits(ground.state, ground.shape):
        return one_phase("reset", _at_once(ground), locks_of(ground))
    return tuple(_several(ground))


# ── one transaction ──────────────────────────────────────────────────────────────────────────────────────


def _at_once(ground: Ground) -> list[Step]:
    state, shape = ground.state, ground.shape
    steps: list[Step] = [] if state.own_schema else [CreateRecords()]
    refilled = (*shape.emptied_names, *(view.table for view in shape.refreshed), *free_sequences(ground))
    steps.append(
        CapturePreserved(recreated=shape.recreated, emptied=refilled, kept=what_stays(ground), rows=ground.rows)
    )
    # What is dropped may reference what is emptied, and what is made anew may be shown by what is refreshed.
    steps += to_drop(ground)
    steps += to_empty(ground)
    steps += to_make(ground)
    steps += to_refresh(ground)
    steps += to_forget(ground)
    steps += [RecordStructure(schema=name) for name in shape.recreated]
    steps += [CloseJournal()] if state.journal else []
    return [*steps, ProvePreserved(emptied=shape.emptied_names, forgotten=ground.projectors), WriteReceipt()]


# ── several transactions ─────────────────────────────────────────────────────────────────────────────────


def _several(ground: Ground) -> Iterator[Phase]:
    """Number the transactions: each but the last one notes how many are done."""
    parts = between(ground)
    total = len(parts) + 2
    yield begin(ground, journal_of((ground,), ground, total))
    for number, part in enumerate(parts, start=2):
        yield middle(ground, part, number, total)
    yield finish(ground, (CloseJournal(), WriteReceipt()))


Part = tuple[str, list[Step], Locks]


def between(ground: Ground) -> list[Part]:
    """What is dropped, emptied and made, in parts that fit into a transaction each."""
    return [*_drop_phases(ground), *_empty_phases(ground), *_make_phases(ground)]


def middle(ground: Ground, part: Part, number: int, total: int) -> Phase:
    """One of those parts as a transaction that notes, with the work, that it is done."""
    name, steps, locks = part
    note = NoteProgress(done=number, phases=total)
    return Phase(name=name, steps=(*_framed(ground, steps), note), locks=locks)


def journal_of(grounds: Iterable[Ground], ground: Ground, total: int) -> OpenJournal:
    """What is noted of all that is touched, and of what this database alone is to give back."""
    return OpenJournal(
        scope=ground.request.scope.value,
        schemas=tuple(way.schema for each in grounds for way in each.shape.ways),
        recreated=ground.shape.recreated,
        projectors=ground.projectors,
        arguments=ground.request.arguments,
        phases=total,
    )


def _framed(ground: Ground, steps: list[Step], forgotten: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """A part of the work, proved by itself: everything outside the scope's own tables is what it was."""
    emptied = tuple(t for step in steps if isinstance(step, EmptyTables) for t in step.tables)
    restarted = tuple(t for step in steps if isinstance(step, RestartFreeSequences) for t in step.sequences)
    capture = CapturePreserved(
        recreated=_touched(ground), emptied=(*emptied, *restarted), kept=_untouched(ground), rows=ground.rows
    )
    return (capture, *steps, ProvePreserved(emptied=emptied, forgotten=forgotten))


def _touched(ground: Ground) -> tuple[str, ...]:
    names = [*ground.shape.recreated, *(r.schema for r in ground.shape.emptied)]
    return tuple(dict.fromkeys(names))


def _untouched(ground: Ground) -> tuple[TableName, ...]:
    """The relations that stay what they are in schemas of which others are emptied or dropped."""
    gone = {r.oid for r in (*ground.shape.emptied, *ground.shape.refreshed, *dropped(ground.state, ground.shape))}
    relations = (r for name in _touched(ground) for r in ground.state.schema(name).relations)
    return tuple(r.table for r in relations if r.oid not in gone and not r.owned)


def begin(ground: Ground, journal: OpenJournal, number: int = 1) -> Phase:
    """Before anything is destroyed: the positions, and the note that there is something to finish.

    Events and positions go together: an event that is gone cannot be replayed. Where they go in another database, the
    positions here stay as they are until then.
    """
    store = tuple(r for r in ground.shape.emptied if r.schema == ground.shape.store)
    if (locks := sum(map(emptying, store))) > room(ground.state):
        raise too_large(ground.state, locks)
    if store:
        tables = tuple(r.table for r in store)
        empty = EmptyTables(tables=tables, settings=guard_settings(ground))
        steps = [empty, *to_restart(ground), *to_seed(ground), *to_forget(ground)]
    else:
        steps = [] if ground.shape.events_go else _rewinding(ground)
    return Phase(
        name="begin",
        steps=(
            CreateRecords(),
            journal,
            *_framed(ground, steps, ground.projectors),
            NoteProgress(done=number, phases=journal.phases),
        ),
        locks=with_checkpoints(ground, lockable(list(store))),
    )


def _rewinding(ground: Ground) -> list[Step]:
    """To the origin, rows kept; where a table has no position to set, its rows go at once."""
    names = ground.projectors
    return [
        RewindCheckpoints(table=c.table, projectors=names)
        if rewinding(c)
        else ForgetCheckpoints(table=c.table, projectors=names)
        for c in ground.checkpoints
        if names
    ]


def rewinding(checkpoint: CheckpointTable) -> Mapping[str, Value] | None:
    """What sets a row back to the origin; None where a row cannot be, and must go."""
    if checkpoint.rewind or checkpoint.set is not None:
        return checkpoint.rewind or checkpoint.set
    if checkpoint.sql is not None or not isinstance(checkpoint.position, str):
        return None
    return {checkpoint.position: checkpoint.origin}


def _drop_phases(ground: Ground) -> Iterator[Part]:
    obstacles = ground.obstacles
    shared = frozenset(oid for oid, _ in obstacles.lock_too)
    order = (*obstacles.foreign_keys, *obstacles.inside)
    batches = batches_to_drop(ground.state, dropped(ground.state, ground.shape), order, shared)
    for number, batch in enumerate(batches, start=1):
        oids = {r.oid for r in batch}
        kept = tuple(dict.fromkeys(table for oid, table in obstacles.lock_too if oid in oids))
        step = DropRelations(relations=tuple(r.table for r in batch), schemas=ground.shape.recreated)
        yield f"drop {number} of {len(batches)}", [step], Locks(exclusive=(*lockable(list(batch)), *kept))


def _empty_phases(ground: Ground) -> Iterator[Part]:
    tables = [r for r in ground.shape.emptied if r.schema != ground.shape.store]
    obstacles = ground.obstacles
    batches = batches_to_empty(ground.state, tables, obstacles.foreign_keys, obstacles.inside)
    parents = tuple(sorted(r.table for r in split(tables, obstacles.inside) if r.sequences))
    for number, batch in enumerate(batches, start=1):
        steps: list[Step] = [EmptyTables(tables=tuple(r.table for r in batch))]
        if parents and number == len(batches):
            steps.append(RestartSequences(tables=parents))
        yield f"empty {number} of {len(batches)}", steps, Locks(exclusive=lockable(list(batch)))


def _make_phases(ground: Ground) -> Iterator[Part]:
    """All migrations at once where that fits; else a transaction a file, as they were applied once."""
    if not ground.shape.recreated:
        return
    again = [r for r in dropped(ground.state, ground.shape) if ground.state.schema(r.schema).applied]
    left = [*to_drop(ground), *(CreateSchema(schema=n) for n in _missing(ground))]
    if sum(map(making, again)) <= room(ground.state) // 2:
        rest = [step for step in to_make(ground) if not isinstance(step, CreateSchema)]
        yield "make", [*left, *rest], Locks()
        return
    yield "drop what is left", left, Locks()
    for name in ground.shape.recreated:
        for migration in ground.files.get(name, ()):
            yield f"make {migration.id}", [ApplyMigrations(schema=name, migrations=(migration.id,))], Locks()
    yield "give back", [step for step in to_make(ground) if isinstance(step, GiveBack)], Locks()


def _missing(ground: Ground) -> list[str]:
    return [name for name in ground.shape.recreated if not ground.state.schema(name).exists]


def finish(ground: Ground, after: tuple[Step, ...]) -> Phase:
    """The proof that nobody moved, the positions' rows, and what stands `after` the proof of all the rest."""
    known = ground.projectors and not ground.shape.events_go
    rewound = tuple(c.table for c in ground.checkpoints) if known else ()
    steps: list[Step] = [
        *([ProveRewound(tables=rewound, projectors=ground.projectors)] if rewound else []),
        *to_refresh(ground),
        *(to_forget(ground) if ground.shape.store is None else []),
        *(RecordStructure(schema=name) for name in ground.shape.recreated),
    ]
    store = ground.shape.store
    emptied = tuple(r.table for r in ground.shape.emptied if r.schema != store)
    framed = _framed(ground, steps)[:-1]
    proof = ProvePreserved(emptied=emptied, forgotten=ground.projectors)
    return Phase(
        name="finish",
        steps=(*framed, proof, *after),
        locks=with_checkpoints(ground, ()),
    )
