"""One short function a step, found by its kind."""

from balados_db.execution import journalling, making, positions, proving
from balados_db.execution.run import HANDLERS, Run

__all__ = ["HANDLERS", "Run", "journalling", "making", "positions", "proving"]
