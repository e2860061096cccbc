"""A torture database: the files it is made of, and what its header says.

`cases/Tnn_name.sql` runs on top of `cases/base.sql`. Header lines are `-- key: value`: `target` (what is reset), `expect`
(success, refuse, either), `names` (what a refusal must name, one of these words), `session` and `after` (run beside and
after the reset), `probe` (a question that must be answered all the while), and what the case needs.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / "cases"
BY_CHOICE = "by choice"
WAYS: dict[str, tuple[str, ...]] = {BY_CHOICE: (), "empty": ("--empty",), "recreate": ("--recreate",)}
DOOMED = {
    "projections": ["users", "public"],
    "system": ["system"],
    "events": ["events"],
    "all": ["users", "public", "system", "events"],
}


class Case:
    """One torture database."""

    def __init__(self, file: Path) -> None:
        self.file, self.name = file, file.stem

    @cached_property
    def header(self) -> dict[str, str]:
        """The `-- key: value` lines at the top."""
        found = {}
        for line in self.file.read_text().splitlines():
            match = re.match(r"-- ([a-z-]+): ?(.*)$", line)
            if not match:
                break
            found[match[1]] = match[2].strip()
        return found

    @property
    def target(self) -> str:
        """What is reset."""
        return self.header.get("target", "projections")

    @property
    def expect(self) -> str:
        """How it must end: success, refuse or either."""
        return self.header.get("expect", "success")

    @property
    def doomed(self) -> list[str]:
        """The schemas whose contents the reset is about."""
        return DOOMED[self.target]

    @property
    def seconds(self) -> int:
        """How long a run may take."""
        return int(self.header.get("max-seconds", 60))

    @property
    def names(self) -> list[str]:
        """Objects of which a refusal must name one: those of the header, else any that the case's own file qualifies."""
        if "names" in self.header:
            return self.header["names"].split()
        return sorted(set(re.findall(r"\b[a-z_]\w*\.[a-z_]\w*", "".join(self.statements))))

    @property
    def extensions(self) -> list[str]:
        """Extensions that the server must have."""
        return self.header.get("needs-extensions", "").split()

    @property
    def statements(self) -> list[str]:
        """What makes this database nasty, in messages of their own."""
        text = self.file.read_text()
        # PREPARE TRANSACTION cannot share a simple query with what is around it.
        return [text[text.index("BEGIN;") :]] if "PREPARE TRANSACTION" in text else [text]

    def other(self, key: str) -> Path | None:
        """A file that the header names."""
        return FOLDER / self.header[key] if key in self.header else None

    @property
    def checks(self) -> list[Path]:
        """Its own assertions, and those of every case; after a restart of the application only its own hold."""
        own = self.file.with_suffix(".check.sql")
        return [own] if "after" in self.header else [own, FOLDER / "base.check.sql"]

    @property
    def cleanup(self) -> str:
        """What must not outlive the case, such as a prepared transaction."""
        file = self.file.with_suffix(".cleanup.sql")
        return file.read_text() if file.exists() else ""


CASES = [Case(f) for f in sorted(FOLDER.glob("T[0-9][0-9]_*.sql")) if f.name.count(".") == 1]
