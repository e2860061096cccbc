"""A database of one test, and those beside it where the manifest declares several."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from balados_db.manifest.names import url_variable
from balados_db.model import MAIN

if TYPE_CHECKING:
    from psycopg import Connection

OURS = ("PG", "BALADOS_DB_", "DATABASE_URL")  # whatever could name another database


@dataclass(frozen=True)
class Database:
    """A migrated database that nothing else uses.

    Where the manifest declares several, `database["events"]` is the one of that name of the same test.
    """

    name: str
    url: str = field(repr=False)  # it holds the password
    manifest: Path
    beside: Mapping[str, Database] | None = field(default=None, repr=False, compare=False)

    @property
    def system(self) -> Mapping[str, Database]:
        """All databases of the test, by their names in the manifest, this one among them."""
        return {MAIN: self} if self.beside is None else self.beside

    def __getitem__(self, name: str) -> Database:
        """One of the test's databases, by its name in the manifest. Raises LookupError."""
        if name not in self.system:
            raise LookupError(f"no schema of {self.manifest} lies in a database {name!r}: {', '.join(self.system)}")
        return self.system[name]

    def connect(self, **options: Any) -> Connection[Any]:
        """Open an autocommit connection; `options` are psycopg's. Close it, or use it in a `with`."""
        import psycopg

        return psycopg.connect(self.url, **{"autocommit": True, **options})

    def execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run SQL in a transaction of its own; returns the rows of the last statement, if it has any."""
        with self.connect() as conn:
            cursor = conn.execute(text.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row."""
        return self.execute(text, parameters)[0][0]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `balados-db WORDS` on the test's databases, without a terminal: its exit status, what it answered."""
        # What the manifest's own URLs are made of leads to real databases.
        named = set(re.findall(r"\$\{(\w+)\}", self.manifest.read_text(encoding="utf-8")))
        kept = {name: v for name, v in os.environ.items() if not name.startswith(OURS) and name not in named}
        urls = {"BALADOS_DB_URL" if n == MAIN else url_variable(n): each.url for n, each in self.system.items()}
        return subprocess.run(
            [sys.executable, "-m", "balados_db", *words],
            # By the environment: everybody can read the arguments of a process, and the URL holds a password.
            env={**kept, **urls, "BALADOS_DB_MANIFEST": str(self.manifest)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def url_of(parts: Mapping[str, Any], name: str) -> str:
    """A URL of database `name` on the server that these parts of a connection string reach."""
    rest = {key: str(value) for key, value in parts.items() if value and key != "dbname"}
    login = ":".join(quote(rest.pop(key), safe="") for key in ("user", "password") if key in rest)
    host, port = rest.get("host", ""), rest.get("port", "")
    place = ""
    if host and not set(host) & set("/,") and "," not in port:
        place = f"[{host}]" if ":" in host else host
        place += f":{port}" if port else ""
        rest = {key: value for key, value in rest.items() if key not in ("host", "port")}
    where = f"{login}@{place}" if login else place
    return f"postgresql://{where}/{quote(name, safe='')}" + (f"?{urlencode(rest, quote_via=quote)}" if rest else "")
