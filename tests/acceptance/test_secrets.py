"""No password in what is printed: not in mistakes of the command line, not in a bug's traceback, not in any table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import COMMAND, PASSWORD, Database, Result, clean_environment
from tests.listening import passwords_of, spellings

Run = Callable[..., Result]
ENCODED = quote(PASSWORD, safe="")
URL = f"postgresql://app:{ENCODED}@127.0.0.1:1/shop"
PAIRS = "host=127.0.0.1 port=1 password=" + "'" + PASSWORD.replace("\\", "\\\\").replace("'", "\\'") + "'"


def silent(result: Result) -> bool:
    """Whether nothing that was said holds the password in any spelling."""
    return not [form for form in spellings(PASSWORD) if form in result.out + result.err]


@pytest.mark.parametrize(
    "line",
    [
        ("status", URL),
        ("status", PAIRS),
        (URL,),
        ("status", "--uri", URL),
        ("status", f"--uri={URL}"),
        ("status", "--lock-timeout", URL),
        ("status", "--manifest", URL),
        ("reset", "--schema", URL),
        ("explain", URL),
        ("environment", "set", "x", URL),
        ("status", "--url", f"postgresql://app:{PASSWORD}@127.0.0.1:1/shop"),
        ("status", "--url", f"postgresql://app:{ENCODED}@127.0.0.1:one/shop"),
        ("status", f"postgresql:/app:{PASSWORD}@127.0.0.1/shop"),
        ("explain", f"app:{PASSWORD}@127.0.0.1/shop"),
    ],
    ids=lambda line: " ".join(line).replace(ENCODED, "…").replace(PASSWORD, "…")[:40],
)
def test_a_url_in_the_wrong_place_is_not_repeated_with_its_password(line: tuple[str, ...], run_cli: Run) -> None:
    """What is wrong is said, in words and in JSON; the password that stood in it is not."""
    for words in (line, (*line, "--json")):
        result = run_cli(*words)
        assert result.status != 0
        assert silent(result), result.err
        assert "Traceback" not in result.err


@pytest.mark.parametrize("written", [URL, f"postgresql://app:{ENCODED}@127.0.0.1:1/shop?sslpassword={ENCODED}"])
def test_a_manifests_url_is_not_repeated(written: str, run_cli: Run, tmp_path: Path) -> None:
    """Spelled out or taken from a variable, whole or in part; a mistake in the file is told without the line."""
    file = tmp_path / "balados-db.toml"
    rest = '[schemas.shop]\nkind = "projection"\nmigrations = "m"\n'
    (tmp_path / "m").mkdir()
    for url, env in (
        (written, {}),
        ("${WORD}", {"WORD": written}),
        ("postgresql://app:${WORD}@127.0.0.1:1/x", {"WORD": ENCODED}),
    ):
        file.write_text(f"version = 1\n[database]\nurl = {json.dumps(url)}\n{rest}")
        result = run_cli("status", "--json", manifest=file, env=env)
        assert (result.status, result.json["errors"][0]["code"]) == (8, "unreachable")
        assert "127.0.0.1:1" in result.json["errors"][0]["message"]
        assert silent(result)
    for wrong in (
        f"url = {json.dumps(written)}{written}",
        f"ulr = {json.dumps(written)}",
        f"url = [{json.dumps(written)}]",
    ):
        file.write_text(f"version = 1\n[database]\n{wrong}\n{rest}")
        result = run_cli("status", manifest=file)
        assert result.status == 2
        assert silent(result), result.err


def test_a_bugs_traceback_holds_no_password(tmp_path: Path) -> None:
    """An exception's own text may quote anything: it is rid of every password that this process has seen."""
    (tmp_path / "broken.py").write_text(
        "import sys\n"
        "from balados_db.cli import main, session\n"
        "from balados_db.postgres import connection\n"
        "def broken(source, **_):\n"
        "    raise RuntimeError(f'cannot use {source.conninfo} nor {source.resolved}')\n"
        "connection.connect = broken\n"
        "main.main()\n"
    )
    import subprocess

    for words, env in (
        (("--url", URL), {}),
        ((), {"DATABASE_URL": URL}),
        ((), {"PGHOST": "127.0.0.1", "PGPASSWORD": PASSWORD}),
        (("--url", PAIRS), {}),
    ):
        line = [sys.executable, str(tmp_path / "broken.py"), "status", *words]
        done = subprocess.run(
            line, capture_output=True, text=True, env=clean_environment(**env), cwd=Path.cwd(), check=False
        )
        assert done.returncode == 1
        assert "RuntimeError: cannot use" in done.stderr
        assert "***" in done.stderr
        assert silent(Result(1, done.stdout, done.stderr)), done.stderr


def test_a_plan_file_holds_no_password(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """It may be kept, mailed and reviewed: neither the URL nor a part of it is in it, whoever gave it."""
    for name, options in (("one", {"database": filled}), ("two", {"env": {"BALADOS_DB_URL": filled.url}})):
        file = tmp_path / f"{name}.json"
        result = run_cli("plan", "reset", "--projections", "--out", str(file), "--json", **options)
        assert result.status == 0, result.err
        text = file.read_text()
        assert filled.name in text
        assert [form for form in spellings(PASSWORD) if form in text + result.out] == []


def test_the_recorder_knows_what_a_command_is_given(database: Database) -> None:
    """What looks through all that this run prints finds the password in an argument, a variable, and by itself."""
    password = conninfo_to_dict(database.url)["password"]

    assert password in passwords_of([*COMMAND, "--url", database.url], {})
    assert password in passwords_of([], {"DATABASE_URL": database.url})
    assert "hunter2-Kx9" in passwords_of([], {"PGPASSWORD": "hunter2-Kx9"})


def test_the_recorder_hears_a_password() -> None:
    """A process that prints what it was given is found out; without this, the search would prove nothing."""
    import subprocess

    from tests import listening

    before = listening.leaks()
    given = {**clean_environment(), "DATABASE_URL": "postgresql://app:hunter2-Kx9%40@db/shop"}
    code = "import os; print(os.environ['DATABASE_URL'])"
    subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, check=True)
    found = listening.leaks()

    assert before == []
    assert len(found) >= 1
    assert "hunter2" not in "".join(found)


def test_destroying_says_where_the_url_came_from(filled: Database, run_cli: Run) -> None:
    """In the preview and in JSON, with the database as the server reports it."""
    run = ("reset", "--projections", "--confirm", "DELETE", "--projector-grace", "0")
    result = run_cli(*run, "--json", env={"BALADOS_DB_URL": filled.url.replace("postgresql", "postgresql+psycopg2", 1)})

    target = result.json["target"]
    assert result.status == 0, result.err
    assert (target["database"], target["source"], target["pooled"]) == (filled.name, "BALADOS_DB_URL", False)
    assert filled.value("select count(*) from balados_db.receipt") == 1
    told = run_cli(*run, env={"BALADOS_DB_URL": filled.url})
    assert "(URL from BALADOS_DB_URL)" in told.err
