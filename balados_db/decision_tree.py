"""The decision tree: which command do I need, which schema does my new table belong in. Pure data and names."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Union

from balados_db.model import Manifest, SchemaDeclaration, SchemaKind

PERMANENT, PROJECTION, STORE = SchemaKind.PERMANENT, SchemaKind.PROJECTION, SchemaKind.EVENT_STORE


@dataclass(frozen=True)
class Advice:
    """Where the tree ends: what to type or do, and why."""

    answer: str
    why: str


@dataclass(frozen=True)
class Choice:
    """One answer to a question, and where it leads."""

    label: str
    then: Union[Question, Advice]  # noqa: UP007  # neither class exists yet, so `|` cannot join them


@dataclass(frozen=True)
class Question:
    """A fork of the tree."""

    asks: str
    choices: tuple[Choice, ...]


def decision_tree(manifest: Manifest | None) -> Question:
    """The whole tree, with the manifest's names where there is one, else in the words of the kinds."""
    names = _Names(manifest)
    return _fork(
        "What do you want to know?",
        ("Which command do I need?", _command(names)),
        ("Which schema does my new table belong in?", _home(names)),
    )


def _fork(asks: str, *choices: tuple[str, Question | Advice]) -> Question:
    return Question(asks, tuple(Choice(label, then) for label, then in choices))


# ── which command ────────────────────────────────────────────────────────────────────────────────────────


def _command(names: _Names) -> Question:
    return _fork(
        "What do you want to do?",
        ("Set up: the database is missing or empty", _set_up(names)),
        ("Look: what is there, what is pending, how far projectors are", Advice("balados-db status", "It only reads.")),
        ("Change tables", _change(names)),
        ("Reset data", _reset(names)),
        ("Just test a feature", Advice("no command", "Do not reset: create test data instead.")),
    )


def _set_up(names: _Names) -> Question | Advice:
    everything = names.of(*SchemaKind)
    why = f"It creates the database, then {everything}; installs the event store and applies every migration."
    if names.manifest is not None:
        return Advice("balados-db up", why)
    return _fork(
        "Is there a manifest, a file balados-db.toml?",
        ("Yes, in another folder", Advice("balados-db --manifest FILE up", why)),
        ("No, but a database", Advice("balados-db manifest init --url URL", "It proposes one; each guess is marked.")),
        (
            "No, everything is new",
            Advice(
                "write balados-db.toml, then: balados-db up",
                "It says for each schema whether it is permanent, a projection or the event store.",
            ),
        ),
    )


def _change(names: _Names) -> Question:
    phrase = f"It destroys what that migration made, so it asks for a phrase. In {names.of(PROJECTION)} it is a reset."
    return _fork(
        "How far are you?",
        (
            "I want to write a migration",
            Advice("balados-db new NAME --schema S", "It writes the next file, and its rollback beside it."),
        ),
        (
            "It is written: apply it",
            Advice("balados-db migrate", "All pending ones or none. With --dry-run it only shows them."),
        ),
        ("It was wrong: take it back", Advice("balados-db rollback --schema S", phrase)),
        (
            "Something else made the tables (Ecto, Alembic, psql)",
            Advice("balados-db adopt", "It compares them with what the migrations would make, then notes those."),
        ),
    )


def _reset(names: _Names) -> Question:
    return _fork(
        "What is wrong, or what do you need?",
        ("Only projections: corrupted, outdated, or their code changed", _projections(names)),
        (
            "Fresh permanent data for testing: users, tokens",
            Advice(
                "balados-db reset --system",
                f"DANGER: the rows of {names.of(PERMANENT)} exist nowhere else. It keeps {names.of(PROJECTION, STORE)}."
                " Never in production.",
            ),
        ),
        (
            "The event store itself is in trouble (extreme)",
            Advice(
                "balados-db reset --events",
                "EXTREME DANGER: events are the source of truth and cannot be recovered. It keeps "
                f"{names.of(PERMANENT, PROJECTION)}; {names.of(PROJECTION)} become stale."
                " Almost never; never in production.",
            ),
        ),
        (
            "A complete fresh start (extreme)",
            Advice(
                "balados-db reset --all",
                f"EXTREME DANGER: the rows of {names.of(*SchemaKind)}, all of them. Never in production.",
            ),
        ),
    )


def _projections(names: _Names) -> Question:
    kept = f"It keeps {names.of(PERMANENT, STORE)}."
    return _fork(
        "How many of them?",
        (
            "All",
            Advice(
                "balados-db reset --projections",
                f"SAFE: {names.of(PROJECTION)} start empty, and projectors rebuild them from the events. {kept}",
            ),
        ),
        ("One schema", Advice(f"balados-db reset --schema {names.the_one(PROJECTION)}", f"SAFE. {kept}")),
        ("One projector", Advice("balados-db reset --projector P", f"SAFE: its own tables and positions. {kept}")),
    )


# ── which schema ─────────────────────────────────────────────────────────────────────────────────────────

_WHY = {
    PERMANENT: "It exists nowhere else; a reset of projections keeps it.",
    PROJECTION: "It is rebuilt from events: name it among its projector's `tables`, so that a reset replays it.",
}


def _home(names: _Names) -> Question:
    permanent = _among(names, PERMANENT)
    rebuilt = _fork("Can its rows be rebuilt from events?", ("No", permanent), ("Yes", _among(names, PROJECTION)))
    return _fork(
        "Is it about authentication or authorization: accounts, passwords, tokens?", ("Yes", permanent), ("No", rebuilt)
    )


def _among(names: _Names, kind: SchemaKind) -> Question | Advice:
    """The schema of this kind; a question where there are several."""
    declared = names.declared(kind)
    if names.manifest is None:
        return Advice(f'a schema with kind = "{kind.value}"', _WHY[kind])
    if not declared:
        return Advice(f'a new one: [schemas.NAME] kind = "{kind.value}"', f"{_WHY[kind]} None is declared yet.")
    if len(declared) == 1:
        return _into(declared[0])
    return _fork("Whose data is it, and who may read it?", *((_described(s), _into(s)) for s in declared))


def _into(schema: SchemaDeclaration) -> Advice:
    return Advice(f"balados-db new NAME --schema {shlex.quote(schema.name)}", _WHY[schema.kind])


def _described(schema: SchemaDeclaration) -> str:
    return f"{schema.name}: {schema.holds}" if schema.holds else schema.name


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────

_IN_WORDS = {PERMANENT: "permanent schemas", PROJECTION: "projections", STORE: "the event store"}


class _Names:
    """The manifest's schemas by kind; without one, or without any of a kind, the kind's own words."""

    def __init__(self, manifest: Manifest | None) -> None:
        self.manifest = manifest

    def declared(self, kind: SchemaKind) -> tuple[SchemaDeclaration, ...]:
        return self.manifest.of_kind(kind) if self.manifest else ()

    def of(self, *kinds: SchemaKind) -> str:
        """Schemas of these kinds as a part of a sentence: `a, b and c`."""
        names = [name for kind in kinds for name in self._each(kind)]
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))

    def the_one(self, kind: SchemaKind) -> str:
        """The name to type where only one can be meant, else S."""
        declared = self.declared(kind)
        return shlex.quote(declared[0].name) if len(declared) == 1 else "S"

    def _each(self, kind: SchemaKind) -> tuple[str, ...]:
        return tuple(schema.name for schema in self.declared(kind)) or (_IN_WORDS[kind],)
