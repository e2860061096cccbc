"""Decide what a reset does whose tables, positions and events lie in several databases. Pure.

No transaction reaches into two databases, so it takes several that journals tie together, in an order in which whoever
starts in any gap replays events instead of losing them:

1. `begin` in every database: a journal, and the positions to the origin, their rows kept. Tables still hold everything,
   so one who reads a position that has not been moved yet goes on where he was, and nothing is lost.
2. The tables, where they lie. From here on every position is at the origin: whoever starts writes rows that are emptied
   later or stay, and is asked to start over either way, for
3. `finish` proves in every database that no position has moved, and forgets the rows; the database in which projectors
   take their locks comes last, for the rows' ids are those locks, and a row made anew would have another.
4. The journals that are still open are closed: until then every database says that there is something to finish.

Where the events themselves go, they go first, with the positions that lie beside them: an event that is gone cannot be
replayed, and positions elsewhere that are too high skip nothing but what the same command destroys when it is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from balados_db.errors import EnvironmentsDiffer, in_database
from balados_db.planning.forecast import together
from balados_db.planning.ground import Ground
from balados_db.planning.phases import begin, between, finish, journal_of, middle, reset_phases
from balados_db.planning.plan import Danger, Fence, Phase, Plan, Site, StartsOver
from balados_db.planning.reset import plan_reset
from balados_db.planning.shape import Shape
from balados_db.planning.steps import CloseJournal, NoteProgress, WriteReceipt
from balados_db.planning.unfit import store_missing

Grounds = Mapping[str, Ground]  # by the database's name in the manifest

_DANGERS = tuple(Danger)


def plan_reset_across(grounds: Grounds, *, ignore_live: bool = False) -> Plan:
    """One plan over several databases, or say which object in which of them forbids it.

    Raises what `plan_reset` raises; the error knows its database.
    """
    _refuse_different_stamps(grounds)
    for name, ground in grounds.items():
        with in_database(name):
            _refuse_without_store(ground)
    whole = _whole(grounds)
    plans = {name: _planned(name, ground, whole, ignore_live) for name, ground in grounds.items()}
    first = next(iter(plans.values()))
    sites = tuple(_site(name, plan) for name, plan in plans.items())
    phases = across_phases(grounds)
    return replace(
        first,
        phases=phases,
        danger=max((plan.danger for plan in plans.values()), key=_DANGERS.index),
        destroys=tuple(replace(d, database=name) for name, plan in plans.items() for d in plan.destroys),
        keeps=tuple(replace(k, database=name) for name, plan in plans.items() for k in plan.keeps),
        ways=tuple(replace(way, database=name) for name, plan in plans.items() for way in plan.ways),
        stale=tuple(text for plan in plans.values() for text in plan.stale),
        not_restored=tuple(text for plan in plans.values() for text in plan.not_restored),
        warnings=(*_said(plans), *_order(grounds)),
        starts_over=(
            starting := tuple(_merged(each) for each in zip(*(p.starts_over for p in plans.values()), strict=True))
        ),
        forecast=together(s.forecast for s in starting),
        connected=tuple(session for plan in plans.values() for session in plan.connected),
        fence=Fence(),  # each site has its own
        preconditions={
            "order": [(phase.name, phase.database) for phase in phases],
            "databases": {site.name: site.facts for site in sites},
        },
        sites=sites,
    )


def _order(grounds: Grounds) -> tuple[str, ...]:
    """That it is not one transaction, and what that means for whoever interrupts it."""
    if len(_touched(grounds)) < 2:
        return ()
    events_go = any(ground.shape.events_go for ground in grounds.values())
    first = "the events go first" if events_go else "positions go to the origin first"
    return (
        f"several databases take several transactions: {first}, and if it is interrupted, the same command finishes it",
    )


def _said(plans: Mapping[str, Plan]) -> tuple[str, ...]:
    """What is true of one database is said of that one; what was said once is not said again."""
    texts: dict[str, list[str]] = {}
    for name, plan in plans.items():
        for text in plan.warnings:
            texts.setdefault(text, []).append(name)
    return tuple(f"{', '.join(names)}: {text}" if len(names) < len(plans) else text for text, names in texts.items())


def _whole(grounds: Grounds) -> Shape:
    """What is touched in all of them together, to be compared with what an unfinished reset has begun."""
    shapes = [ground.shape for ground in grounds.values()]
    return Shape(projectors=shapes[0].projectors, ways=tuple(way for shape in shapes for way in shape.ways))


def _planned(name: str, ground: Ground, whole: Shape, ignore_live: bool) -> Plan:
    parts = (ground.state, ground.manifest, ground.files, ground.request, ground.shape, ground.obstacles)
    with in_database(name):
        return plan_reset(*parts, ignore_live=ignore_live, whole=whole)


def _merged(parts: tuple[StartsOver, ...]) -> StartsOver:
    """One projector, with what it fills and reads in all of them."""
    tables = tuple(dict.fromkeys(table for part in parts for table in part.tables))
    reads = tuple(dict.fromkeys(r for part in parts for r in part.reads))
    forecast = next((part.forecast for part in parts if part.forecast), None)  # where the events lie
    return replace(parts[0], tables=tables, reads=reads, forecast=forecast)


def _site(name: str, plan: Plan) -> Site:
    assert plan.identity is not None
    return Site(name=name, identity=plan.identity, fence=plan.fence or Fence(), preconditions=plan.preconditions)


# ── what only several databases can get wrong ────────────────────────────────────────────────────────────


def _refuse_different_stamps(grounds: Grounds) -> None:
    """A system of two environments is none: one of the URLs is another's."""
    stamps = {name: g.state.identity.environment for name, g in grounds.items() if g.state.identity}
    known = {name: stamp for name, stamp in stamps.items() if stamp is not None}
    if len(set(known.values())) > 1:
        raise EnvironmentsDiffer(stamps=", ".join(f"{name} {stamp!r}" for name, stamp in known.items()))


