"""What a plan depends on, and, where that is no longer so, what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from balados_db.model import CheckpointTable, DatabaseState, Files, Identity, Manifest
from balados_db.planning.steps import listed

Facts = Mapping[str, Any]


# ── what a plan depends on ───────────────────────────────────────────────────────────────────────────────


def facts_of(identity: Identity | None, preconditions: Facts) -> dict[str, object]:
    """Which database it is, and what is depended on there."""
    where = identity and {
        "system_identifier": identity.system_identifier,
        "database_oid": identity.database_oid,
        "database": identity.database,
    }
    return {"target": where, "preconditions": dict(preconditions)}


def migration_facts(state: DatabaseState, files: Files, names: Iterable[str]) -> dict[str, object]:
    """Of these schemas: what is applied and what is on disk, by content, and their structure."""
    chosen = tuple(names)
    return {
        "applied": {name: {m.id: m.checksum for m in state.schema(name).applied} for name in chosen},
        "files": {name: {m.id: m.checksum for m in files.get(name, ())} for name in chosen},
        "structure": {name: state.schema(name).structure for name in chosen},
    }


def relation_facts(state: DatabaseState, names: Iterable[str]) -> dict[str, object]:
    """The relations of these schemas by name, each with its oid: a table that was made anew is another one."""
    return {name: {r.name: r.oid for r in state.schema(name).relations} for name in names}


def position_facts(state: DatabaseState) -> dict[str, object]:
    """Who has a checkpoint where. Not how far it is: that moves by itself."""
    return {
        str(table): sorted({c.projector for c in state.checkpoints if c.table == table})
        for table in state.checkpoint_tables
    }


def deed_facts(manifest: Manifest) -> dict[str, object]:
    """What the manifest's own words do when a position is forgotten or an event store is seeded."""
    store = manifest.event_store
    layout = store.layout if store else None
    seed = {"seed": layout.seed, "settings": dict(layout.reset_settings)} if layout else {}
    return {"forget": {str(c.table): _deed(c) for c in manifest.checkpoints}, **seed}


def trigger_facts(manifest: Manifest) -> dict[str, object]:
    """What is set off after the reset: whoever confirms it confirms that as well."""
    found = manifest.trigger
    return {"notify": found.notify, "command": list(found.command)} if found else {}


def _deed(checkpoint: CheckpointTable) -> dict[str, object]:
    return {
        "projector": checkpoint.projector,
        "position": checkpoint.position,
        "origin": checkpoint.origin,
        "set": dict(checkpoint.set) if checkpoint.set is not None else None,
        "sql": checkpoint.sql,
        "where": checkpoint.where,
        "keep": checkpoint.keep,
        "rewind": dict(checkpoint.rewind) if checkpoint.rewind is not None else None,
    }


# ── what became of it ────────────────────────────────────────────────────────────────────────────────────


def changes(before: Facts, after: Facts) -> tuple[str, ...]:
    """Say what is not the same, each in a few words; nothing where nothing changed. Both as `plain` makes them.

    Where one of several databases alone is another than it was, `changed_database` says which.
    """
    if before == after:
        return ()
    found = _apart(before, after) if _databases(before) or _databases(after) else _in_one(before, after)
    return tuple(found) or tuple(_rest(before, after)) or ("something that this version does not name",)


def changed_database(before: Facts, after: Facts) -> str | None:
    """The only one of several databases that is not as it was, by its name in the manifest."""
    changed = _changed(before, after)
    return changed[0] if len(changed) == 1 else None


def _databases(facts: Facts) -> Mapping[str, Facts]:
    return _part(facts, "databases")


def _changed(before: Facts, after: Facts) -> list[str]:
    was, now = _databases(before), _databases(after)
    return [name for name in was if was[name] != now.get(name)] if was.keys() == now.keys() else []


def _apart(before: Facts, after: Facts) -> Iterator[str]:
    """Of several databases each by itself."""
    was, now = _databases(before), _databases(after)
    if was.keys() != now.keys():
        yield f"the databases that it concerns: {_names(was)} when it was planned, now {_names(now)}"
        return
    changed = _changed(before, after)
    for name in changed:
        yield from (f"in {name}: {t}" if len(changed) > 1 else t for t in changes(was[name], now[name]))


def _names(databases: Mapping[str, Facts]) -> str:
    return " and ".join(databases) or "one alone"


def _in_one(before: Facts, after: Facts) -> tuple[str, ...]:
    target = tuple(_target(before.get("target") or {}, after.get("target") or {}))
    if target:
        return target  # of another database everything else is different as well
    return tuple(
        text
        for key, words in _WORDS.items()
        for text in words(_part(before, key), _part(after, key))
        if _part(before, key) != _part(after, key)
    )


def _part(facts: Facts, key: str) -> Facts:
    found: Facts = (facts.get("preconditions") or {}).get(key) or {}
    return found


