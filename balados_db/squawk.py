"""Ask squawk, where it is installed, what a migration's statements would do to those who use the tables."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balados_db.finding import Finding, Severity, note, warning
from balados_db.finding_codes import SQUAWK
from balados_db.model import Migration

SECONDS = 60  # it takes milliseconds; whatever takes longer hangs
# balados-db sets both itself, whatever a file says: --lock-timeout bounds all waiting for locks, and nothing else ends
# a migration in its middle.
SET_BY_US = ("require-lock-timeout", "require-statement-timeout")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Squawk's version, None where it is not installed, and what it found."""

    version: str | None
    findings: tuple[Finding, ...]


def squawk() -> str | None:
    """The program: beside the Python that runs this, as pip puts it there, else on the PATH."""
    beside = Path(sys.executable).parent / "squawk"
    return str(beside) if beside.is_file() else shutil.which("squawk")


def ask(migrations: Sequence[tuple[str, Migration]], folder: Path) -> Verdict:
    """Show it SQL migrations with their schemas. `folder` is where its own `.squawk.toml` counts from."""
    program = squawk()
    if program is None:
        return Verdict(version=None, findings=(_absent(),))
    try:
        return Verdict(version=_version(program), findings=tuple(_asked(program, migrations, folder)))
    except (OSError, subprocess.SubprocessError, ValueError) as exc:
        said = f"squawk ({program}) could not be asked: {str(exc)[:300]}"
        return Verdict(version=None, findings=(warning("squawk_failed", "squawk", said, "mend it, or --no-squawk"),))


def _absent() -> Finding:
    said = "squawk is not installed: nobody looked at what the statements lock or break"
    return note("squawk_absent", "squawk", said, "pip install squawk-cli; or leave it out with --no-squawk")


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=SECONDS, check=True)
    return done.stdout.split()[-1]


def _asked(program: str, migrations: Sequence[tuple[str, Migration]], folder: Path) -> Iterator[Finding]:
    """In two rounds: what is in a transaction, and what is not."""
    for transactional in (True, False):
        shown = {str(m.path): schema for schema, m in migrations if m.is_sql and m.transactional is transactional}
        for found in _run(program, tuple(shown), folder, transactional) if shown else ():
            if found["rule_name"] not in SET_BY_US:
                yield _finding(found, shown.get(found["file"], ""))


def _run(program: str, files: tuple[str, ...], folder: Path, transactional: bool) -> list[dict[str, Any]]:
    words = [program, "--reporter", "json", *(["--assume-in-transaction"] if transactional else [])]
    done = subprocess.run(
        [*words, "--", *files], capture_output=True, text=True, timeout=SECONDS, check=False, cwd=folder
    )
    if not done.stdout.lstrip().startswith("["):
        raise ValueError(done.stderr.strip() or f"exit status {done.returncode}, no answer")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _finding(found: dict[str, Any], schema: str) -> Finding:
    """Its lines count from 0. An excluded rule is not asked for by --exclude: that would silence a `.squawk.toml`."""
    rule = str(found["rule_name"])
    return Finding(
        code=SQUAWK + rule.replace("-", "_"),
        subject=schema,
        message=str(found["message"]),
        cure=str(found.get("help") or f"https://squawkhq.com/docs/{rule}"),
        severity=Severity.ERROR if found["level"] == "Error" else Severity.WARNING,
        file=str(found["file"]),
        line=int(found["line"]) + 1,
    )
