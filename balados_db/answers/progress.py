"""What `--progress json` writes to standard error: one line when something begins or was seen."""

from __future__ import annotations

from dataclasses import dataclass

from balados_db.planning.rebuild import Standing

PROGRESS = "balados-db/progress/1"


@dataclass(frozen=True, kw_only=True)
class ProgressLine:
    """A step that begins; of `rebuild`, what one look saw of one projector.

    `step` is the id of the plan's step, or `rebuild:` and the projector's name. `done` of `total`: steps that were
    carried out before this one; of a rebuild, events that were seen of those that are to be, null where nobody knows.
    `seconds` since the run or the watching began. `projector` is all that is known of it, null where it is a step.
    """

    schema: str = PROGRESS
    step: str
    summary: str
    done: int | None
    total: int | None
    seconds: float
    projector: Standing | None = None
