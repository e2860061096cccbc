"""Look migrations over without a database: what every command would accept, but nobody can have meant."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import pairwise

from balados_db.finding import Finding, error, note, warning
from balados_db.migration_files import DIRECTIVES
from balados_db.model import Files, Manifest, Migration, SchemaKind
from balados_db.sql_text import code_of, is_empty, statements

Twins = Mapping[str, tuple[str, ...]]


def findings(
    schema: str, migrations: tuple[Migration, ...], new: list[Migration], manifest: Manifest, twins: Twins
) -> Iterator[Finding]:
    """Say what is suspicious about one schema's `new` migrations, beside all of them.

    `twins`: of a migration's id, those of the same number beside which somebody accepted it.
    """
    yield from _alike(schema, migrations)
    for same in of_one_number(migrations):
        yield from _same_number(schema, same, new, twins)
    yield from _by_text(schema, migrations, new)
    yield from _backwards(migrations, new)
    for migration in new:
        for look in _LOOKS:
            for finding in look(migration, schema, manifest):
                yield replace(finding, file=finding.file or str(migration.path))


# ── names: ids and numbers ───────────────────────────────────────────────────────────────────────────────


def of_one_number(migrations: Iterable[Migration]) -> list[list[Migration]]:
    """Those that begin with the same number, where there are several."""
    numbers: dict[int, list[Migration]] = defaultdict(list)
    for migration in migrations:
        if (number := number_of(migration.id)) is not None:
            numbers[int(number)].append(migration)
    return [same for same in numbers.values() if len(same) > 1]


def clashing(migration: Migration, same: list[Migration], twins: Twins) -> tuple[str, ...]:
    """Those of the same number beside which nobody has accepted it yet."""
    ids = (other.id for other in same if other is not migration)
    return tuple(i for i in ids if i not in twins.get(migration.id, ()) and migration.id not in twins.get(i, ()))


def number_of(id_: str) -> str | None:
    """The number that an id begins with."""
    match = re.match(r"[0-9]+", id_)
    return match[0] if match else None


def _alike(schema: str, migrations: tuple[Migration, ...]) -> Iterator[Finding]:
    """Names that differ by case alone: one file on macOS and Windows, two on Linux."""
    first: dict[str, str] = {}
    for migration in sorted(migrations, key=lambda m: m.id):
        twin = first.setdefault(migration.id.casefold(), migration.id)
        if twin != migration.id:
            said = f"{migration.id} and {twin} differ by case alone: on some systems they are one file"
            yield error("id_differs_by_case", schema, said, "give one of them another name", file=str(migration.path))


def _same_number(schema: str, same: list[Migration], new: list[Migration], twins: Twins) -> Iterator[Finding]:
    """Told of new ones. Where all are written down, of each: a merge that kept both lines has shown them to nobody."""
    told = [m for m in same if m in new] or same
    for migration in told:
        if others := clashing(migration, same, twins):
            said = f"{migration.id} has the same number as {', '.join(others)}: did two branches both add the next one?"
            cure = "give the one that is applied nowhere yet the next free number, and let it depend on the other;"
            cure += f" if all stay: check --write-lock --accept {schema}/{migration.id}"
            yield error("number_twice", schema, said, cure, file=str(migration.path))


def _by_text(schema: str, migrations: tuple[Migration, ...], new: list[Migration]) -> Iterator[Finding]:
    """`10_b` is before `9_a`: order is by text, and numbers of different width do not sort as numbers."""
    numbered = sorted((m for m in migrations if number_of(m.id)), key=lambda m: m.id)
    for before, after in pairwise(numbered):
        late, early = number_of(before.id) or "", number_of(after.id) or ""
        if int(late) > int(early) and (before in new or after in new):
            at = before if before in new else after
            said = f"{before.id} comes before {after.id}: names are compared as text, not as numbers"
            cure = f"write numbers equally wide, as in {early.zfill(max(4, len(late)))}"
            yield warning("number_width", schema, said, cure, file=str(at.path))


def _backwards(migrations: tuple[Migration, ...], new: list[Migration]) -> Iterator[Finding]:
    for migration in new:
        later = [d for d in migration.depends if d > migration.id]
        if later:
            said = f"{migration.id} depends on {later[0]}, whose name comes after it: it is applied later than it reads"
            cure = f"number it after {later[0]}"
            yield warning("depends_forward", migration.id, said, cure, file=str(migration.path))


def across(files: Files) -> Iterator[Finding]:
    """Ids that two schemas share. Each has a history of its own, but a plain yoyo that reads both mixes them up."""
    seen: dict[str, tuple[str, Migration]] = {}
    shared: set[tuple[str, str]] = set()
    for schema, migrations in files.items():
        for migration in migrations:
            other, twin = seen.setdefault(migration.id.casefold(), (schema, migration))
            if other == schema:
                continue
            if twin.path == migration.path:
                shared.add((other, schema))
                continue
            said = f"{schema}/{migration.id} has the id of {other}/{twin.id}: a plain yoyo reads only one of the two"
            yield note("id_in_two_schemas", migration.id, said, "no harm to balados-db", file=str(migration.path))
    for other, schema in sorted(shared):
        said = f"schemas {other} and {schema} name the same migrations: each gets all of them"
        yield warning("migrations_shared", schema, said, "give each schema a directory of its own")


# ── directives that are none ─────────────────────────────────────────────────────────────────────────────

_SYNONYMS = {
    **dict.fromkeys(("requires", "require", "needs", "after", "dependencies", "dependency", "dependson"), "depends"),
    **dict.fromkeys(("transaction", "transactions", "notransaction", "notransactional", "autocommit"), "transactional"),
}
_SAID = re.compile(r"^\s*--\s*(?P<word>[A-Za-z][A-Za-z_-]*)\s*(?P<mark>[:=]?)\s*(?P<value>\S*)")
_DUNDER = re.compile(r"^__(?P<word>\w+?)__\s*(?::[^=]+)?=")


def _directives(migration: Migration, schema: str, manifest: Manifest) -> Iterator[Finding]:
    """Words that yoyo takes for a comment or a name, without telling anybody."""
    pattern = _SAID if migration.is_sql else _DUNDER
    for number, line in enumerate(migration.source.split("\n"), 1):
        match = pattern.match(line)
        meant = _meant(match) if match else None
        if match and meant and (not migration.is_sql or _is_head(migration.source, number)):
            right = f"-- {meant}: …" if migration.is_sql else f"__{meant}__ = …"
            said = f"{line.strip()[:60]!r} is ignored; did you mean `{right}`?"
            yield warning("directive_misspelt", schema, said, f"write `{right}`, or reword the comment", line=number)


def _meant(match: re.Match[str]) -> str | None:
    word = re.sub(r"[_-]", "", match["word"].lower())
    if match["word"] in DIRECTIVES and match.groupdict().get("mark") in (None, ":"):
        return None
    near = get_close_matches(word, DIRECTIVES, n=1, cutoff=0.8)
    meant = _SYNONYMS.get(word) or (near[0] if near else None)
    if "mark" not in match.groupdict() or match["mark"]:
        return meant
    if meant == "transactional":
        return meant if match["value"].lower() in ("true", "false", "on", "off", "no", "yes") else None
    return meant if meant and number_of(match["value"]) else None


def _is_head(source: str, number: int) -> bool:
    """Whether nothing but comments is above this line."""
    return all(re.match(r"^\s*(--.*)?$", line) for line in source.split("\n")[: number - 1])


# ── the way back ─────────────────────────────────────────────────────────────────────────────────────────


def _rollback(migration: Migration, schema: str, manifest: Manifest) -> Iterator[Finding]:
    if not migration.is_sql:
        return
    cure = f"write {migration.id}.rollback.sql; where nothing is to be taken back, `select 1;` says so"
    if migration.rollback is None:
        said = f"{migration.id} has no rollback file: `rollback` refuses it"
        yield warning("rollback_missing", schema, said, cure)
    elif is_empty(migration.rollback_source or "") and not is_empty(migration.source):
        said = f"{migration.rollback.name} holds no statement: yoyo calls the migration taken back, and it is all there"
        yield warning("rollback_empty", schema, said, cure, file=str(migration.rollback))


def _empty(migration: Migration, schema: str, manifest: Manifest) -> Iterator[Finding]:
    if migration.is_sql and is_empty(migration.source):
        said = f"{migration.id} holds no statement: applied as it is, its content never will be"
        yield warning("migration_empty", schema, said, "write it, or delete the file")


# ── what the statements say ──────────────────────────────────────────────────────────────────────────────

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$]*)'
_KINDS = r"(?:table|materialized\s+view|view|index|sequence|type|function|procedure|trigger|domain|schema)"
_DDL = re.compile(
    rf"^(?:create(?:\s+or\s+replace)?|alter|drop|truncate|comment\s+on)\s+(?:unique\s+|unlogged\s+)*(?:{_KINDS}\s+)?"
    rf"(?:concurrently\s+)?(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?(?P<schema>{_NAME})\s*\.\s*(?P<name>{_NAME})",
    re.IGNORECASE,
)
_ON = re.compile(
    rf"^(?:create|drop|alter)\s+(?:unique\s+)?(?:index|trigger|policy|rule)\b.*?\bon\s+(?:only\s+)?"
    rf"(?P<schema>{_NAME})\s*\.\s*(?P<name>{_NAME})",
    re.IGNORECASE | re.DOTALL,
)
_SCHEMA = re.compile(
    rf"^(?:create|alter|drop)\s+schema\s+(?:if\s+(?:not\s+)?exists\s+)?(?P<schema>{_NAME})", re.IGNORECASE
)
_REFERENCES = re.compile(rf"\breferences\s+(?:only\s+)?(?P<schema>{_NAME})\s*\.\s*(?P<name>{_NAME})", re.IGNORECASE)
_TRANSACTION = re.compile(r"^(?:begin|commit|rollback|savepoint|start\s+transaction)\b(?!\s+atomic)", re.IGNORECASE)


def _statements(migration: Migration, schema: str, manifest: Manifest) -> Iterator[Finding]:
    if not migration.is_sql:
        return
    for line, statement in statements(code_of(migration.source)):
        yield from _elsewhere(statement, schema, line)
        yield from _leans(statement, schema, manifest, line)
        if migration.transactional and _TRANSACTION.match(statement):
            said = f"{statement.split()[0].upper()}: a migration runs inside a transaction, and the server refuses this"
            yield error("transaction_command", schema, said, "take it out: the run is one transaction", line=line)


def _elsewhere(statement: str, schema: str, line: int) -> Iterator[Finding]:
    match = _DDL.match(statement) or _SCHEMA.match(statement) or _ON.match(statement)
    named = _folded(match["schema"]) if match else schema
    if match and named != schema:
        said = f"a migration of {schema} changes something in {named}: {' '.join(match[0].split())}"
        cure = f"put it among the migrations of {named}, unless it is meant"
        yield note("ddl_elsewhere", schema, said, cure, line=line)


def _leans(statement: str, schema: str, manifest: Manifest, line: int) -> Iterator[Finding]:
    """A kept table that references a projection stands in the way of every reset."""
    own = manifest.schema(schema)
    projections = {s.name for s in manifest.of_kind(SchemaKind.PROJECTION)}
    for match in _REFERENCES.finditer(statement):
        named = _folded(match["schema"])
        if own and own.kind is SchemaKind.PERMANENT and named in projections:
            said = f"permanent {schema} references the projection {named}.{_folded(match['name'])}: resets are refused"
            cure = "keep the identifier without a foreign key: a projection is made anew"
            at = line + statement.count("\n", 0, match.start())
            yield note("leans_on_projection", schema, said, cure, line=at)


def _folded(name: str) -> str:
    """A name as PostgreSQL holds it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


_Look = Callable[[Migration, str, Manifest], Iterator[Finding]]
_LOOKS: tuple[_Look, ...] = (_directives, _empty, _rollback, _statements)
