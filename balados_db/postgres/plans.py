"""Which plan files were applied to this database: each works once."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from psycopg.sql import Identifier

from balados_db.errors import PlanAlreadyApplied
from balados_db.model import OWN_SCHEMA, TableName
from balados_db.plan_file import PlanFile
from balados_db.planning.plan import in_shell
from balados_db.postgres.eventstore import existing_tables
from balados_db.postgres.queries import query

if TYPE_CHECKING:
    from psycopg import Connection

OWN = Identifier(OWN_SCHEMA)
TABLE = TableName(OWN_SCHEMA, "applied_plan")


def refuse_used(conn: Connection[Any], file: PlanFile) -> None:
    """Raises PlanAlreadyApplied, which says when and by whom, and what finishes it if it did not come to its end."""
    if not existing_tables(conn, [TABLE]):
        return
    row = conn.execute(query("select_applied_plan").format(own=OWN), {"id": file.id}).fetchone()
    if row is None:
        return
    resume = " ".join(("balados-db", *row.arguments))
    raise PlanAlreadyApplied(
        word="applied" if row.ended else "begun",
        at=row.at,
        role=row.role,
        client=row.client,
        command=file.command,
        planned=in_shell(file.arguments),
        id=file.id,
        arguments=list(row.arguments),
        unfinished=not row.ended,
        hint=None if row.ended else f"it did not come to its end; what is left of it is done by its command: {resume}",
    )


def use_up(conn: Connection[Any], file: PlanFile) -> None:
    """Note, in the transaction that does the work, that this file's id is used up."""
    if not existing_tables(conn, [TABLE]):
        conn.execute(query("create_records").format(own=OWN))
        conn.execute(query("create_applied_plans").format(own=OWN))
    values = {
        "id": file.id,
        "digest": file.digest,
        "command": file.command,
        "arguments": list(file.arguments),
        "planned_at": file.created_at,
        "client": socket.gethostname(),
    }
    conn.execute(query("use_up_plan").format(own=OWN), values)


def end(conn: Connection[Any], file: PlanFile) -> None:
    """Note, in the last transaction, that nothing of it is left."""
    conn.execute(query("end_plan").format(own=OWN), {"id": file.id})


def end_begun_resets(conn: Connection[Any]) -> None:
    """Note, when the journal is closed, that whichever plan opened it has nothing left to be done."""
    if existing_tables(conn, [TABLE]):
        conn.execute(query("end_begun_resets").format(own=OWN))
