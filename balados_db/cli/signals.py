"""What ends a run from outside: signals and --timeout. The work is rolled back, and what became of it is told.

A handler raises Stopped in the main thread, once: the driver cancels what the server is doing, transactions are rolled
back. Where that does not come to an end either (a server that does not answer), the process ends all the same.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from balados_db.errors import BaladosDbError, Interrupted, RunTimeout, Stopped, Terminated
from balados_db.execution.course import Course
from balados_db.exits import ExitStatus

LATER = 5.0  # seconds from being asked to end to ending without having been able to
ASKED = 10.0  # more, while the server is asked what became of a commit: the truth is worth them
ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
TOLD = 2.0  # seconds in which an answer is written, if anybody reads it

Tell = Callable[[BaladosDbError], None]


class Watch:
    """Over the one run of this process."""

    def __init__(self) -> None:
        self.course = Course()
        self._asked = False
        self._number = 0  # of the signal that asked
        self._otherwise = sys.unraisablehook
        self._decided: tuple[float, ExitStatus] | None = None
        self._telling = threading.Lock()
        self._timers: list[threading.Timer] = []
        self._tell: Tell = lambda error: None

    def begin(self, tell: Tell, early: Sequence[int] = ()) -> None:
        """From now on signals end the run. One that the caller has told us to ignore (nohup, `&`) stays ignored.

        Raises Stopped for one that came `early`.
        """
        self._tell = tell
        if sys.unraisablehook != self._unheard:
            self._otherwise, sys.unraisablehook = sys.unraisablehook, self._unheard
        for name in ENDING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handler(_error(number)))
        for number in early:
            raise Stopped(_error(number))

    def bound(self, seconds: float) -> None:
        """End the run after this long: by an alarm, and by a thread where the alarm is not heard."""
        error = RunTimeout(seconds=seconds, outcome="")
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._handler(error))
            signal.setitimer(signal.ITIMER_REAL, seconds)
        self._end_later(error, seconds + LATER)

    def decide(self, status: ExitStatus) -> None:
        """The outcome is decided: nothing turns the telling of it into another one. Who tells has all the time that
        its reader takes, unless somebody asks once more.
        """
        if self._decided is None:
            self._decided = (time.monotonic(), status)
            self._telling.acquire()  # never given back: it is told once
        for timer in self._timers:
            timer.cancel()

    def end(self) -> None:
        """It is told. While the interpreter takes itself apart, a signal would still kill it, with another status."""
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for name in ENDING:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)

    def _handler(self, error: BaladosDbError) -> Any:
        def handle(number: int, frame: FrameType | None) -> None:
            if self._decided is not None:
                self._hurry(number)
            elif self.course.settled and not self.course.open:
                self.course.stopped = self.course.stopped or error
            elif not self._asked:
                self._asked, self._number = True, number
                self._end_later(error, LATER)
                raise Stopped(error)

        return handle

    def _unheard(self, ignored: sys.UnraisableHookArgs) -> None:
        """In callbacks of its own (an import's lock, a finalizer) the interpreter ignores what is raised: the signal is
        sent again, a moment later, when that is over.
        """
        if not isinstance(ignored.exc_value, Stopped):
            self._otherwise(ignored)
            return
        self._asked = False
        again = threading.Timer(0.01, os.kill, (os.getpid(), self._number))
        again.daemon = True
        again.start()

    def _hurry(self, number: int) -> None:
        """Nobody reads the answer, and somebody wants us to end."""
        assert self._decided is not None
        at, status = self._decided
        if time.monotonic() - at > TOLD:
            os._exit(int(status))
        if number == getattr(signal, "SIGALRM", None):
            signal.setitimer(signal.ITIMER_REAL, TOLD)

    def _end_later(self, error: BaladosDbError, seconds: float, *, postponed: bool = False) -> None:
        timer = threading.Timer(seconds, self._end, (error, postponed))
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _end(self, error: BaladosDbError, postponed: bool) -> None:
        """In a thread of its own: the main one does not come back. The server sees that we are gone, and rolls back."""
        if self.course.unsure and not postponed:
            self._end_later(error, ASKED, postponed=True)
            return
        if self.course.settled or not self._telling.acquire(blocking=False):
            return
        self._tell(self.course.ended(error))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(int(error.exit_status))


def _error(number: int) -> BaladosDbError:
    return Interrupted(outcome="") if number == signal.SIGINT else Terminated(outcome="")


WATCH = Watch()
