"""Infer what a database's schemas and tables are, from what can be seen; every word says how sure it is, and why.

Whether a schema is permanent or a projection is never decided here: nothing in a database proves it, and a wrong word
destroys what exists nowhere else. A person decides; what speaks for either is put in front of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from balados_db.guess import Confidence, Guess
from balados_db.likeness import Filling, Strength, alike, fillings
from balados_db.manifest.names import invalid_name
from balados_db.manifest.sections import OWN_SQL
from balados_db.manifest_proposal import Existing, ExistingSchema, FoundCheckpoints, KnownStore
from balados_db.model import SchemaKind, TableName


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """Everything that a proposal says. `leaning`: what speaks for a kind of each schema that nobody has decided."""

    existing: Existing
    store: str | None
    layout: KnownStore | None
    kinds: Mapping[str, SchemaKind | None]  # None: nobody has decided
    leaning: Mapping[str, SchemaKind]
    left_out: Mapping[str, str]  # schemas that the manifest does not name, and why
    checkpoints: tuple[FoundCheckpoints, ...]  # those that the layout does not have by itself
    projectors: Mapping[str, tuple[Filling, ...]]
    unfilled: Mapping[str, tuple[str, ...]]  # by schema that leans to projection: tables that no name fits
    subscriptions: tuple[str, ...]
    doubtful: tuple[FoundCheckpoints, ...] = ()  # what may be positions, but no name in it speaks for that
    guesses: tuple[Guess, ...] = ()

    @property
    def installed_by_us(self) -> bool:
        """Whether this tool made the store, from the very SQL that the layout brings."""
        sql = self.layout.install if self.layout else {}
        return bool(sql) and sql.items() <= self.existing.installed.get(self.store or "", {}).items()

    @property
    def undecided(self) -> tuple[str, ...]:
        """The schemas of which nobody has said what they are."""
        return tuple(name for name, kind in self.kinds.items() if kind is None)


LEAVE_OUT = "leave-out"  # what may be decided of a schema beside its kind


def infer(existing: Existing, stores: tuple[KnownStore, ...], decided: Mapping[str, str]) -> Inferred:
    """Put the facts together. `decided`: for some schemas `permanent`, `projection` or `leave-out`."""
    layout, store = _store(existing, stores)
    left_out = dict(_left_out(existing, decided))
    here = [s for s in existing.schemas if s.name not in left_out]
    kinds = {s.name: _kind(s.name, store, decided) for s in here}
    fitting = tuple(c for c in existing.checkpoints if c.layout in (None, layout.layout if layout else None))
    ours = tuple(c for c in fitting if c.layout or _speaks_for_itself(c, fitting, here))
    projectors, others = _names(ours, store)
    found = _fillings(existing, here, kinds, (*projectors, *others))
    # A subscriber that a table is called after is a projector as well; whoever else subscribes may send mail.
    projectors = tuple(
        dict.fromkeys((*projectors, *(n for n in others if any(f.projector == n for f in found.values()))))
    )
    leaning = {name: _leaning(name, kind, existing, found) for name, kind in kinds.items() if name != store}
    rebuilt = {name for name, kind in leaning.items() if kind is SchemaKind.PROJECTION}
    by_name = {
        name: tuple(f for f in found.values() if f.projector == name and f.table.schema in rebuilt)
        for name in projectors
    }
    inferred = Inferred(
        existing=existing,
        store=store,
        layout=layout,
        kinds=kinds,
        leaning=leaning,
        left_out=left_out,
        checkpoints=tuple(c for c in ours if c.schema != store and not c.known.of_store),
        projectors=by_name,
        unfilled={s.name: _unfilled(s, found, ours) for s in here if s.name in rebuilt},
        subscriptions=tuple(name for name in others if name not in projectors),
        doubtful=tuple(c for c in fitting if c not in ours),
    )
    return _with_guesses(inferred, found)


def _store(existing: Existing, stores: tuple[KnownStore, ...]) -> tuple[KnownStore | None, str | None]:
    """The first store that some schema proves, and that schema; else the store to know checkpoint tables by."""
    for store in stores:
        for schema in existing.holding.get(store.layout, ()):
            if invalid_name(schema) is None:
                return store, schema
    layouts = [checkpoints.layout for checkpoints in existing.checkpoints]
    return next((store for store in stores if store.layout in layouts), None), None


def _left_out(existing: Existing, decided: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for schema in existing.schemas:
        if decided.get(schema.name) == LEAVE_OUT:
            yield schema.name, "it was decided so"
        elif schema.extension:
            yield schema.name, f"it belongs to extension {schema.extension}"
        elif not schema.tables and not schema.histories and schema.applied is None:
            yield schema.name, "it holds no table of its own"
        elif problem := invalid_name(schema.name):
            yield schema.name, problem


def _kind(name: str, store: str | None, decided: Mapping[str, str]) -> SchemaKind | None:
    if name == store:
        return SchemaKind.EVENT_STORE
    return SchemaKind(decided[name]) if name in decided else None


def _names(found: Iterable[FoundCheckpoints], store: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names that only projectors have, and those of subscribers of any kind."""
    checkpoints = tuple(found)
    projectors = dict.fromkeys(name for c in checkpoints if not c.known.of_store for name in c.names)
    others = dict.fromkeys(n for c in checkpoints if c.known.of_store and c.schema == store for n in c.names)
    return tuple(projectors), tuple(name for name in others if name not in projectors)


