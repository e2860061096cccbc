"""The page for beginners, typed word for word into an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from balados_db.embedded import EmbeddedServer
from tests.conftest import ROOT, clean_environment

PAGE = ROOT / "docs" / "start.md"


def test_the_page_for_beginners_can_be_typed(tmp_path: Path) -> None:
    """With its manifest and nothing else: every command ends well, and what it says will be there is there."""
    text = PAGE.read_text(encoding="utf-8")
    (manifest,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "balados-db.toml").write_text(manifest, encoding="utf-8")
    typed = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        done = subprocess.run(
            ["sh", "-e", "-x", "-c", "\n".join(typed)],
            cwd=tmp_path,
            env=clean_environment(PATH=path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    finally:
        EmbeddedServer(tmp_path / ".balados-db").discard()

    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr
    assert "orders.orders" in (tmp_path / "SCHEMA.md").read_text(encoding="utf-8")
    assert len(typed) > 20
