"""Balados Sync with its event store in a database of its own: a manifest, and the two databases made by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.conftest import EXAMPLE, ROOT, Database

VERSIONS = """
create table public.projection_versions (
  projection_name text primary key,
  last_seen_event_number bigint,
  inserted_at timestamp not null,
  updated_at timestamp not null
)
"""


def manifest_apart(folder: Path) -> Path:
    """The example's manifest, but for where things lie; `projection_versions` is beside the tables, as Ecto has it."""
    text = EXAMPLE.read_text()
    for path in ("migrations/", "sql/"):
        text = text.replace(f'"{path}', f'"{ROOT}/{path}')
    text = text.replace(
        'url = "${DATABASE_URL}"', 'url = "${DATABASE_URL}"\n\n[databases.events]\nurl = "${EVENTS_URL}"'
    )
    text = text.replace('kind = "event_store"\n', 'kind = "event_store"\ndatabase = "events"\n')
    text += """
[[checkpoints]]
table = "public.projection_versions"
projector = "projection_name"
position = "last_seen_event_number"
optional = true

[rebuild]
notify = "rebuilt"
"""
    file = folder / "apart.toml"
    file.write_text(text)
    return file


@dataclass(frozen=True)
class Apart:
    """The two databases, and what the command needs to find them."""

    main: Database
    events: Database

    @property
    def env(self) -> dict[str, str]:
        """The variables that the manifest names."""
        return {"DATABASE_URL": self.main.url, "EVENTS_URL": self.events.url}

    def snapshot(self) -> tuple[dict[str, str], dict[str, str]]:
        """Everything in both."""
        return self.main.snapshot(), self.events.snapshot()
