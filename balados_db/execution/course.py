"""How far a run is, for whoever may have to end it: what is committed stays, and has to be said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from balados_db.answers.answer import StepResult
from balados_db.errors import BaladosDbError, Stopped

IN_DOUBT = "It is not known whether the last deed was done: run the command again, it looks first."


@dataclass
class Course:
    """Written by the executor alone, read by handlers of signals at any moment: each change is one assignment."""

    began: bool = False
    done: tuple[StepResult, ...] = ()  # what is committed
    phases: int = 0  # how many of the plan's are
    settled: bool = False  # the last one is: from now on an interruption undoes nothing, and only hurries
    unsure: bool = False  # a commit was sent, or something runs that no transaction takes back
    stopped: BaladosDbError | None = None  # asked to end after the last commit
    open: bool = False  # something goes on after it that may be interrupted all the same

    def begin(self) -> None:
        """Another plan is carried out. Raises Stopped where the run was asked to end after the one before."""
        if self.stopped is not None:
            raise Stopped(self.stopped)
        self.done, self.phases, self.settled, self.unsure, self.began = (), 0, False, False, True

    def commit(self, phases: int, done: Sequence[StepResult], *, last: bool) -> None:
        """So many phases are committed by now, with these deeds. Said twice it is the same."""
        self.done, self.phases = tuple(done), phases
        self.unsure = False
        self.settled = last

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Go on after the last commit with what may be interrupted. Raises Stopped, also for what was asked before."""
        self.open = True
        try:
            if self.stopped is not None:
                raise Stopped(self.stopped)
            yield
        finally:
            self.open = False

    @property
    def outcome(self) -> str:
        """What became of it, for a run that is ended now."""
        if self.unsure:
            return IN_DOUBT
        return "Nothing was changed." if self.began else "Nothing was changed, or it was rolled back."

    def ended(self, error: BaladosDbError) -> BaladosDbError:
        """The error of a run that is ended from outside, with what became of the work."""
        error.facts.update(outcome=self.outcome, in_doubt=self.unsure)
        if not error.done:
            error.done = tuple(step.summary for step in self.done)
        return error
