"""The wheel is all there: installed without its source tree it works, the example included."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_string
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import ZipFile

import pytest

from balados_db import __version__
from tests.conftest import ROOT, Database, Result, clean_environment

SOURCE = ROOT / "balados_db"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@dataclass(frozen=True)
class Installed:
    """The wheel, and a folder that it was installed into."""

    wheel: Path
    folder: Path

    @property
    def package(self) -> Path:
        """The package's own folder."""
        return self.folder / "balados_db"

    @property
    def example(self) -> Path:
        """The example's manifest, as it travels in the wheel."""
        return self.package / "example" / "balados-db.toml"

    def python(self, *arguments: str, cwd: Path, timeout: float = 60) -> Result:
        """Run Python with the wheel and its dependencies, and nothing of the source tree.

        Without `site` no .pth file is read, so that an editable installation beside the dependencies is not seen.
        """
        path = os.pathsep.join([str(self.folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
        done = subprocess.run(
            [sys.executable, "-S", *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=clean_environment(PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1"),
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr, arguments)

    def names(self) -> set[str]:
        """Every file in the wheel."""
        with ZipFile(self.wheel) as archive:
            return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel without a network, and install it without its dependencies: those are here already."""
    built, folder = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("installed")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(ROOT))
    _run(*build)
    (wheel,) = built.glob("*.whl")
    _run(*PIP, "install", "--no-deps", "--no-index", "--no-compile", "--target", str(folder), str(wheel))
    return Installed(wheel, folder)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def run(installed: Installed, tmp_path: Path) -> Callable[..., Result]:
    """Run the installed command in a folder of its own; `database` becomes --url."""

    def run(*words: str, database: Database | None = None, manifest: bool = True) -> Result:
        options = [
            *(["--manifest", str(installed.example)] if manifest else []),
            *(["--url", database.url] if database else []),
        ]
        return installed.python("-m", "balados_db", *options, *words, cwd=tmp_path)

    return run


def files(folder: Path, pattern: str) -> set[str]:
    """Files of a folder of the repository, relative to it."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


# ── what is in it ────────────────────────────────────────────────────────────────────────────────────────

CONTENTS = {
    "the package": (SOURCE, "**/*.py", "balados_db"),
    "presets": (SOURCE / "presets", "*.toml", "balados_db/presets"),
    "queries": (SOURCE / "postgres" / "queries", "*.sql", "balados_db/postgres/queries"),
    "the mark of types": (SOURCE, "py.typed", "balados_db"),
    "the example's migrations": (ROOT / "migrations", "**/*.sql", "balados_db/example/migrations"),
    "the example's event store": (ROOT / "sql", "**/*.sql", "balados_db/example/sql"),
    "the example's projectors": (ROOT / "examples" / "projector", "**/*.py", "balados_db/example/projector"),
    "the example's manifest": (ROOT, "balados-db.toml", "balados_db/example"),
}


@pytest.mark.parametrize(("folder", "pattern", "place"), CONTENTS.values(), ids=CONTENTS)
def test_the_wheel_carries(installed: Installed, folder: Path, pattern: str, place: str) -> None:
    """Every file that the command reads when it runs."""
    wanted = {f"{place}/{name}" for name in files(folder, pattern)}

    assert wanted
    assert wanted - installed.names() == set()


def test_the_wheel_carries_nothing_else(installed: Installed) -> None:
    """No tests, no caches, no second top-level name."""
    names = installed.names()

    assert {name.partition("/")[0] for name in names} == {"balados_db", f"balados_db-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".orig", ".rej"))]
    assert not [name for name in names if name.startswith("balados_db/tests")]


def test_the_wheel_says_what_it_is(installed: Installed) -> None:
    """Version, licence, README and the optional parts are in its metadata."""
    with ZipFile(installed.wheel) as archive:
        read = {name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
        metadata = message_from_string(archive.read(read["METADATA"]).decode())

    assert (metadata["Name"], metadata["Version"]) == ("balados-db", __version__)
    assert metadata["Requires-Python"] == ">=3.10"
    assert set(metadata.get_all("Provides-Extra", [])) >= {"embedded", "testing"}
    assert any(name.endswith("LICENSE") for name in read)


def test_every_entry_point_can_be_loaded(installed: Installed, tmp_path: Path) -> None:
    """The command, and whatever else the wheel plugs into."""
    (info,) = installed.folder.glob("*.dist-info")
    points = list(PathDistribution(info).entry_points)

    named = {("console_scripts", "balados-db"), ("pytest11", "balados_db.testing.plugin")}
    assert named <= {(p.group, p.name) for p in points}
    for point in points:
        module, _, name = point.value.partition(":")
        code = f"import {module} as m; {f'm.{name}' if name else 'm'}"
        done = installed.python("-c", code, cwd=tmp_path)
        assert done.status == 0, done.err


# ── what it does ─────────────────────────────────────────────────────────────────────────────────────────


def test_pytest_finds_the_plugin_of_the_wheel(installed: Installed, tmp_path: Path, server: str) -> None:
    """A service's tests, with nothing but the package beside them: no conftest, no option that names the plugin."""
    service = shutil.copytree(ROOT / "examples" / "service", tmp_path / "service")
    words = ("-p", "no:cacheprovider", "--balados-url", server, "tests/test_reset.py")

    done = installed.python("-m", "pytest", *words, cwd=service, timeout=120)

    assert "2 passed" in done.out, done.out + done.err


def test_the_source_tree_is_out_of_reach(installed: Installed, tmp_path: Path) -> None:
    """What follows proves something only because nothing of the repository is importable."""
    code = "import sys, balados_db, balados_db.example as e; print(balados_db.__file__, e.root(), *sys.path, sep='\\n')"
    file, root, *path = installed.python("-c", code, cwd=tmp_path).out.splitlines()

    assert Path(file).parent == installed.package
    assert Path(root) == installed.package / "example"
    assert str(ROOT) not in path


def test_the_script_is_installed(installed: Installed, tmp_path: Path) -> None:
    """`balados-db` is a command."""
    done = installed.python(str(installed.folder / "bin" / "balados-db"), "--version", cwd=tmp_path)

    assert (done.status, done.out.split()[-1]) == (0, __version__)


def test_the_version_is_said(run: Callable[..., Result]) -> None:
    """`python -m balados_db --version` needs no manifest."""
    done = run("--version", manifest=False)

    assert (done.status, done.out.split()[-1]) == (0, __version__)


def test_the_schema_of_the_manifest_is_printed(run: Callable[..., Result]) -> None:
    """Editors can be given it."""
    done = run("manifest", "schema", manifest=False)

    assert done.status == 0, done.err
    assert json.loads(done.out)["title"] == "balados-db.toml"


def test_the_schemas_of_all_objects_are_printed_and_shipped(run: Callable[..., Result], installed: Installed) -> None:
    """`explain --schema` needs no source tree; whoever only unpacks the wheel finds the same in files."""
    printed = json.loads(run("explain", "--schema", manifest=False).out)
    folder = installed.package / "schemas"

    assert {name.replace(" ", "-"): schema for name, schema in printed.items()} == {
        file.stem: json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")
    }


def test_the_shipped_example_is_right(run: Callable[..., Result]) -> None:
    """Its manifest, and every path in it, hold inside the installation."""
    done = run("manifest", "check")

    assert done.status == 0, done.err


def test_the_examples_projectors_start(installed: Installed, tmp_path: Path) -> None:
    """The programs that `demo` runs find one another."""
    done = installed.python(str(installed.package / "example/projector/projector.py"), "--help", cwd=tmp_path)

    assert done.status == 0, done.err


def test_up_can_be_planned(run: Callable[..., Result], database: Database) -> None:
    """From an empty database to the example, as a plan that changes nothing."""
    done = run("up", "--dry-run", "--json", database=database)

    assert done.status == 0, done.out + done.err
    assert done.json["changed"] is False
    ids = [step["id"] for step in done.json["plan"]["steps"]]
    assert "install_event_store:events" in ids
    assert {"apply_migrations:system", "apply_migrations:users", "apply_migrations:public"} <= set(ids)
    assert database.value("select count(*) from pg_namespace where nspname in ('system', 'users', 'events')") == 0


def test_up_makes_the_example_and_a_reset_empties_it(run: Callable[..., Result], database: Database) -> None:
    """Queries, migrations and install SQL of the wheel are the ones that run."""
    for words in (("up",), ("status", "--check"), ("reset", "--projections", "--confirm", "DELETE")):
        done = run(*words, database=database)
        assert done.status == 0, done.out + done.err

    assert database.rows("events.streams") == 1
