"""Run an embedded PostgreSQL from whatever binaries are at hand.

    with EmbeddedServer(Path(".balados-db")) as server:
        psycopg.connect(server.url())

A server lives in its *home*, a folder that belongs to whoever starts it:

    data/       the cluster, 0700                secret      the superuser's password, 0600
    server.log  what the server says, 0600       lock        held while somebody starts or stops it
    pg/         a copy of the binaries           elsewhere   names the folder that holds data/ and pg/ instead

PostgreSQL refuses to run as root, so root hands the server to another account: SUDO_USER, else `postgres`, else
`nobody`. No folder that exists is opened for that account. Binaries that it cannot reach are copied to `pg/`. When
it cannot reach the home (under /root, say), data/ and pg/ lie in a new folder under /var/lib (or the temporary
directory, if the server need not be durable) that only root can change, and `elsewhere` says which.

The server outlives its owner: whoever calls `start()` next, in whatever process, is given the same one.
"""

from balados_db.embedded.binaries import find_binaries
from balados_db.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "find_binaries"]