def _target(before: Facts, after: Facts) -> Iterator[str]:
    """The database itself: its server first, for an oid means nothing elsewhere."""
    if before.get("system_identifier") != after.get("system_identifier"):
        yield f"it was made for a database of another server (system identifier {before.get('system_identifier')})"
    elif before.get("database") != after.get("database"):
        yield f"it was made for database {before.get('database')}, and this is {after.get('database')}"
    elif before.get("database_oid") == 0:
        yield f"database {after.get('database')} exists by now"
    elif after.get("database_oid") == 0:
        yield f"database {before.get('database')} does not exist any more"
    elif before.get("database_oid") != after.get("database_oid"):
        yield f"database {before.get('database')} was made anew (it has another oid)"


def _structure(before: Facts, after: Facts) -> Iterator[str]:
    yield from (f"structure of {name}" for name in _differing(before, after))


def _applied(before: Facts, after: Facts) -> Iterator[str]:
    for name in _differing(before, after):
        was, now = before.get(name) or {}, after.get(name) or {}
        yield from _said(
            f"migrations of {name}", was, now, "applied since", "taken back since", "applied with another content"
        )


def _files(before: Facts, after: Facts) -> Iterator[str]:
    for name in _differing(before, after):
        was, now = before.get(name) or {}, after.get(name) or {}
        yield from _said(f"migrations of {name}", was, now, "new", "gone", "edited")


def _backs(before: Facts, after: Facts) -> Iterator[str]:
    yield from _said("rollback files", before, after, "new", "gone", "edited")


def _install(before: Facts, after: Facts) -> Iterator[str]:
    yield from _said("install SQL", before, after, "new", "gone", "edited")


def _relations(before: Facts, after: Facts) -> Iterator[str]:
    for name in _differing(before, after):
        was, now = before.get(name) or {}, after.get(name) or {}
        yield from _said(f"relations of {name}", was, now, "new", "gone", "made anew")


def _checkpoints(before: Facts, after: Facts) -> Iterator[str]:
    for table in _differing(before, after):
        was, now = set(before.get(table) or ()), set(after.get(table) or ())
        for word, names in (("new", sorted(now - was)), ("gone", sorted(was - now))):
            yield from [f"a checkpoint of {listed(tuple(names))} in {table} is {word}"] if names else []
        if was == now:
            yield f"the checkpoint table {table} is {'new' if table in after else 'gone'}"


def _deeds(before: Facts, after: Facts) -> Iterator[str]:
    yield "what the manifest says about forgetting positions or seeding the event store"


def _trigger(before: Facts, after: Facts) -> Iterator[str]:
    yield "what the manifest sets off after a reset"


def _stamp(before: Facts, after: Facts) -> Iterator[str]:
    yield f"its stamp: it was {before.get('name') or 'not stamped'}, and is {after.get('name') or 'not stamped'}"


def _rest(before: Facts, after: Facts) -> Iterator[str]:
    """Where nothing else explains it: the steps themselves, or the phrase."""
    was, now = _steps(before), _steps(after)
    if was != now:
        more = [name for name in now if name not in was]
        less = [name for name in was if name not in now]
        yield from ([f"steps are new: {listed(tuple(more))}"] if more else [])
        yield from ([f"steps are gone: {listed(tuple(less))}"] if less else [])
        yield from ([] if more or less else ["the order of its steps"])
    elif before.get("steps") != after.get("steps"):
        pairs = zip(before.get("steps") or (), after.get("steps") or (), strict=True)
        yield f"what its steps do: {listed(tuple(old['step'] for old, new in pairs if old != new))}"
    if before.get("trigger") != after.get("trigger"):
        yield "what the manifest sets off afterwards"
    yield from (
        f"its {key}: it was {before.get(key) or 'none'}, and is {after.get(key) or 'none'}"
        for key in ("command", "scope", "phrase")
        if before.get(key) != after.get(key)
    )


def _steps(facts: Facts) -> list[str]:
    return [step["step"] for step in facts.get("steps") or ()]


def _differing(before: Facts, after: Facts) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def _said(what: str, before: Facts, after: Facts, new: str, gone: str, other: str) -> Iterator[str]:
    kinds = (
        (new, [name for name in after if name not in before]),
        (gone, [name for name in before if name not in after]),
        (other, [name for name in after if name in before and after[name] != before[name]]),
    )
    yield from (f"{what}: {listed(tuple(sorted(names)))} {word}" for word, names in kinds if names)


_WORDS = {
    "applied": _applied,
    "files": _files,
    "rollback files": _backs,
    "install": _install,
    "structure": _structure,
    "relations": _relations,
    "checkpoints": _checkpoints,
    "deeds": _deeds,
    "trigger": _trigger,
    "stamp": _stamp,
}
