"""What the commands share that also work where no manifest is found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balados_db.cli.session import Session
from balados_db.errors import ManifestMissing

if TYPE_CHECKING:
    from psycopg import Connection

    from balados_db.model import Manifest


def manifest_file(session: Session) -> Path | None:
    """Where the manifest is, right or wrong; None where none is found. One that was named must be there."""
    from balados_db.manifest.place import find_manifest

    try:
        return find_manifest(session.options.manifest)
    except ManifestMissing:
        if session.options.manifest or os.environ.get("BALADOS_DB_MANIFEST"):
            raise
        return None


def manifest_or_none(session: Session) -> Manifest | None:
    """The manifest, if one is found; one that is wrong is an error."""
    return session.manifest if manifest_file(session) else None


def open_anyway(session: Session, manifest: Manifest | None) -> Connection[Any]:
    """Open the database that the sources name, with or without a manifest."""
    from balados_db.postgres.connection import connect
    from balados_db.postgres.source import find_source

    source = find_source(session.options.url, None) if manifest is None else session.source
    return connect(source, command=session.command.replace(" ", "-"), wait=session.options.wait)
