"""Put the JSON Schema of every command's object into the wheel, made from the types when it is built."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Schemas(BuildHookInterface):  # type: ignore[type-arg]
    """Files for those who read a wheel without running it; `explain --schema` makes the same ones."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable installation has the types themselves."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from balados_db.rendering.schemas import every_schema

        folder = Path(tempfile.mkdtemp(prefix="balados-db-schemas-"))
        for name, schema in every_schema().items():
            file = folder / f"{name.replace(' ', '-')}.json"
            file.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            build_data["force_include"][str(file)] = f"balados_db/schemas/{file.name}"
