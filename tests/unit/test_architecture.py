"""The rooms of the package: who may import whom, and that a new part is never added halfway."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from string import Formatter
from typing import Any, get_origin, get_type_hints

import click
import msgspec
import pytest
import tomli

import balados_db
from balados_db.answers.table import ANSWERS
from balados_db.cli.main import COMMANDS, REFUSED, cli
from balados_db.cli.plan import Planning
from balados_db.errors import BaladosDbError
from balados_db.execution.handlers import HANDLERS
from balados_db.exits import ExitStatus
from balados_db.finding_codes import FINDING_CODES
from balados_db.manifest.sections import PresetSection
from balados_db.manifest.store import PRESETS
from balados_db.model import TableName
from balados_db.planning.steps import ALL_STEPS, Step
from balados_db.postgres.queries import blocks
from tests.conftest import ROOT

PACKAGE = Path(balados_db.__file__).parent

# ── the table of rooms ───────────────────────────────────────────────────────────────────────────────────

WORDS = """
errors exits finding finding_codes model manifest manifest_lines manifest_mistakes
manifest_check manifest_proposal migration_files migration_check lock_file checkup squawk sql_text toml_text likeness
guess visible discovery manifest_writing migration_folders reference decision_tree example
canonical plan_file
redaction
"""
ROOM_OF = dict.fromkeys(WORDS.split(), "words")

# Each room and the rooms that it may import; a room may always import itself.
MAY_IMPORT = {
    "words": "",
    "planning": "words",
    "answers": "words planning",  # they say what planners found
    "report": "words planning answers",  # a report carries its plan
    "embedded": "words",
    "postgres": "words planning",
    "execution": "words planning answers report postgres",
    "library": "words planning answers report postgres execution",
    "rendering": "words planning answers report",
    "demo": "words answers embedded postgres",  # it plays the application, and runs the command as a subprocess
    "testing": "words planning answers report embedded postgres execution",
    "cli": "words planning answers report embedded postgres execution rendering demo",
    "": "",  # balados_db itself: its names are loaded when they are first used
    "__main__": "cli",
}

# Third parties, and the places that may import them when they run.
HOMES = {
    "click": "cli/",
    "questionary": "cli/",
    "prompt_toolkit": "cli/",
    "yoyo": "postgres/yoyo_backend.py",
    "sqlparse": "postgres/migrations.py",
    "rich": "rendering/ demo/",
    "psycopg": "postgres/ execution/ library/ demo/ testing/",
    "msgspec": "manifest/ manifest_proposal.py plan_file.py rendering/envelope.py rendering/schemas.py",
    "tomli": "toml_text.py",
    "pytest": "testing/",
    "testcontainers": "testing/",
    "docker": "testing/",
}
INNERMOST = {"exits": "", "finding": "", "model": "model", "errors": "exits errors"}
ONE_WAY_IN = ("errors", "model")

# Constants that spell one of the example's schemas and mean something else.
NOT_A_SCHEMA = {
    "model/kinds.py": "system events",  # scopes
    "model/schemas.py": "events",  # the role of a relation
    "cli/reset.py": "system events",  # scopes, as flags
    "cli/migrate.py": "system events",  # scopes, as flags
    "cli/manifest.py": "events",  # a key of the answer: the names of a projector's events
    "demo/story.py": "events",  # a key of the answer: how many there were
    "execution/planners.py": "public",  # is there in every database that is made
    "postgres/rights.py": "public",  # PUBLIC, the role of everybody
}

SQL = re.compile(
    r"\b(select\s.+\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|drop\s+(table|schema)|create\s+(table|schema)"
    r"|alter\s+table|truncate\s)",
    re.IGNORECASE | re.DOTALL,
)


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the package, parsed, by its path."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def part(module: str) -> str:
    """The file or folder below the package that a module is in, `postgres.catalog` or `postgres/catalog.py`."""
    return module.removesuffix(".py").replace("/", ".").removesuffix("__init__").strip(".").partition(".")[0]


def room(module: str) -> str:
    """The room of a module."""
    return ROOM_OF.get(part(module), part(module))


def running(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads."""
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    return (node for node in ast.walk(tree) if id(node) not in typing)


