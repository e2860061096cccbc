"""Manifests to read: a small one, and one that spells its event store out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from balados_db.model import Manifest

Write = Callable[[str], Path]
Load = Callable[[str], Manifest]

SMALL = """
version = 1
[schemas.reading]
kind = "projection"
[schemas.members]
kind = "permanent"
[schemas.log]
kind = "event_store"
"""

CUSTOM = """
version = 1
[schemas.reading]
kind = "projection"
[schemas.log]
kind = "event_store"
layout = "custom"

[event_store]
proof = ["messages"]
tables = ["messages", "categories"]
head = "select max(position) from {event_store}.messages"
seed = "insert into {event_store}.categories values (1)"
additions = "9*.sql"
reset_settings = { "store.reset" = "on" }
guards = { messages = ["update", "truncate"] }
triggers = { messages = ["tell"] }

[event_store.liveness]
table = "consumers"
id = "id"
name = "name"

[[event_store.checkpoints]]
table = "consumers"
projector = "name"
position = "position"

[[checkpoints]]
table = "reading.tokens"
projector = "owner"
forget = { set = { token = "", position = 0 } }
where = "kind = 'projector'"

[[checkpoints]]
table = "elsewhere.marks"
projector = "who"
forget = { sql = "delete from elsewhere.marks where who = any (%(projectors)s)" }
undeclared = "keep"
"""
