"""A manifest as it is written: the names in it, looked up."""

from __future__ import annotations

from pathlib import Path

from balados_db.manifest.decoding import Reader, nearest
from balados_db.manifest.sections import ManifestFile, SchemaSection
from balados_db.model import MAIN, TableName


class Written(Reader):
    """One file and what it says. Whatever is looked up in vain raises ManifestInvalid, with where that stands."""

    def __init__(self, said: ManifestFile, file: Path) -> None:
        super().__init__(file)
        self.said = said

    def table(self, written: str, at: str) -> TableName:
        """Split SCHEMA.TABLE at the longest declared schema's name, else at the first dot."""
        declared = sorted((n for n in self.said.schemas if written.startswith(f"{n}.")), key=len)
        schema = declared[-1] if declared else written.partition(".")[0]
        name = written[len(schema) + 1 :]
        if not schema or not name:
            raise self.invalid(at, f"{written!r} is not a schema's name, a dot and a table's name")
        return TableName(schema, name)

    def schema_of(self, table: TableName, written: str, at: str) -> SchemaSection:
        """What is said of the schema that a table lies in."""
        schema = self.said.schemas.get(table.schema)
        if schema is None:
            near = nearest(table.schema, self.said.schemas)
            raise self.invalid(at, f"{written!r}: schema {table.schema!r} is not declared{near}")
        return schema

    def database(self, written: str | None, at: str) -> str:
        """A declared database's name; the main one's where none is written."""
        known = (MAIN, *self.said.databases)
        if written is None or written in known:
            return written or MAIN
        raise self.invalid(at, f"{written!r} is not one of {', '.join(known)}{nearest(written, known)}")

    def database_of(self, schema: str) -> str:
        """The database that a schema is said to lie in; one that is not declared lies in the main one."""
        section = self.said.schemas.get(schema)
        return (section.database if section else None) or MAIN
