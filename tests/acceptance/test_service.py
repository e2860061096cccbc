"""A service in another language drives the whole life of a database by exit statuses and JSON Schemas alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from balados_db.postgres.source import without_password
from tests.conftest import COMMAND, EXAMPLE, ROOT, Database, clean_environment
from tests.contract import faults
from tests.stores.node_modules import REQUIRED

PROGRAMS = ROOT / "examples" / "projector"


def test_a_service_in_another_language(new_database: Callable[..., Database], server: str, tmp_path: Path) -> None:
    """create, init, migrate, plan, apply, rebuild: in Node, which validates each object by the schema that is printed."""
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get(REQUIRED) == "1" else pytest.skip)("needs node 18 or newer")
    database = new_database()
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database {}").format(sql.Identifier(database.name)))

    program = [sys.executable, str(PROGRAMS / "projector.py"), "--url", database.url, "--retry-interval", "0.2"]
    names = ["SubscriptionsProjector", "PlayStatusesProjector", "PublicEventsProjector", "PopularityProjector"]
    script = {
        "command": COMMAND,
        "options": ["--manifest", str(_manifest(tmp_path, names)), "--url", str(without_password(database.url))],
        "events": [sys.executable, str(PROGRAMS / "store.py"), "--url", database.url, "--events", "60"],
        "projectors": [*program, "--all"],
        "plan": str(tmp_path / "plan.json"),
    }
    done = subprocess.run(
        ["node", str(ROOT / "tests" / "service.mjs"), json.dumps(script)],
        capture_output=True,
        text=True,
        env=clean_environment(PGPASSWORD=database.password),  # a password is no argument: others would see it
        cwd=tmp_path,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [answer for answer in told if faults(answer)] == []
    assert [answer["command"] for answer in told if answer["command"] != "explain"] == [
        *("status", "create", "init", "migrate", "rebuild wait"),
        *("plan", "apply", "apply", "apply", "rebuild wait"),
    ]
    assert database.rows("public.public_events") > 0


def _manifest(folder: Path, running: list[str]) -> Path:
    """The example's, with the projectors alone that examples/projector runs: nobody waits for the others."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for name in ("migrations", "sql"):
        text = text.replace(f'"{name}/', f'"{ROOT / name}/')
    head, *sections = text.split("\n[")
    kept = [
        s
        for s in sections
        if not s.startswith("projectors.") or s.partition("]")[0].removeprefix("projectors.") in running
    ]
    file = folder / "balados-db.toml"
    file.write_text("\n[".join((head, *kept)), encoding="utf-8")
    return file
