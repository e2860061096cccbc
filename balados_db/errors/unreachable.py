"""Cannot connect or authenticate, no such database, none running (exit 8)."""

from __future__ import annotations

from balados_db.errors.tree import BaladosDbError
from balados_db.exits import ExitStatus


class Unreachable(BaladosDbError):
    """Cannot connect to {target}: {problem}"""

    code = "unreachable"
    exit_status = ExitStatus.UNREACHABLE
    cure = "check that the server runs and listens there; --wait SECONDS waits for it"
    again = "--wait 30"


class AuthenticationFailed(Unreachable):
    """{target} does not accept this login: {problem}"""

    code = "authentication_failed"
    cure = "check user name and password"


class EncryptionFailed(Unreachable):
    """{target} and the connection's settings do not agree about TLS: {problem}"""

    code = "encryption_failed"
    cure = "compare sslmode and the certificates that the URL or PG* variables name with what the server offers"


class NoDatabase(Unreachable):
    """Database {database!r} does not exist on {target}."""

    code = "no_database"
    cure = "create it with balados-db create"
    mends = ("balados-db create",)


class NotInPool(Unreachable):
    """The pooler at {target} knows no database {database!r}."""

    code = "not_in_pool"
    cure = "add it to the pooler's databases, or give a URL that goes straight to the server"


class ConnectionLost(Unreachable):
    """The connection to {target} was lost: {problem}. {outcome}"""

    code = "connection_lost"
    mends = ("balados-db status",)


class ServerNotRunning(Unreachable):
    """No embedded PostgreSQL is running in {home}."""

    code = "server_not_running"
    cure = "start it with balados-db server start"
    mends = ("balados-db server start",)
