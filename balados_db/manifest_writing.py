"""Write a proposal down as TOML: beside every word that was not certain a comment says what it was guessed from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from balados_db.discovery import Inferred
from balados_db.guess import Confidence, Guess
from balados_db.manifest.sections import OWN_SQL
from balados_db.manifest_proposal import ExistingSchema, FoundCheckpoints, KnownStore, unread_in_words
from balados_db.migration_folders import folders_of
from balados_db.model import TableName
from balados_db.toml_text import key, quoted

LISTED = 8  # names in a comment; more are counted
UNDECIDED = "undecided"  # a kind that no command accepts

# What a kind means, for whoever has to decide.
MEANINGS = {
    "projection": "projection: every row can be rebuilt from events; a reset of projections empties it",
    "permanent": "permanent: some row exists nowhere else; only reset --system and --all empty it",
}


def written(inferred: Inferred, folders: Mapping[str, frozenset[str]]) -> str:
    """The manifest. While anything is undecided, no command accepts it."""
    lines = [
        *_head(inferred),
        *(line for schema in inferred.existing.schemas for line in _schema(schema, inferred, folders)),
        *(line for checkpoints in inferred.checkpoints for line in _checkpoints(checkpoints)),
        *(line for checkpoints in inferred.doubtful for line in _doubtful(checkpoints)),
        *_projectors(inferred),
        *_subscriptions(inferred),
    ]
    # Odd names in comments: whatever ends a line there, or is not allowed in one, is a question mark.
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines).rstrip("\n") + "\n"


def _head(inferred: Inferred) -> Iterator[str]:
    existing = inferred.existing
    yield f"# Proposed by `balados-db manifest init` for database {quoted(existing.database)}."
    yield "# Read it, correct what is called a guess, then run: balados-db check"
    if inferred.undecided:
        yield f"# TODO: decide the kind of {_listed(inferred.undecided)}. Until then no command accepts this file."
    for table in existing.unread:
        yield f"# TODO: {unread_in_words(table)}."
    if inferred.store is None:
        yield '# No schema holds an event store of a known layout; `layout = "custom"` describes any other.'
    yield "version = 1"
    yield ""
    yield "[database]"
    yield 'url = "${DATABASE_URL}"'
    if existing.environment:
        yield f"environment = {quoted(existing.environment)}  # the stamp inside the database"
    yield ""


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────


def _schema(schema: ExistingSchema, inferred: Inferred, folders: Mapping[str, frozenset[str]]) -> Iterator[str]:
    if schema.name in inferred.left_out:
        why = inferred.left_out[schema.name]
        yield f"# Schema {quoted(schema.name)} is left out, so no command touches it: {why}."
        yield ""
        return
    yield f"[schemas.{key(schema.name)}]"
    if schema.name == inferred.store and inferred.layout:
        yield f'kind = "event_store"  # every table that proves this layout is here: {_listed(inferred.layout.proof)}'
        yield f"layout = {quoted(inferred.layout.layout)}"
        yield from _install(inferred, inferred.layout)
    else:
        yield from _kind(schema, inferred)
        yield from _migrations(schema, folders)
    yield ""


def _install(inferred: Inferred, layout: KnownStore) -> Iterator[str]:
    """Of a store that was not ours, nobody can tell from the database whether a library keeps it up to date."""
    if inferred.installed_by_us:
        yield f"install = {quoted(OWN_SQL)}  # balados-db itself made this store, from the SQL that the layout brings"
    elif layout.install:
        yield f"# `install = {quoted(OWN_SQL)}` is left out: a library makes the store in a new database. If none does,"
        yield "# write it here, and `balados-db init` makes it"
    else:
        yield "# `install` is left out: name a directory of SQL only if no library keeps this store up to date"


def _kind(schema: ExistingSchema, inferred: Inferred) -> Iterator[str]:
    guess = next(g for g in inferred.guesses if g.key == f"schemas.{schema.name}.kind")
    if guess.confidence is Confidence.UNDECIDED:
        yield f'kind = "{UNDECIDED}"'
        yield '# ^ TODO: "projection" if events bring every row back, "permanent" if any row exists nowhere else.'
        yield f"#   It looks {'like a projection' if guess.value == 'projection' else 'permanent'}: {guess.reason}."
    else:
        yield f'kind = "{guess.value}"  # as it was decided'
    yield f"# tables: {_listed(schema.tables)}"
    if unfilled := inferred.unfilled.get(schema.name):
        yield f"# called after no projector: {_listed(unfilled)}: name each in the projector that fills it, if one does"
    bare = tuple(name for name in schema.tables if TableName(schema.name, name) in inferred.existing.unwritten)
    if bare:
        yield f"# nobody has written to, as far as the statistics go: {_listed(bare)}"
    if any(schema.name in holding for holding in inferred.existing.holding.values()):
        yield "# it holds the tables of an event store too, but a manifest has room for one: write a second manifest"


def _migrations(schema: ExistingSchema, folders: Mapping[str, frozenset[str]]) -> Iterator[str]:
    if schema.applied is not None:
        fitting = folders_of(schema.applied, folders)
        if len(fitting) == 1:
            yield f"migrations = {quoted(fitting[0])}  # it holds the {len(schema.applied)} that yoyo has noted here"
        else:
            yield f"# yoyo has noted {len(schema.applied)} migrations here: name the directory that holds their files"
            yield from (f"# migrations = {quoted(path)}" for path in fitting or (f"migrations/{schema.name}",))
    if schema.histories:
        yield f"# another tool migrates it ({_listed(schema.histories)}): leave `migrations` out, or write its"
        yield "# migrations anew and take it over with `balados-db adopt`"


# ── positions, projectors, subscribers ───────────────────────────────────────────────────────────────────


def _checkpoints(found: FoundCheckpoints) -> Iterator[str]:
    """Checkpoint tables that do not lie where the layout has them are spelled out."""
    if found.layout:
        yield f"# It has the name and the columns of a checkpoint table of the layout {found.layout}."
    else:
        yield "# TODO: a guess from its name and its columns. Take it out if it does not say how far projectors are."
    yield "[[checkpoints]]"
    yield f"table = {quoted(f'{found.schema}.{found.known.table}')}"
    yield f"projector = {quoted(found.known.projector)}"
    if found.known.position:
        yield f"position = {quoted(found.known.position)}"
    yield ""


def _doubtful(found: FoundCheckpoints) -> Iterator[str]:
    yield f"# {key(found.schema)}.{key(found.known.table)} looks as if it held positions, but no name in it is known."
    yield f"# If it does: [[checkpoints]] with its table, projector = {quoted(found.known.projector)}."
    yield ""


def _projectors(inferred: Inferred) -> Iterator[str]:
    if not inferred.projectors:
        return
    yield "# Projectors, by the names in the checkpoint tables. Which tables each one fills is a guess: read all of it."
    for name in inferred.projectors:
        guesses = [g for g in inferred.guesses if g.key == f"projectors.{name}.tables"]
        yield f"[projectors.{key(name)}]"
        yield from _tables(guesses)
        yield ""


def _tables(guesses: list[Guess]) -> Iterator[str]:
    if not any(guess.value for guess in guesses):
        yield '# tables = ["SCHEMA.TABLE"]  # TODO: no table is called after it; [] where it fills none here'
        return
    yield "tables = ["
    for guess in guesses:
        yield f"  {quoted(guess.value)},  # {guess.confidence.value}: {guess.reason}"
    yield "]"


def _subscriptions(inferred: Inferred) -> Iterator[str]:
    if inferred.subscriptions:
        yield "# Subscribers that are not known to be projectors. Whether one sends e-mail when it sees an event again"
        yield "# cannot be read from the database, so each is kept from replaying: a guess on the safe side."
    for name in inferred.subscriptions:
        yield f"[subscriptions.{key(name)}]"
        yield 'replay = "never"'
        yield ""


def _listed(names: tuple[str, ...]) -> str:
    """Names for a comment, where an odd one must not end the line."""
    shown = ", ".join(key(name) for name in names[:LISTED])
    rest = len(names) - LISTED
    return (f"{shown} and {rest} more" if rest > 0 else shown) or "none"
