"""Name what else a refusal is about: positions, processes, what the server said, what changed; each with its cure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from balados_db.errors import ProjectorWithoutPosition
from balados_db.model import (
    CheckpointState,
    CheckpointTable,
    Journal,
    LiveProjector,
    Manifest,
    Projector,
    Sql,
    TableName,
)
from balados_db.planning import cures
from balados_db.planning.steps import listed
from balados_db.toml_text import key

# ── positions ────────────────────────────────────────────────────────────────────────────────────────────


def of_position(name: str, found: Sequence[tuple[CheckpointTable, CheckpointState]]) -> dict[str, Any]:
    """A name that has a position and no declaration: the two that it may get, or the end of a leftover."""
    cure = (
        "if its tables are rebuilt from events, declare it in the manifest:\n"
        f'[projectors.{key(name)}]\ntables = ["SCHEMA.TABLE"]\n'
        "if it fills no tables and its position is to stay:\n"
        f'[subscriptions.{key(name)}]\nreplay = "never"\n'
        f"if it is a leftover: {'; '.join(_forgetting(name, checkpoint) for checkpoint, _ in found)}"
    )
    positions = ", ".join(f"{row.table} ({row.position})" for _, row in found)
    return cures.in_the_way("position", name, f"has a position in {positions}", cure, found[0][1].table.schema)


def of_unclaimed(table: TableName) -> dict[str, Any]:
    """A table of positions, where each projector has its own, that nobody says is a projector's."""
    cure = (
        "say in the manifest which projector's it is:\n"
        f'[[checkpoints]]\ntable = {key(str(table))}\nfor = "PROJECTOR"\n'
        f"if nobody writes to it any more: drop table {cures.quoted(*table)}"
    )
    return cures.of_table(*table, "holds positions of a projector that nobody declared", cure)


def _forgetting(name: str, checkpoint: CheckpointTable) -> str:
    table, whose = cures.quoted(*checkpoint.table), checkpoint.projector
    column = whose.text if isinstance(whose, Sql) else cures.quoted(whose)
    kept = f" and ({checkpoint.keep}) is not true" if checkpoint.keep else ""
    return f"delete from {table} where {column} = {cures.literal(name)}{kept}"


def unplaced(projector: Projector, strangers: Sequence[str], manifest: Manifest) -> ProjectorWithoutPosition:
    """A projector whose rows would go while its position, wherever that is, would stay."""
    name, places = projector.name, tuple(c.table for c in manifest.checkpoints)
    near = get_close_matches(name, strangers, n=1, cutoff=0.4)
    cure = f"name it as {listed(places)} does" if places else "declare where its position is kept, as [[checkpoints]]"
    if near:
        cure = f"{cure}: did you mean [projectors.{key(near[0])}]?"
    cure = f"{cure}; if nobody keeps one, empty its tables yourself"
    objects = [cures.in_the_way("projector", name, "has rows, and no position in any declared table", cure)]
    return ProjectorWithoutPosition(projector=name, objects=objects, hint=cure)


# ── who is in the way ────────────────────────────────────────────────────────────────────────────────────


def said_live(projector: LiveProjector) -> str:
    """A running projector in a sentence."""
    said = f", {projector.application}" if projector.application not in ("", projector.name) else ""
    if not projector.pid:
        return f"{projector.name} (claimed by {projector.application or 'somebody'})"
    return f"{projector.name} (process {projector.pid}, user {projector.user}{said})"


def of_live(projector: LiveProjector) -> dict[str, Any]:
    """A running projector: its memory would survive, so it is stopped, not merely disconnected."""
    return cures.in_the_way(
        "process",
        str(projector.pid or projector.application),
        f"runs {projector.name}" + (f" for user {projector.user}" if projector.user else ""),
        f"stop {_application(projector.application)}, then start it again afterwards"
        " (a connection that is cut comes back with its old position)",
        **vars(projector),
    )


def of_blocker(
    table: str, schema: str, pid: int | None, user: str, application: str, state: str, gid: str | None
) -> dict[str, Any]:
    """Who holds a lock on a table that is wanted."""
    if pid is None:
        name = cures.literal(gid or "?")
        cure = f"decide about it, in this database: commit prepared {name}, or rollback prepared {name}"
        return cures.in_the_way("prepared transaction", gid or "?", f"holds a lock on {table}", cure, schema, gid=gid)
    doing = f", which is {state}" if state else ""
    return cures.in_the_way(
        "process",
        str(pid),
        f"holds a lock on {table} (user {user}, {_application(application)}{doing})",
        f"let {_application(application)} end its transaction, or: select pg_terminate_backend({pid})",
        schema,
        pid=pid,
        user=user,
        application=application,
    )


def _application(name: str) -> str:
    return f"the application {name!r}" if name else "the application (it gives itself no name)"


def of_holder(pid: int, user: str, application: str, client: str) -> dict[str, Any]:
    """Another run on the same database."""
    reason = f"works on this database (user {user}, {application}, from {client})"
    return cures.in_the_way("process", str(pid), reason, "wait for it to end", pid=pid, user=user)


