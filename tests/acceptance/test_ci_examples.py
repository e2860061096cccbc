"""The pipelines that we show: their files parse, and every command in them is run, so that they cannot rot."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from balados_db.manifest.loading import load_manifest
from balados_db.testing.database import Database as Cloned
from balados_db.testing.databases import Databases
from balados_db.testing.events import Events
from tests.conftest import ROOT, Database, clean_environment

PROJECT = ROOT / "examples" / "service"
INSTALLS = re.compile(
    r"pip install (psycopg )?('?balados-db(\[testing\])?'?)$"
)  # what no test can run: it needs an index


@dataclass(frozen=True)
class Job:
    """One job of a pipeline: its environment, and what it runs, a line at a time."""

    environment: dict[str, str]
    lines: tuple[str, ...]


def lines(script: str) -> list[str]:
    """The commands of a script; a line that ends in a backslash goes on."""
    return [line.strip() for line in re.sub(r"\\\n\s*", "", script).splitlines() if line.strip()]


def github() -> dict[str, Job]:
    """The jobs of the workflow."""
    workflow = yaml.safe_load((ROOT / "examples" / "ci" / "github-actions.yml").read_text())
    assert workflow[True] == ["push", "pull_request"]  # YAML 1.1 reads the key `on` as a truth
    return {
        f"GitHub {name}": Job(
            job.get("env", {}), tuple(line for step in job["steps"] if "run" in step for line in lines(step["run"]))
        )
        for name, job in workflow["jobs"].items()
    }


def gitlab() -> dict[str, Job]:
    """The jobs of the pipeline."""
    pipeline: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "ci" / "gitlab-ci.yml").read_text())
    before = pipeline.pop("default")["before_script"]
    return {
        f"GitLab {name}": Job(
            job.get("variables", {}), tuple(line for text in (*before, *job["script"]) for line in lines(text))
        )
        for name, job in pipeline.items()
    }


def page() -> dict[str, Job]:
    """The commands of the page: its lines after a `$`."""
    shown = re.findall(r"^\$ (.*)$", (ROOT / "docs" / "ci.md").read_text(), re.MULTILINE)
    (url,) = (line.partition("=")[2] for line in shown if line.startswith("export DATABASE_URL="))
    return {"docs/ci.md": Job({"DATABASE_URL": url}, tuple(line for line in shown if not line.startswith("export")))}


JOBS = {**github(), **gitlab(), **page()}


@pytest.fixture
def project(tmp_path: Path, server: str) -> Iterator[Path]:
    """The example's service as a pipeline checks it out; what its tests leave on the server is dropped."""
    made = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    project = shutil.copytree(PROJECT, tmp_path / "service", ignore=made)
    yield project
    with Databases(server, project / "balados-db.toml") as databases:
        databases._drop_all(databases._existing(databases.project.prefix))


def run(line: str, project: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one line as a pipeline's shell does, without a terminal."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", line],
        cwd=project,
        env=clean_environment(PATH=path, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_every_command_of_the_examples_succeeds(job: Job, project: Path, server: str, database: Database) -> None:
    """In their order, with the job's own variables but for where the server is; a reset empties what was there."""
    urls = {"DATABASE_URL": database.url, "BALADOS_DB_TEST_URL": server}
    assert all(value.startswith("postgresql://") for name, value in job.environment.items() if name in urls)
    environment = {name: urls.get(name, value) for name, value in job.environment.items()}

    for line in job.lines:
        if INSTALLS.match(line):
            continue
        assert line.startswith(("balados-db ", "pytest")), line
        done = run(line, project, environment)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        if line.startswith("balados-db up"):
            fill(database, project)

    if "DATABASE_URL" in environment:
        assert database.rows("journal.events") == 1
        assert database.rows("shelf.loans") == 0
        assert json.loads((project / "reset.json").read_text())["changed"] is True


def fill(database: Database, project: Path) -> None:
    """One event, the row that a projector made of it, and its position."""
    manifest = project / "balados-db.toml"
    events = Events(Cloned(database.name, database.url, manifest), load_manifest(manifest))
    number = events.append("book-1", "BookLent", {"book": "Dune", "member": "ada@example.org"})
    events.checkpoint("LoansProjector", number)
    database.execute("insert into shelf.loans values ('Dune', 'ada@example.org')")


def test_each_job_is_there() -> None:
    """A job that is renamed or lost is noticed; each resets, or tests, or checks without a database."""
    assert {name.partition(" ")[2] for name in JOBS} == {"check", "reset", "tests", ""}
    assert [name for name, job in JOBS.items() if any("--confirm DELETE" in line for line in job.lines)] == [
        "GitHub reset",
        "GitLab reset",
        "docs/ci.md",
    ]