MOST_PROJECTORS = 100  # names of one table; more are a domain's own


def _speaks_for_itself(
    found: FoundCheckpoints, all_found: tuple[FoundCheckpoints, ...], here: list[ExistingSchema]
) -> bool:
    """Whether a name in what only looks like positions is known as a projector's, or some table is called after it."""
    if not found.names or len(found.names) > MOST_PROJECTORS:
        return False
    known = {name for c in all_found if c is not found for name in c.names}
    tables = [table for schema in here for table in schema.tables if table != found.known.table]
    return any(name in known or any(alike(name, table) for table in tables) for name in found.names)


def _fillings(
    existing: Existing, here: list[ExistingSchema], kinds: Mapping[str, SchemaKind | None], projectors: tuple[str, ...]
) -> dict[TableName, Filling]:
    """Among the tables of schemas that may still be projections."""
    positions = {TableName(c.schema, c.known.table) for c in existing.checkpoints}
    tables = [
        table
        for schema in here
        if kinds[schema.name] in (None, SchemaKind.PROJECTION)
        for table in (TableName(schema.name, name) for name in schema.tables)
        if table not in positions
    ]
    return fillings(projectors, tables, existing.comments, existing.references)


def _leaning(name: str, kind: SchemaKind | None, existing: Existing, found: Mapping[TableName, Filling]) -> SchemaKind:
    """What speaks for a schema: a projection is one of which at least half the tables are called after projectors."""
    if kind is not None:
        return kind
    schema = next(s for s in existing.schemas if s.name == name)
    filled = [table for table in found if table.schema == name]
    return SchemaKind.PROJECTION if filled and 2 * len(filled) >= len(schema.tables) else SchemaKind.PERMANENT


def _unfilled(
    schema: ExistingSchema, found: Mapping[TableName, Filling], checkpoints: tuple[FoundCheckpoints, ...]
) -> tuple[str, ...]:
    positions = {c.known.table for c in checkpoints if c.schema == schema.name}
    return tuple(t for t in schema.tables if TableName(schema.name, t) not in found and t not in positions)


# ── what is said of each word ────────────────────────────────────────────────────────────────────────────


def _with_guesses(inferred: Inferred, found: Mapping[TableName, Filling]) -> Inferred:
    return replace(inferred, guesses=(*_of_schemas(inferred, found), *_of_the_rest(inferred)))


def _of_schemas(inferred: Inferred, found: Mapping[TableName, Filling]) -> Iterator[Guess]:
    for name, kind in inferred.kinds.items():
        key = f"schemas.{name}.kind"
        if kind is SchemaKind.EVENT_STORE and inferred.layout:
            reason = f"every table that proves the layout {inferred.layout.layout} is there"
            yield Guess(key=key, value=kind.value, confidence=Confidence.PROVED, reason=reason)
            if inferred.installed_by_us:
                key, reason = f"schemas.{name}.install", "the database has noted that balados-db ran these very files"
                yield Guess(key=key, value=OWN_SQL, confidence=Confidence.PROVED, reason=reason)
        elif kind is not None:
            yield Guess(key=key, value=kind.value, confidence=Confidence.DECIDED, reason="it was decided so")
        else:
            value, reason = inferred.leaning[name].value, why(inferred, name, found)
            yield Guess(key=key, value=value, confidence=Confidence.UNDECIDED, reason=reason)


def why(inferred: Inferred, schema: str, found: Mapping[TableName, Filling]) -> str:
    """What speaks for the kind that a schema leans to."""
    tables = len(next(s for s in inferred.existing.schemas if s.name == schema).tables)
    filled = sum(table.schema == schema for table in found)
    if inferred.leaning[schema] is SchemaKind.PROJECTION:
        return f"{filled} of {tables} tables are called after projectors that have a position"
    if filled:
        return f"only {filled} of {tables} tables are called after projectors that have a position"
    return "nothing tells that events could bring its rows back"


_SURE = {Strength.COMMENT: Confidence.LIKELY, Strength.SAME: Confidence.LIKELY}


def _of_the_rest(inferred: Inferred) -> Iterator[Guess]:
    for checkpoints in inferred.checkpoints:
        value = f"{checkpoints.schema}.{checkpoints.known.table}"
        sure = Confidence.LIKELY if checkpoints.layout else Confidence.GUESSED
        reason = f"as the layout {checkpoints.layout} has it" if checkpoints.layout else "by its name and its columns"
        yield Guess(key="checkpoints", value=value, confidence=sure, reason=reason)
    for name, filled in inferred.projectors.items():
        if not filled:
            reason = "it has a position, but no table is called after it"
            yield Guess(key=f"projectors.{name}.tables", value="", confidence=Confidence.GUESSED, reason=reason)
        for filling in filled:
            sure = _SURE.get(filling.strength, Confidence.GUESSED)
            value = str(filling.table)
            yield Guess(key=f"projectors.{name}.tables", value=value, confidence=sure, reason=filling.reason)
    for name in inferred.subscriptions:
        reason = "whether it has side effects cannot be read from the database: the safe side"
        yield Guess(key=f"subscriptions.{name}.replay", value="never", confidence=Confidence.GUESSED, reason=reason)
