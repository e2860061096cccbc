"""`completion`: what bash, zsh and fish themselves make of a line when TAB is pressed; and never a word too much."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import shells
from tests.conftest import COMMAND, Result, clean_environment

RunCli = Callable[..., Result]

MANIFEST = """\
version = 1
[database]
environment = "staging"
[schemas."blank name"]
kind = "projection"
migrations = "blank"
[schemas."colon:name:two"]
kind = "permanent"
migrations = "colon"
[schemas.'quo"te']
kind = "projection"
[schemas."it's"]
kind = "projection"
[schemas."ünï"]
kind = "projection"
[schemas."dollar$HOME`x`"]
kind = "projection"
[schemas.'back\\slash & (more) *']
kind = "projection"
[projectors."Sync.Core:First Projector"]
[projectors."Sync.Core:Second Projector"]
[environments]
protected = ["the live one"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest full of odd names, another one beside it, and migrations."""
    root = tmp_path_factory.mktemp("project")
    for name in ("blank/0001_first", "blank/0002 second one", "colon/0001_other"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / f"{name}.sql").write_text("")
        (root / f"{name}.rollback.sql").write_text("")
    (root / "balados-db.toml").write_text(MANIFEST, encoding="utf-8")
    (root / "other one.toml").write_text('version = 1\n[schemas."far away"]\nkind = "projection"\n')
    (root / "deep").mkdir()
    return root


@pytest.fixture(scope="module", params=shells.SHELLS)
def shell(
    request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[shells.Shell]:
    """Each real shell, with the script that the command prints for it, in a folder below the manifest."""
    shells.need(request.param)
    printed = subprocess.run(
        [*COMMAND, "completion", request.param], capture_output=True, text=True, check=True, env=clean_environment()
    )
    found = shells.start(request.param, tmp_path_factory.mktemp(request.param), printed.stdout, project / "deep")
    yield found
    found.process.close(force=True)


# What is typed before TAB, and the words that the command is given then.
LINES = {
    "a command": ("sta", ["status"]),
    "a command of a group": ("manifest sch", ["manifest", "schema"]),
    "an option": ("reset --projecto", ["reset", "--projector"]),
    "a choice": ("check --format gitl", ["check", "--format", "gitlab"]),
    "a blank": ("reset --schema bl", ["reset", "--schema", "blank name"]),
    "a blank, behind a double quote": ('reset --schema "blank', ["reset", "--schema", "blank name"]),
    "a blank, behind a single quote": ("reset --schema 'blank n", ["reset", "--schema", "blank name"]),
    "a blank, behind a backslash": ("reset --schema blank\\ n", ["reset", "--schema", "blank name"]),
    "a colon": ("reset --schema col", ["reset", "--schema", "colon:name:two"]),
    "behind a colon": ("reset --schema colon:na", ["reset", "--schema", "colon:name:two"]),
    "a quote": ("reset --schema quo", ["reset", "--schema", 'quo"te']),
    "an apostrophe": ("reset --schema it", ["reset", "--schema", "it's"]),
    "letters beyond ASCII": ("reset --schema ün", ["reset", "--schema", "ünï"]),
    "a dollar and backticks": ("reset --schema dol", ["reset", "--schema", "dollar$HOME`x`"]),
    "a dollar, behind a double quote": ('reset --schema "dol', ["reset", "--schema", "dollar$HOME`x`"]),
    "a backslash, brackets and a star": ("reset --schema bac", ["reset", "--schema", "back\\slash & (more) *"]),
    "behind an equals sign": ("reset --schema=bl", ["reset", "--schema=blank name"]),
    "the second option": (
        "reset --schema x --projector Sync.Core:F",
        ["reset", "--schema", "x", "--projector", "Sync.Core:First Projector"],
    ),
    "what two names share": ("reset --projector Sy", ["reset", "--projector", "Sync.Core:"]),
    "a migration of the schema that was named": (
        "rollback --schema blank\\ name --to 0002",
        ["rollback", "--schema", "blank name", "--to", "0002 second one"],
    ),
    "a migration of another schema": (
        "rollback --schema colon:name:two --to 00",
        ["rollback", "--schema", "colon:name:two", "--to", "0001_other"],
    ),
    "an environment": ("environment set the", ["environment", "set", "the live one"]),
    "the manifest's own environment": ("environment set st", ["environment", "set", "staging"]),
    "an error code": ("explain manifest_sy", ["explain", "manifest_syntax"]),
    "a command to explain": ("explain --schema envi", ["explain", "--schema", "environment"]),
    "a file": ("--manifest ../oth", ["--manifest", "../other one.toml"]),
    "a file behind an equals sign": ("--manifest=../oth", ["--manifest=../other one.toml"]),
    "names of the manifest that was named": (
        "--manifest '../other one.toml' reset --schema f",
        ["--manifest", "../other one.toml", "reset", "--schema", "far away"],
    ),
    "nothing to a phrase": ("reset --confirm DEL", ["reset", "--confirm", "DEL"]),
    "nothing to a word that refuses": ("drop --sch", ["drop", "--sch"]),
}


@pytest.mark.parametrize(("typed", "given"), LINES.values(), ids=LINES)
def test_tab(shell: shells.Shell, typed: str, given: list[str]) -> None:
    """The command is given exactly the name, however odd, and however its beginning was quoted."""
    assert shell.press_tab(f"balados-db {typed}") == given


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────


def proposed(cwd: Path, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """What bash's script reads for a line."""
    asked = {"_BALADOS_DB_COMPLETE": "bash_complete", "COMP_LINE": line, "COMP_BREAKS": " \t\n\"'><=;|&(:", **env}
    return subprocess.run(COMMAND, capture_output=True, text=True, cwd=cwd, env=clean_environment(**asked), check=False)


TROUBLES = {
    "no manifest": ("balados-db reset --schema ", None),
    "no TOML": ("balados-db reset --schema ", "[schemas\n"),
    "a manifest of other things": ("balados-db reset --schema ", "schemas = 3\n"),
    "no UTF-8": ("balados-db explain --manifest ", "\udcff"),
    "a manifest that is not there": ("balados-db --manifest /nowhere reset --schema ", ""),
    "a folder for a manifest": ("balados-db --manifest . rollback --to ", ""),
    "no word at all": ("", ""),
    "half a quotation": ("balados-db reset --schema 'x \"y", ""),
    "an unknown command": ("balados-db statu --sch", ""),
    "a wrong value before": ("balados-db --timeout never reset --schema ", ""),
}


@pytest.mark.parametrize(("line", "manifest"), TROUBLES.values(), ids=TROUBLES)
def test_trouble_is_silence(tmp_path: Path, line: str, manifest: str | None) -> None:
    """While somebody types, nothing is told and nothing breaks: there is just nothing to propose."""
    if manifest is not None:
        (tmp_path / "balados-db.toml").write_bytes(manifest.encode("utf-8", "surrogateescape"))
    done = proposed(tmp_path, line)

    assert (done.returncode, done.stderr) == (0, "")
    assert all(text.startswith(("plain,--", "file,", "dir,")) for text in done.stdout.splitlines() if line)


@pytest.mark.parametrize("asked", ["powershell_complete", "bash_nonsense", "", "bash"])
def test_who_is_not_known_gets_nothing(tmp_path: Path, asked: str) -> None:
    """No script of ours asks like this."""
    done = proposed(tmp_path, "balados-db ", _BALADOS_DB_COMPLETE=asked)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_manifest_that_is_being_written_has_names_already(tmp_path: Path) -> None:
    """A table that is not closed, a value that is not there yet: the names around it are proposed all the same."""
    (tmp_path / "balados-db.toml").write_text(
        'version = 1\n[schemas.tidy]\nkind = "x"\nholds =\n[schemas."to come"]  # soon\n[projectors.Half\n[projectors.One]\n'
    )

    assert proposed(tmp_path, "balados-db reset --schema t").stdout == "plain,tidy\nplain,to\\ come\n"
    assert proposed(tmp_path, "balados-db reset --projector ").stdout == "plain,One\n"


def test_a_name_that_cannot_stand_on_a_line_is_left_out(tmp_path: Path) -> None:
    """A line end in a name would be two names."""
    (tmp_path / "balados-db.toml").write_text(
        'version = 1\n[schemas."two\\nlines"]\nkind = "x"\n[schemas.tidy]\nkind = "x"\n'
    )

    assert proposed(tmp_path, "balados-db reset --schema t").stdout == "plain,tidy\n"


HEAVY = ("psycopg", "yoyo", "rich", "questionary", "msgspec", "socket")  # driver, renderer, prompt …
QUICK = {  # what is typed: the first proposal, and what nobody needs for it
    "a command": ("balados-db ", "plain,create\n", ("balados_db.model", "balados_db.report", "balados_db.cli.reset")),
    "a schema": ("balados-db reset --schema bl", "plain,blank\\ name\n", ()),
    "an option of what is planned": ("balados-db plan reset --sc", "plain,--schema\n", ("balados_db.cli.rebuild",)),
}


@pytest.mark.parametrize(("typed", "first", "more"), QUICK.values(), ids=QUICK)
def test_completing_connects_to_nothing_and_is_quick(
    project: Path, typed: str, first: str, more: tuple[str, ...]
) -> None:
    """Nothing is imported for nothing, and no more than 150 ms of processor time are spent."""
    code = (
        "import os, sys, time; from balados_db.cli.main import run; run([]);"
        f"print('\\0', time.process_time(), *(name for name in {(*HEAVY, *more)} if name in sys.modules))"
    )
    env = clean_environment(_BALADOS_DB_COMPLETE="bash_complete", COMP_LINE=typed, COMP_BREAKS=" ")
    words = [sys.executable, "-c", code]
    told = [
        subprocess.run(words, capture_output=True, text=True, cwd=project, env=env, check=True).stdout for _ in range(5)
    ]
    tails = [text.rpartition("\0")[2].split() for text in told]

    assert all(text.startswith(first) for text in told)
    assert [tail[1:] for tail in tails] == [[]] * 5
    assert min(float(tail[0]) for tail in tails) < (0.15 if not os.environ.get("CI") else 0.3)


def test_the_script_as_json(run_cli: RunCli) -> None:
    """Programs get it as a value; the shells that are known are named to whoever asks for another."""
    done = run_cli("completion", "fish", "--json", manifest=None)
    other = run_cli("completion", "tcsh", manifest=None)

    assert "complete --no-files" in done.json["result"]["script"]
    assert (other.status, "'bash', 'zsh', 'fish'" in other.err) == (2, True)
    assert 'eval "$(balados-db completion zsh)"' in run_cli("completion", "--help", manifest=None).out
