"""Read migration files: yoyo's names, directives and order, without yoyo's traps.

Yoyo ignores a missing directory, a misspelt directive and a directive after the first SQL; here each is a mistake.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from balados_db.errors import InstallSqlUnreadable, MigrationInvalid, MigrationsMissing, MigrationsUnreadable
from balados_db.manifest.place import ROLLBACK, is_migration
from balados_db.model import Manifest, Migration

_DIRECTIVE = re.compile(r"^\s*--\s*(?P<name>depends|transactional)\s*:\s*(?P<value>.*?)\s*$", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*(--.*)?$")
_KEY = re.compile(r"^\s*--\s*(?P<word>\w+)\s*:")
DIRECTIVES = ("depends", "transactional")


def read_all(manifest: Manifest) -> dict[str, tuple[Migration, ...]]:
    """Read the migrations of every declared schema that has any, in the order in which they apply."""
    return {s.name: read_migrations(s.name, s.migrations) for s in manifest.schemas if s.migrations}


def read_migrations(schema: str, directory: Path) -> tuple[Migration, ...]:
    """Read one directory, dependencies first, else by name.

    Raises MigrationsMissing for a missing directory, MigrationInvalid for a file that cannot be right.
    """
    survey = survey_migrations(schema, directory)
    if survey.mistakes:
        raise survey.mistakes[0]
    return survey.migrations


@dataclass(frozen=True, kw_only=True)
class Survey:
    """One directory, with everything that is wrong with it; the order is by name where it cannot be told."""

    migrations: tuple[Migration, ...]
    mistakes: tuple[MigrationInvalid, ...]


def survey_migrations(schema: str, directory: Path) -> Survey:
    """Read one directory to the end, whatever is wrong with it. Raises MigrationsMissing or MigrationsUnreadable."""
    found: dict[str, Migration] = {}
    mistakes: list[MigrationInvalid] = []
    there: set[str] = set()  # whatever may be depended on, readable or not
    for path in _listed(schema, directory):
        if not is_migration(path):
            continue
        if path.stem in there:
            problem = f"the id {path.stem!r} is used by another file as well"
            mistakes.append(invalid(path, problem, kind="id_twice"))
            continue
        there.add(path.stem)
        migration, wrong = _read(path)
        mistakes += wrong
        if migration:
            found[migration.id] = migration
    ordered, wrong = _ordered(found, there)
    return Survey(migrations=ordered, mistakes=(*mistakes, *wrong))


def _listed(schema: str, directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir(), key=lambda p: p.name)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise MigrationsMissing(schema=schema, directory=str(directory)) from exc
    except OSError as exc:
        raise MigrationsUnreadable(schema=schema, directory=str(directory), problem=exc.strerror or str(exc)) from exc


def invalid(path: Path, problem: str, line: int | None = None, *, kind: str) -> MigrationInvalid:
    """A mistake in a file: `file` says where in words, `path` and `line` as data, `kind` which mistake it is."""
    where = f"{path}:{line}" if line else str(path)
    return MigrationInvalid(file=where, problem=problem, path=str(path), line=line, kind=kind)


def normalised(text: bytes) -> str:
    """The content that counts: no byte-order mark, one kind of line end."""
    return text.decode("utf-8-sig").replace("\r\n", "\n")


def read_install(file: Path) -> str:
    """A file of install SQL, normalised. Raises InstallSqlUnreadable."""
    try:
        return normalised(file.read_bytes())
    except UnicodeDecodeError as exc:
        raise InstallSqlUnreadable(file=str(file), problem=f"it is not UTF-8 (byte {exc.start})") from exc
    except OSError as exc:
        raise InstallSqlUnreadable(file=str(file), problem=exc.strerror or str(exc)) from exc


def checksum(source: str) -> str:
    """`sha256:` and the hex digest of a normalised source."""
    return "sha256:" + hashlib.sha256(source.encode()).hexdigest()


def _read(path: Path) -> tuple[Migration | None, list[MigrationInvalid]]:
    """A migration, and what is wrong with it; none where the file cannot be read at all."""
    refused = _refused(path)
    if refused:
        return None, [refused]
    mistakes: list[MigrationInvalid] = []
    rollback = path.with_name(path.stem + ROLLBACK)
    try:
        source = _text(path)
        back = _text(rollback) if rollback.exists() else None
        read = _sql_directives if path.suffix == ".sql" else _py_directives
        depends, transactional = read(path, source, mistakes)
    except MigrationInvalid as exc:
        return None, [*mistakes, exc]
    migration = Migration(
        id=path.stem,
        path=path,
        source=source,
        checksum=checksum(source),
        hash=hashlib.sha256(path.stem.encode()).hexdigest(),  # yoyo's: of the name, not of the content
        depends=depends,
        transactional=transactional,
        rollback=rollback if back is not None else None,
        rollback_source=back,
    )
    return migration, mistakes


def _refused(path: Path) -> MigrationInvalid | None:
    if path.name.startswith("post-apply"):
        return invalid(path, "post-apply hooks are not run by balados-db; make it a migration", kind="post_apply")
    if path.suffix not in (".sql", ".py"):
        return invalid(path, f"write the ending as {path.suffix.lower()!r}, or yoyo ignores it", kind="ending_ignored")
    return None


def _text(path: Path) -> str:
    try:
        return normalised(path.read_bytes())
    except UnicodeDecodeError as exc:
        raise invalid(path, f"is not UTF-8 (byte {exc.start})", kind="migration_unreadable") from exc
    except OSError as exc:
        raise invalid(path, f"cannot be read: {exc.strerror}", kind="migration_unreadable") from exc


def _sql_directives(path: Path, source: str, mistakes: list[MigrationInvalid]) -> tuple[tuple[str, ...], bool]:
    depends: list[str] = []
    transactional = True
    head = True
    for number, line in enumerate(source.split("\n"), 1):
        head = head and bool(_COMMENT.match(line))
        match = _DIRECTIVE.match(line)
        problem = _directive_problem(match, line, head)
        if problem:
            mistakes.append(invalid(path, problem, number, kind="directive_wrong"))
        elif match and match["name"] == "depends":
            depends += match["value"].split()
        elif match:
            transactional = match["value"].lower() == "true"
    return tuple(depends), transactional


def _directive_problem(match: re.Match[str] | None, line: str, head: bool) -> str | None:
    """What is wrong with a line as a directive, though yoyo would say nothing."""
    if not match:
        return _misspelt(line) if head else None
    name, value = match["name"], match["value"]
    if not head:
        return "a directive counts only in the comment at the top of the file"
    if name not in DIRECTIVES:
        return f"write {name.lower()!r} in lower case, or yoyo ignores it"
    if name == "depends":
        return "dependencies are separated by blanks, not commas" if "," in value else None
    return None if value.lower() in ("true", "false") else f"transactional is true or false, not {value!r}"


def _misspelt(line: str) -> str | None:
    """`-- depend: 0001` is a comment to yoyo: the file would be applied as if nothing had been said."""
    key = _KEY.match(line)
    near = get_close_matches(key["word"].lower(), DIRECTIVES, n=1, cutoff=0.8) if key else []
    return f"{key['word']!r} is no directive; did you mean {near[0]!r}?" if key and near else None


def _py_directives(path: Path, source: str, mistakes: list[MigrationInvalid]) -> tuple[tuple[str, ...], bool]:
    """Read `__depends__` and `__transactional__` without running the file."""
    try:
        tree = ast.parse(source, str(path))
    except (SyntaxError, ValueError) as exc:
        line = getattr(exc, "lineno", None)
        problem = f"not valid Python: {getattr(exc, 'msg', exc)}"
        raise invalid(path, problem, line, kind="migration_unreadable") from exc
    depends = _literal(path, tree, "__depends__", ())
    transactional = _literal(path, tree, "__transactional__", True)
    names = (depends,) if isinstance(depends, str) else depends
    if not isinstance(names, set | frozenset | tuple | list) or not all(isinstance(name, str) for name in names):
        problem = f"__depends__ is a set of migrations' names, not {depends!r}"
        mistakes.append(invalid(path, problem, kind="directive_wrong"))
        names = ()
    return tuple(sorted(names)), bool(transactional)


def _literal(path: Path, tree: ast.Module, name: str, default: object) -> Any:
    """The value that a module gives to a name; the file is not run, so it must be written out."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            default = _written_out(path, name, node.value)
    return default


