"""`history`: every destructive run, from inside the database that it was done to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balados_db.answers.looking import HistoryAnswer, SeenReceipt
from balados_db.cli.databases import look_at_each
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.cli.standalone import manifest_or_none, open_anyway
from balados_db.report import Report

if TYPE_CHECKING:
    from balados_db.postgres.reference import Receipt


@command("history", "Every destructive run, from inside the database, the newest first.")
def history(session: Session) -> Report:
    """Read the receipts. A database that has none is no error."""
    if manifest_or_none(session) is None:
        return _history(session)
    return look_at_each(session, _history)


def _history(session: Session) -> Report:
    from balados_db.postgres.catalog import read_identity
    from balados_db.postgres.connection import translated
    from balados_db.postgres.reference import read_receipts

    with open_anyway(session, manifest_or_none(session)) as conn, translated("read the history"):
        identity, receipts = read_identity(conn), read_receipts(conn)
    runs = tuple(_run(receipt) for receipt in receipts)
    return Report(
        command=session.command,
        identity=identity,
        result=HistoryAnswer(runs=runs),
        tables={f"{identity.database} on {identity.server}": tuple(_row(run) for run in runs)},
        text=None if runs else f"Nothing is recorded in {identity.database}.",
    )


def _run(receipt: Receipt) -> SeenReceipt:
    return SeenReceipt(
        id=receipt.id,
        when=f"{receipt.at:%Y-%m-%dT%H:%M:%SZ}",
        command=receipt.command,
        scope=receipt.scope,
        role=receipt.role,
        client=receipt.client,
        digest=receipt.digest,
        tables=receipt.tables,
        rows=receipt.rows,
        exact=receipt.exact,
    )


def _row(run: SeenReceipt) -> dict[str, Any]:
    """For people the digest's beginning tells runs apart, as a commit's does."""
    from balados_db.rendering.amounts import count

    names = ("id", "when", "command", "scope", "role", "client")
    destroyed = {"digest": run.digest.rpartition(":")[2][:12], "destroyed": count(run.rows, run.exact)}
    return {**{name: getattr(run, name) for name in names}, **destroyed}
