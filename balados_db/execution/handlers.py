"""One short function a step, found by its kind."""

from balados_db.execution import making, proving
from balados_db.execution.run import HANDLERS, Run

__all__ = ["HANDLERS", "Run", "making", "proving"]
