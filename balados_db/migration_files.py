"""Read migration files: yoyo's names, directives and order, without yoyo's traps.

Yoyo ignores a missing directory, a misspelt directive and a directive after the first SQL; here each is a mistake.
"""

from __future__ import annotations

import ast
import hashlib
import re
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from balados_db.errors import MigrationInvalid, MigrationsMissing
from balados_db.model import Manifest, Migration

_ROLLBACK = ".rollback.sql"
_DIRECTIVE = re.compile(r"^\s*--\s*(?P<name>depends|transactional)\s*:\s*(?P<value>.*?)\s*$", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*(--.*)?$")
_KEY = re.compile(r"^\s*--\s*(?P<word>\w+)\s*:")
_DIRECTIVES = ("depends", "transactional")


def read_all(manifest: Manifest) -> dict[str, tuple[Migration, ...]]:
    """Read the migrations of every declared schema that has any, in the order in which they apply."""
    return {s.name: read_migrations(s.name, s.migrations) for s in manifest.schemas if s.migrations}


def read_migrations(schema: str, directory: Path) -> tuple[Migration, ...]:
    """Read one directory, dependencies first, else by name.

    Raises MigrationsMissing for a missing directory, MigrationInvalid for a file that cannot be right.
    """
    if not directory.is_dir():
        raise MigrationsMissing(schema=schema, directory=str(directory))
    found: dict[str, Migration] = {}
    for path in sorted(directory.iterdir(), key=lambda p: p.name):
        if path.suffix.lower() not in (".sql", ".py") or path.name.startswith("_") or path.name.endswith(_ROLLBACK):
            continue
        migration = _read(path)
        if migration.id in found:
            raise MigrationInvalid(file=str(path), problem=f"the id {migration.id!r} is used by another file as well")
        found[migration.id] = migration
    return _ordered(found)


def normalised(text: bytes) -> str:
    """The content that counts: no byte-order mark, one kind of line end."""
    return text.decode("utf-8-sig").replace("\r\n", "\n")


def checksum(source: str) -> str:
    """`sha256:` and the hex digest of a normalised source."""
    return "sha256:" + hashlib.sha256(source.encode()).hexdigest()


def _read(path: Path) -> Migration:
    if path.name.startswith("post-apply"):
        raise MigrationInvalid(
            file=str(path), problem="post-apply hooks are not run by balados-db; make it a migration"
        )
    if path.suffix not in (".sql", ".py"):
        raise MigrationInvalid(
            file=str(path), problem=f"write the ending as {path.suffix.lower()!r}, or yoyo ignores it"
        )
    source = _text(path)
    depends, transactional = _sql_directives(path, source) if path.suffix == ".sql" else _py_directives(path, source)
    rollback = path.with_name(path.stem + _ROLLBACK)
    return Migration(
        id=path.stem,
        path=path,
        source=source,
        checksum=checksum(source),
        hash=hashlib.sha256(path.stem.encode()).hexdigest(),  # yoyo's: of the name, not of the content
        depends=depends,
        transactional=transactional,
        rollback=rollback if rollback.exists() else None,
        rollback_source=_text(rollback) if rollback.exists() else None,
    )


def _text(path: Path) -> str:
    try:
        return normalised(path.read_bytes())
    except UnicodeDecodeError as exc:
        raise MigrationInvalid(file=str(path), problem=f"is not UTF-8 (byte {exc.start})") from exc
    except OSError as exc:
        raise MigrationInvalid(file=str(path), problem=f"cannot be read: {exc.strerror}") from exc


def _sql_directives(path: Path, source: str) -> tuple[tuple[str, ...], bool]:
    depends: list[str] = []
    transactional = True
    head = True
    for number, line in enumerate(source.split("\n"), 1):
        head = head and bool(_COMMENT.match(line))
        match = _DIRECTIVE.match(line)
        where = f"{path}:{number}"
        if not match:
            if head:
                _refuse_misspelt(line, where)
            continue
        if not head:
            raise MigrationInvalid(file=where, problem="a directive counts only in the comment at the top of the file")
        if match["name"] not in _DIRECTIVES:
            raise MigrationInvalid(
                file=where, problem=f"write {match['name'].lower()!r} in lower case, or yoyo ignores it"
            )
        if match["name"] == "depends":
            depends += _names(match["value"], where)
        else:
            transactional = _truth(match["value"], where)
    return tuple(depends), transactional


def _refuse_misspelt(line: str, where: str) -> None:
    """`-- depend: 0001` is a comment to yoyo: the file would be applied as if nothing had been said."""
    key = _KEY.match(line)
    near = get_close_matches(key["word"].lower(), _DIRECTIVES, n=1, cutoff=0.8) if key else []
    if key and near:
        raise MigrationInvalid(file=where, problem=f"{key['word']!r} is no directive; did you mean {near[0]!r}?")


def _names(value: str, where: str) -> list[str]:
    if "," in value:
        raise MigrationInvalid(file=where, problem="dependencies are separated by blanks, not commas")
    return value.split()


def _truth(value: str, where: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise MigrationInvalid(file=where, problem=f"transactional is true or false, not {value!r}")
    return value.lower() == "true"


def _py_directives(path: Path, source: str) -> tuple[tuple[str, ...], bool]:
    """Read `__depends__` and `__transactional__` without running the file."""
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError as exc:
        raise MigrationInvalid(file=f"{path}:{exc.lineno}", problem=f"not valid Python: {exc.msg}") from exc
    depends = _literal(path, tree, "__depends__", ())
    transactional = _literal(path, tree, "__transactional__", True)
    names = (depends,) if isinstance(depends, str) else depends
    if not isinstance(names, set | frozenset | tuple | list) or not all(isinstance(name, str) for name in names):
        raise MigrationInvalid(file=str(path), problem=f"__depends__ is a set of migrations' names, not {depends!r}")
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
        raise MigrationInvalid(
            file=f"{path}:{value.lineno}", problem=f"{name} must be written out: the file is not run to read it"
        ) from exc


def _ordered(found: dict[str, Migration]) -> tuple[Migration, ...]:
    for migration in found.values():
        unknown = [d for d in migration.depends if d not in found]
        if unknown:
            raise MigrationInvalid(
                file=str(migration.path), problem=f"depends on {', '.join(unknown)}, which this directory does not hold"
            )
    sorter = TopologicalSorter({m.id: m.depends for m in found.values()})
    try:
        sorter.prepare()
    except CycleError as exc:
        raise MigrationInvalid(
            file=str(found[exc.args[1][0]].path), problem=f"depends on itself: {' → '.join(exc.args[1])}"
        ) from exc
    return tuple(_drain(sorter, found))


def _drain(sorter: TopologicalSorter[str], found: dict[str, Migration]) -> list[Migration]:
    """Dependencies first; among those that are free, by name."""
    ordered: list[Migration] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()])
        ordered.append(found[ready[0]])
        sorter.done(ready.pop(0))
    return ordered