def imports(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported when the module runs, at its top or inside a function."""
    for node in running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "balados_db":
            yield from (f"balados_db.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def own(tree: ast.Module) -> set[str]:
    """Modules of ours, without the package's name."""
    return {name.partition(".")[2] for name in imports(tree) if name.partition(".")[0] == "balados_db"}


def strings(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every string but docstrings; of an f-string its own words."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node, "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node, node.value


@cache
def calls(path: str) -> dict[str, list[ast.Call]]:
    """Every call in a module by the function's name, bare or as an attribute."""
    found: dict[str, list[ast.Call]] = defaultdict(list)
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Call):
            found[getattr(node.func, "id", "") or getattr(node.func, "attr", "")].append(node)
    return found


every_module = pytest.mark.parametrize("path", trees())


# ── imports ──────────────────────────────────────────────────────────────────────────────────────────────


@every_module
def test_imports_point_downward_only(path: str) -> None:
    """words ← planning ← postgres ← execution ← rendering, cli: each module imports its own room and lower ones."""
    here = room(path)
    allowed = {here, *MAY_IMPORT[here].split()}

    assert {name for name in own(trees()[path]) if room(name) not in allowed and room(name) != ""} == set()


@pytest.mark.parametrize("name", INNERMOST)
def test_the_innermost_words_stand_alone(name: str) -> None:
    """Facts, statuses and errors can be read without anything else."""
    inside = [tree for path, tree in trees().items() if part(path) == name]

    assert inside
    assert {part(module) for tree in inside for module in own(tree)} <= set(INNERMOST[name].split())


@every_module
def test_a_folder_of_words_has_one_way_in(path: str) -> None:
    """Which file of it a name stands in is nobody else's concern."""
    inner = {name for name in own(trees()[path]) for folder in ONE_WAY_IN if name.startswith(f"{folder}.")}

    assert {name for name in inner if part(name) != part(path)} == set()


@every_module
def test_third_parties_stay_in_their_rooms(path: str) -> None:
    """Each library has a home; planning has none, and a new one is added here on purpose."""
    foreign = {name.partition(".")[0] for name in imports(trees()[path])} - {"balados_db", "__future__"}
    third = foreign - set(sys.stdlib_module_names)

    assert {name for name in third if not any(path.startswith(home) for home in HOMES.get(name, "").split())} == set()


def test_every_dependency_is_imported_somewhere() -> None:
    """Nobody installs what the package does not use."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[\[<>=]", text)[0].removesuffix("-migrations") for text in project["dependencies"]}
    used = {name.partition(".")[0] for tree in trees().values() for name in imports(tree)}

    assert declared - used == set()


HEAVY = ("psycopg", "yoyo", "questionary", "prompt_toolkit", "rich", "msgspec", "tomli", "sqlparse")
CHEAP = {
    "import balados_db": "import balados_db",
    "the pytest plugin": "import balados_db.testing.plugin",
    "--version": "from balados_db.cli.main import run; run(['--version'])",
    "--help": "from balados_db.cli.main import run; run(['--help'])",
    "reset --help": "from balados_db.cli.main import run; run(['reset', '--help'])",
    "a usage error": "from balados_db.cli.main import run; run(['reset', '--nonsense'])",
    "a refused name": "from balados_db.cli.main import run; run(['drop'])",
}


@pytest.mark.parametrize("code", CHEAP.values(), ids=CHEAP)
def test_what_needs_no_database_pays_for_none(code: str) -> None:
    """Help, version, completion and usage errors import no driver, no prompt, no renderer."""
    asked = f"import sys; {code}; print('\\0', *(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout.rpartition("\0")[2].split() == []


# ── strings and prints ───────────────────────────────────────────────────────────────────────────────────


@every_module
def test_only_the_command_line_prints(path: str) -> None:
    """Everybody else returns what is to be said; rendering writes through consoles."""
    printed = [node.lineno for node in calls(path)["print"] if isinstance(node.func, ast.Name)]

    assert path.startswith("cli/") or printed == []


@every_module
def test_sql_lives_in_sql_files(path: str) -> None:
    """No statement in a Python string; the sentences of steps and the cures of refusals are words for people."""
    tree = trees()[path]
    if path in ("planning/cures.py", "planning/culprits.py", "planning/unfit.py"):
        return
    sentences = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "sentence"
    }
    found = [(node, text) for node, text in strings(tree) if SQL.search(text) and id(node) not in sentences]

    assert [f"{node.lineno}: {text[:60]}" for node, text in found if "this role may not truncate" not in text] == []


@every_module
def test_no_schema_of_the_example_is_spelled(path: str) -> None:
    """Schema names are configuration; a scope, a flag or a role of the same name is listed with its reason."""
    schemas = {"system", "users", "public", "events"}
    allowed = set(NOT_A_SCHEMA.get(path, "").split())

    assert {text for _, text in strings(trees()[path]) if text in schemas} <= allowed


@every_module
def test_every_public_name_says_what_it_is(path: str) -> None:
    """Modules, classes, functions and methods have a docstring; what begins with `_` may do without."""
    tree = trees()[path]

    assert tree.body == [] or ast.get_docstring(tree)
    assert [node.name for node in public(tree) if not ast.get_docstring(node)] == []


def public(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """The public definitions of a module, and those of its public classes."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield child
            yield from public(child) if isinstance(child, ast.ClassDef) else ()


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────


def made(step: type[Step]) -> Step:
    """A step of this kind, with values of the right types."""
    types = get_type_hints(step)
    return step(**{field.name: _value(types[field.name]) for field in fields(step)})


def _value(type_: Any) -> Any:
    if type_ is TableName:
        return TableName("log", "marks")
    if get_origin(type_) is tuple:
        return ("first", "second")
    return {str: "word", bool: False, int: 2}[type_]


every_step = pytest.mark.parametrize("step", ALL_STEPS, ids=lambda step: step.__name__)


@every_step
def test_every_step_has_a_handler(step: type[Step]) -> None:
    """What a plan can say can be carried out."""
    assert step in HANDLERS


@every_step
def test_every_step_has_a_sentence(step: type[Step]) -> None:
    """The sentence is filled in with the step's own fields, and names its subject."""
    summary = made(step).summary

    assert summary
    assert not re.search(r"[{}]|\bNone\b", summary)
    assert made(step).id.partition(":")[0] == re.sub(r"(?<!^)(?=[A-Z])", "_", step.__name__).lower()


def test_every_handler_has_a_step() -> None:
    """No handler outlives its step, and the set of steps is closed."""
    assert set(HANDLERS) == set(ALL_STEPS) == set(Step.__subclasses__())


# ── queries ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_named_block_is_used() -> None:
    """No statement outlives the function that sent it."""
    words = {text for path, tree in trees().items() for _, text in strings(tree)}

    assert set(blocks()) - words == set()


def test_every_query_that_is_asked_for_exists() -> None:
    """A misspelt name is found here, not in production."""
    asked = {
        call.args[0].value
        for path in trees()
        for call in calls(path)["query"]
        if call.args and isinstance(call.args[0], ast.Constant)
    }

    assert asked
    assert asked - set(blocks()) == set()


@pytest.mark.parametrize("name", blocks())
def test_catalogs_are_named_with_their_schema(name: str) -> None:
    """Nobody's search_path decides which pg_class is read."""
    code = re.sub(r"--.*", "", blocks()[name])

    assert re.findall(r"\b(?:from|join)\s+(?:lateral\s+)?pg_(?!catalog\.)\w+", code, re.IGNORECASE) == []


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────


def errors(error: type[BaladosDbError] = BaladosDbError) -> Iterator[type[BaladosDbError]]:
    yield error
    for child in error.__subclasses__():
        yield from errors(child)


def facts(text: str) -> set[str]:
    """The names that a sentence is filled in with."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


ERRORS = {error.__name__: error for error in errors() if error.__module__.startswith("balados_db")}
every_error = pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)


def test_every_error_code_is_unique() -> None:
    """A code is the contract: it names one class."""
    codes = [error.code for error in ERRORS.values()]

    assert sorted(code for code in set(codes) if codes.count(code) > 1) == []


@every_error
def test_every_error_is_documented(error: type[BaladosDbError]) -> None:
    """Its own code, its own docstring, which is its message with facts filled in."""
    assert {"code", "__doc__"} <= set(vars(error))
    assert re.fullmatch(r"[a-z_]+", error.code)
    names = facts(error.__doc__ or "") | facts(error.cure)
    told = error(**dict.fromkeys(names, 3))

    assert str(told) == told.message
    assert told.message
    assert not re.search(r"[{}\n]", told.message + told.hint)


def test_every_error_is_imported_from_one_place() -> None:
    """A class is exported by being written into one of the files of `errors`."""
    package = import_module("balados_db.errors")

    assert {name for name, error in ERRORS.items() if getattr(package, name, None) is not error} == set()


def raised() -> Iterator[tuple[str, type[BaladosDbError], set[str]]]:
    """Where an error is made, which one, and the facts that it is given."""
    for path in trees():
        for name, error in ERRORS.items():
            for call in calls(path)[name]:
                if all(keyword.arg for keyword in call.keywords):
                    yield f"{path}:{call.lineno}", error, {str(keyword.arg) for keyword in call.keywords}


def test_every_error_gets_the_facts_that_its_words_need() -> None:
    """An error's own sentence never fails for a missing fact."""
    lacking = {
        where: needed - given
        for where, error, given in raised()
        if (needed := facts(error.__doc__ or "") | (set() if "hint" in given else facts(error.cure))) - given
    }

    assert lacking == {}


def test_every_error_is_used() -> None:
    """No error outlives its cause; only the roots of the tree are never raised themselves."""
    named = {
        getattr(node, "id", "")
        for path, tree in trees().items()
        if part(path) != "errors"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    roots = {error.__name__ for error in ERRORS.values() if error.__subclasses__()}

    assert set(ERRORS) - named - roots == set()


def test_exit_statuses_are_the_contracts() -> None:
    """Scripts depend on these numbers."""
    assert {status.name.lower(): int(status) for status in ExitStatus} == {
        "ok": 0,
        "failed": 1,
        "usage": 2,
        "not_confirmed": 3,
        "findings": 4,
        "protected": 5,
        "busy": 6,
        "stale_plan": 7,
        "unreachable": 8,
        "partial": 9,
        "interrupted": 130,
        "terminated": 143,
    }
    assert [int(status) for status in ExitStatus if status.retryable] == [6, 8, 9, 130, 143]


# ── findings ─────────────────────────────────────────────────────────────────────────────────────────────

FINDERS = ("error", "warning", "note", "say", "Finding", "_finding", "_lacking")


def found_codes() -> set[str]:
    """What findings are made of, wherever their code stands in the call itself."""
    made = [call for path in trees() for name in FINDERS for call in calls(path)[name]]
    words = [call.args[0] if call.args else {k.arg: k.value for k in call.keywords}.get("code") for call in made]
    return {word.value for word in words if isinstance(word, ast.Constant)}


def test_every_finding_can_be_explained() -> None:
    """A code that a pipeline shows leads to what it means and what to do; no explanation outlives its finding."""
    spelled = {text for path, tree in trees().items() if path != "finding_codes.py" for _, text in strings(tree)}

    assert found_codes() - set(FINDING_CODES) == set()
    assert set(FINDING_CODES) - spelled == set()
    assert all(": " in means and means.endswith(".") for means in FINDING_CODES.values())


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────

every_command = pytest.mark.parametrize("command", COMMANDS)


@every_command
def test_every_command_has_a_module(command: str) -> None:
    """The table of commands names a module with a function of the command's name, and says what it does."""
    module, said = COMMANDS[command]

    assert hasattr(import_module(f"balados_db.cli.{module}"), command.replace("-", "_"))
    assert said.endswith((".", "?"))


@every_command
def test_every_command_is_in_the_readme(command: str) -> None:
    """Whoever reads the README learns that the command exists."""
    assert re.search(rf"(balados-db |`){command}\b", (ROOT / "README.md").read_text(encoding="utf-8"))


def typed(group: click.Group) -> Iterator[str]:
    """Every command as it is typed: those of a group with the group's name before them."""
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        groups = isinstance(found, click.Group) and not isinstance(found, Planning)  # whatever is planned is a plan
        yield from (f"{name} {inner}" for inner in typed(found)) if groups else (name,)


def test_every_command_has_the_type_of_its_answer() -> None:
    """JSON, its schemas and the documentation come from one table; --help and --version have a line in it too."""
    assert set(ANSWERS) == {*typed(cli), "help", "version"}


def test_no_refused_name_is_a_command() -> None:
    """The dangerous words exist only to refuse, each with what to type instead."""
    assert not set(REFUSED) & set(COMMANDS)
    assert all("balados-db " in hint for hint in REFUSED.values())


# ── presets ──────────────────────────────────────────────────────────────────────────────────────────────

every_preset = pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.toml")), ids=lambda file: file.stem)


@every_preset
def test_every_preset_has_a_test_module_and_says_whether_it_was_tried(preset: Path) -> None:
    """A preset is data and one test module; the page of event stores says of it what its file says."""
    section = msgspec.convert(tomli.loads(preset.read_text(encoding="utf-8")), PresetSection)
    page = (ROOT / "docs" / "event-stores.md").read_text(encoding="utf-8")
    row = next((line for line in page.splitlines() if line.startswith(f"| `{preset.stem}` |")), "")

    module = ROOT / "tests" / "stores" / f"test_{preset.stem.replace('-', '_')}.py"
    assert f'layout = "{preset.stem}"' in module.read_text(encoding="utf-8")
    assert ("*untried*" in row) is (section.tried is None)
    assert row
    assert section.proof
    assert section.tables
    assert section.liveness or section.unfenced  # what cannot be kept out is said
    assert (section.tried is None) is ("# untried" in preset.read_text(encoding="utf-8"))


# ── the library ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", balados_db.__all__)
def test_every_name_of_the_library_is_there(name: str) -> None:
    """What `__all__` promises can be imported."""
    assert getattr(balados_db, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Loading lazily does not change what a typo means."""
    with pytest.raises(AttributeError, match="nonsense"):
        _ = balados_db.nonsense