def of_unreturned(said: str, role: str) -> dict[str, Any]:
    """A right that nobody had said would be lost: `object: right`, in the words of the preview."""
    identity, _, right = said.partition(": ")
    word, _, name = right.partition(" ")
    whom = cures.quoted(role) if role else "the role that you connect as"
    cure = f"connect as a role that may give it, or write it into the migrations ({right})"
    if word == "owner":
        cure = f"grant {cures.quoted(name)} to {whom}, and let {cures.quoted(name)} create in the schema"
    if word == "membership":
        cure = "connect as the publication's owner, or take the table out of it until the reset is done"
    return cures.in_the_way("right", identity, f"{right} cannot be given back", cure)


def of_unfinished(schema: str, journal: Journal) -> dict[str, Any]:
    """A schema that an interrupted reset left neither old nor new."""
    return cures.in_the_way("schema", schema, "is neither as it was nor as it is to be", journal.resume, schema)


# ── what the server itself said ──────────────────────────────────────────────────────────────────────────


def of_denied(said: str, role: str) -> dict[str, Any]:
    """What this role may not touch, by the server's own sentence."""
    whom = cures.quoted(role) if role else "the role that you connect as"
    denied = re.match(r"permission denied for (\w+(?: \w+)*?) (\S+)$", said)
    if denied:
        type_, name = denied.groups()
        cure = f"grant what is missing on {type_} {name} to {whom}, or connect as its owner"
        return cures.in_the_way(type_, name, said, cure)
    owned = re.match(r"must be owner of (\w+(?: \w+)*?) (\S+)$", said)
    if owned:
        type_, name = owned.groups()
        cure = f"connect as its owner, or: alter {type_} {name} owner to {whom}"
        return cures.in_the_way(type_, name, said, cure)
    hidden = re.search(r'row-level security policy for table "(.+)"$', said)
    if hidden:
        cure = f"connect as a superuser, or as one: alter role {whom} bypassrls"
        return cures.in_the_way("table", hidden[1], said, cure)
    return cures.in_the_way("role", role, said, "grant it what is missing, or connect as the owner")


def of_guard(context: str, said: str, hint: str = "") -> dict[str, Any]:
    """The function that refused, by the first line of where the server was; where it was in none, the server itself."""
    found = re.match(r"PL/\w+ function (.+\)) line", context)
    if hint and not context:
        return cures.in_the_way("server", "PostgreSQL", f"says: {said}", hint)
    cure = "it is somebody's guard: ask whoever made it, and disable its trigger for the reset if they agree"
    return cures.in_the_way("function", found[1] if found else "of the database's own", f"says: {said}", cure)


def of_reference(schema: str, table: str, constraint: str, said: str) -> dict[str, Any]:
    """The foreign key that holds on to a row."""
    name = cures.quoted(schema, table)
    cure = f"keep the plain column: alter table {name} drop constraint {cures.quoted(constraint)}"
    return cures.in_the_way("table", name, said, cure, schema)


def of_undropped(type_: str, identity: str, said: str) -> dict[str, Any]:
    """What could not be dropped, with what the server says of it."""
    first = said.splitlines()[0] if said else "it stays"
    return cures.in_the_way(type_, identity, first, "drop or move what depends on it, then run it again")


def of_difference(kind: str, name: str) -> dict[str, Any]:
    """A difference between what is there and what the migrations make."""
    reasons = {
        "extra": ("is there, and no migration makes it", "write it into a migration, or drop it"),
        "missing": ("is not there, and a migration makes it", "make it as the migration does"),
        "other": ("is there, but not as the migrations make it", "change it, or write that into a migration"),
    }
    reason, cure = reasons.get(kind, reasons["other"])
    return cures.in_the_way("difference", name, reason, f"{cure}; or accept it by its name, with --accept")


# ── what the reset itself ran into ───────────────────────────────────────────────────────────────────────


def of_broken(said: str) -> dict[str, Any]:
    """A kept thing that changed, `kind: identity`: what to look for, since nothing was to touch it."""
    kind, _, identity = said.partition(": ")
    type_, reason, cure = _BROKEN.get(kind, _BROKEN["changed"])
    return cures.in_the_way(type_, identity.removeprefix(WRITTEN) or said, reason, cure)


WRITTEN = "rows written by this transaction in "  # what the fingerprint calls them
_BROKEN = {
    "written": (
        "table",
        "the reset wrote to it, though it is kept",
        "a trigger, a rule or a foreign key (on delete cascade) of an emptied table or of a table of positions, or an "
        "event trigger, writes there: drop or disable it",
    ),
    "gained": (
        "object",
        "it would be new on a table that is kept",
        "a migration of the scope adds it: write that into the migrations of the schema that it belongs to",
    ),
    "lost": (
        "object",
        "it would be gone, though it is kept",
        "a migration or a trigger of the scope drops it: take that out of there",
    ),
    "changed": (
        "object",
        "it would be different, though it is kept",
        "a migration or a trigger of the scope changes it: take that out of there",
    ),
    "not empty": (
        "table",
        "it holds rows after it was emptied",
        "a trigger fills it again: drop or disable it",
    ),
    "not forgotten": (
        "position",
        "it is there after it was forgotten",
        "a trigger or a rule on the table of positions keeps it, or the manifest's own `forget` leaves it: mend that",
    ),
}