def _written_out(path: Path, name: str, value: ast.expr) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError) as exc:
        problem = f"{name} must be written out: the file is not run to read it"
        raise invalid(path, problem, value.lineno, kind="directive_wrong") from exc


def _ordered(found: dict[str, Migration], there: set[str]) -> tuple[tuple[Migration, ...], list[MigrationInvalid]]:
    """Dependencies first, else by name; and the dependencies that nothing can satisfy."""
    orphans = {m.id: [d for d in m.depends if d not in there] for m in found.values()}
    mistakes = [
        invalid(
            found[id_].path,
            f"depends on {', '.join(lacking)}, which this directory does not hold{_nearest(lacking[0], there)}",
            kind="depends_on_nothing",
        )
        for id_, lacking in orphans.items()
        if lacking
    ]
    sorter = TopologicalSorter({m.id: [d for d in m.depends if d in found] for m in found.values()})
    try:
        sorter.prepare()
    except CycleError as exc:
        circle = exc.args[1]
        problem = f"depends on itself: {' → '.join(circle)}"
        return tuple(found.values()), [*mistakes, invalid(found[circle[0]].path, problem, kind="depends_on_itself")]
    return tuple(_drain(sorter, found)), mistakes


def _nearest(word: str, there: set[str]) -> str:
    near = get_close_matches(word, sorted(there), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _drain(sorter: TopologicalSorter[str], found: dict[str, Migration]) -> list[Migration]:
    """Dependencies first; among those that are free, by name."""
    ordered: list[Migration] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()])
        ordered.append(found[ready[0]])
        sorter.done(ready.pop(0))
    return ordered