def _refuse_without_store(ground: Ground) -> None:
    """Where the events should be and are not, the positions are not either: those would be left as they are."""
    store = ground.manifest.event_store
    if store is None or store.layout is None or ground.state.event_store:
        return
    raise store_missing(store, ground.state)


# ── the transactions ─────────────────────────────────────────────────────────────────────────────────────


def across_phases(grounds: Grounds) -> tuple[Phase, ...]:
    """Every transaction, in order, with the database that it runs in.

    Where all that is touched lies in one database, what else there is only keeps projectors out: that one's own way.
    """
    touched = _touched(grounds)
    if len(touched) < 2:
        return tuple(_in(name, phase) for name, ground in touched.items() for phase in reset_phases(ground))
    return _phases(touched)


def _touched(grounds: Grounds) -> dict[str, Ground]:
    """Where anything is done; the database whose locks keep projectors out comes last."""
    found = {n: g for n, g in grounds.items() if g.shape.ways or g.shape.emptied or (g.checkpoints and _starts_over(g))}
    return dict(sorted(found.items(), key=lambda item: item[1].manifest.event_store is not None))


def _starts_over(ground: Ground) -> bool:
    return bool(ground.projectors) or ground.shape.events_go


def _phases(grounds: dict[str, Ground]) -> tuple[Phase, ...]:
    *others, last = grounds
    parts = {name: between(ground) for name, ground in grounds.items()}
    total = sum(map(len, parts.values())) + 2 * len(grounds) + len(others)
    phases = [
        _in(name, begin(ground, journal_of(grounds.values(), ground, total), number))
        for number, (name, ground) in enumerate(grounds.items(), start=1)
    ]
    for name, ground in grounds.items():
        phases += [_in(name, middle(ground, part, len(phases) + n, total)) for n, part in enumerate(parts[name], 1)]
    for name in others:
        note = NoteProgress(done=len(phases) + 1, phases=total)
        phases.append(_in(name, finish(grounds[name], (WriteReceipt(), note))))
    phases.append(_in(last, finish(grounds[last], (CloseJournal(), WriteReceipt()))))
    # The database that was the first is the last: it knows of the plan file, and whether anything of it is left.
    return (*phases, *(_in(name, Phase(name="close", steps=(CloseJournal(),))) for name in reversed(others)))


def _in(database: str, phase: Phase) -> Phase:
    return replace(phase, database=database)
