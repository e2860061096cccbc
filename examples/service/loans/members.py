"""Who may borrow: permanent data, written here and nowhere else."""

from __future__ import annotations

from typing import Any

from psycopg import Connection


def join(conn: Connection[Any], email: str) -> None:
    """Make somebody a member."""
    conn.execute("insert into members.members (email) values (%s)", [email])


def emails(conn: Connection[Any]) -> list[str]:
    """All members."""
    return [email for (email,) in conn.execute("select email from members.members order by email")]
