"""Names that a manifest may give: of schemas, and of databases with the variables that hold their URLs."""

from __future__ import annotations

import re

from balados_db.model import OWN_SCHEMA


def url_variable(database: str) -> str:
    """The environment variable that names one of the databases beside the main one."""
    return "BALADOS_DB_URL_" + re.sub(r"\W", "_", database).upper()


def invalid_name(name: str) -> str | None:
    """Say what is wrong with a schema's name as PostgreSQL would see it; None when nothing is."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if not name or "\0" in name:
        return "a schema needs a name"
    if size > 63:
        return f"the name has {size} bytes; PostgreSQL cuts names after 63"
    if name.startswith("pg_") or name == "information_schema":
        return f"{name!r} belongs to PostgreSQL itself"
    if name == OWN_SCHEMA:
        return f"{name!r} is where balados-db keeps its own records"
    return None
