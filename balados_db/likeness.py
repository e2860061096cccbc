"""What a name gives away: which projector fills which table, and what looks like a table of positions. Guesses, all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from balados_db.model import TableName

# Words of a projector's name that say what it is, not what it fills.
_ROLES = frozenset(
    ("projector", "projection", "handler", "listener", "subscriber", "consumer", "processor", "updater", "builder")
)
_PLURALS = (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("uses", "us"), ("ses", "se"))


class Strength(IntEnum):
    """How much a likeness tells; what is stronger wins."""

    REFERENCE = 1  # a foreign key to a table that is alike
    ENDS = 2  # episode_popularity, PopularityProjector
    BEGINS = 3  # playlist_items, PlaylistsProjector
    SAME = 4  # subscriptions, SubscriptionsProjector
    COMMENT = 5  # somebody wrote it down


@dataclass(frozen=True, kw_only=True)
class Filling:
    """A table, the projector that seems to fill it, and what that is guessed from."""

    table: TableName
    projector: str
    strength: Strength
    reason: str


def words_of(name: str) -> tuple[str, ...]:
    """The words of the last part of a name, singular and in lower case: `Sync.PlayStatusesProjector` → play, status."""
    last = re.split(r"[.:/\\]", name)[-1] or name
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", last)
    words = (_singular(word.lower()) for word in re.split(r"[\W_]+", split) if word)
    return tuple(word for word in words if word not in _ROLES and not re.fullmatch(r"v?[0-9]+", word))


def _singular(word: str) -> str:
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    for plural, singular in _PLURALS:
        if word.endswith(plural):
            return word[: -len(plural)] + singular
    return word.removesuffix("s")


def alike(projector: str, table: str) -> Strength | None:
    """How a table's name is like a projector's, if it is."""
    own, its = words_of(projector), words_of(table)
    if not own or not its:
        return None
    if own == its:
        return Strength.SAME
    if its[: len(own)] == own:
        return Strength.BEGINS
    return Strength.ENDS if its[-len(own) :] == own else None


_SAID = {
    Strength.SAME: "its name is the projector's",
    Strength.BEGINS: "its name begins as the projector's",
    Strength.ENDS: "its name ends as the projector's",
}


def fillings(
    projectors: Iterable[str],
    tables: Iterable[TableName],
    comments: Mapping[TableName, str],
    references: Iterable[tuple[TableName, TableName]],
) -> dict[TableName, Filling]:
    """Give each table the one projector that it is most like. Where two are equally like it, nobody can tell: none."""
    known, all_tables = tuple(projectors), tuple(tables)
    found: dict[TableName, Filling] = {}
    for table in all_tables:
        best = _best(known, table, comments.get(table, ""))
        if best:
            found[table] = best
    # What belongs to a table that is alike, and to no other, is filled with it.
    for table in all_tables:
        to = {
            t for source, t in references if source == table and t != table and t in found and t.schema == table.schema
        }
        by = {found[t].projector for t in to}
        if table not in found and len(by) == 1:
            reason = f"it references {min(to)}"
            found[table] = Filling(table=table, projector=by.pop(), strength=Strength.REFERENCE, reason=reason)
    return found


def _best(projectors: tuple[str, ...], table: TableName, comment: str) -> Filling | None:
    said = [p for p in projectors if re.search(rf"(?<!\w){re.escape(p)}(?!\w)", comment)]
    if len(said) == 1:
        return Filling(
            table=table, projector=said[0], strength=Strength.COMMENT, reason="its comment names the projector"
        )
    ranked = sorted(((s, len(words_of(p)), p) for p in projectors if (s := alike(p, table.name))), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][:2] == ranked[1][:2]):
        return None
    strength, _, projector = ranked[0]
    return Filling(table=table, projector=projector, strength=strength, reason=_SAID[strength])


# ── tables of positions ──────────────────────────────────────────────────────────────────────────────────

_NAMES = re.compile(
    r"^((projection|projector|subscription|subscriber|consumer|consumer_group|handler|processor|process|listener|reader|"
    r"tracker|tracking|checkpoint|application|stream|model|read_model)_?(name|id)?|name|id)$",
    re.IGNORECASE,
)
_POSITIONS = re.compile(
    r"^(global_|stream_|event_|last_|current_|processed_|seen_|acked_|handled_|commit_|log_|message_)*"
    r"(position|checkpoint|offset|sequence|sequence_number|sequence_id|seq|seq_id|seen|event_number|event_id|notification_id|number|version|"
    r"token|cursor|bookmark|lsn|ack)$",
    re.IGNORECASE,
)
TABLES = re.compile(
    r"checkpoint|position|offset|bookmark|projection|projector|subscription|progress|progression|cursor|tracking|consumer|"
    r"watermark|token_?entry|processor|read_model",
    re.IGNORECASE,
)
_TEXT = ("text", "character varying", "varchar", "name", "citext", "character")
_NUMBERS = ("bigint", "integer", "numeric", "smallint")
MOST_COLUMNS = 12  # a table of positions holds little else


@dataclass(frozen=True, kw_only=True)
class Places:
    """What looks like a table of positions: the column with the projector's name, the one with its position."""

    projector: str
    position: str


def places(table: str, columns: Mapping[str, str], unique: Iterable[tuple[str, ...]]) -> Places | None:
    """Look at a table's name, its columns with their types, and its unique keys: at most one row a name."""
    if not TABLES.search(table) or len(columns) > MOST_COLUMNS:
        return None
    keys = [key for key in unique if len(key) <= 3]
    names = [c for c, type_ in columns.items() if _NAMES.match(c) and type_.split("(")[0] in _TEXT]
    names = [c for c in names if any(c in key for key in keys)]
    positions = [
        c for c, type_ in columns.items() if _POSITIONS.match(c) and type_.split("(")[0] in (*_NUMBERS, *_TEXT)
    ]
    positions = [c for c in positions if c not in names]
    if not names or not positions:
        return None
    # A column that is called after projectors is meant before one that is just called a name; a number before a word.
    name = min(names, key=lambda c: (c.lower() in ("name", "id", "stream_name", "stream_id"), list(columns).index(c)))
    position = min(positions, key=lambda c: (columns[c] not in _NUMBERS, list(columns).index(c)))
    return Places(projector=name, position=position)
