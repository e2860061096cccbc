"""Clients told to stop in the middle: the database is as before or as promised, and exit status and JSON say which."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from balados_db.exits import ExitStatus
from tests.torture.test_crashes import (
    JOBS,
    PATIENCE,
    SIDE_BY_SIDE,
    Ground,
    Job,
    Moment,
    Trials,
    ground,
    moments,
    reach,
    start,
)

__all__ = ["ground"]  # the fixture: a server of this file alone

ENDS = {
    signal.SIGTERM: ExitStatus.TERMINATED,
    signal.SIGINT: ExitStatus.INTERRUPTED,
    signal.SIGHUP: ExitStatus.TERMINATED,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every job when there is time; else three that are unlike each other."""
    unlike = ("projections, emptied", "all, recreated", "migrate")
    chosen = [job for job in JOBS if job.name in unlike or metafunc.config.getoption("thorough")]
    metafunc.parametrize("job", chosen, ids=[job.name for job in chosen])


def stop(trials: Trials, moment: Moment, number: signal.Signals) -> None:
    """Send the signal, twice: an impatient person presses Ctrl-C again."""
    trial = trials.take()
    run = start(trial.job, trial.database)
    reach(moment, run)
    late = run.poll() is not None
    for _ in range(2):
        run.send_signal(number)
    out, err = run.communicate(timeout=PATIENCE)
    told_the_truth(run, out, err, trials.end(trial, cut=not late), number)


def told_the_truth(run: subprocess.Popen[str], out: str, err: str, end: str, number: signal.Signals) -> None:
    """Done is status 0 and `changed`; taken back is the signal's own status, and says so. Nothing is in doubt."""
    if run.returncode == -number:  # before Python was there to hear it
        assert (end, out) == ("before", "")
        return
    assert "Traceback" not in err
    answer = json.loads(out)
    assert answer["exit_status"] == run.returncode
    expected = (ExitStatus.OK, True) if end == "promised" else (ENDS[number], False)
    assert (run.returncode, answer["changed"]) == expected, (end, out)
    if end == "before":
        assert "Nothing was changed" in answer["errors"][0]["message"]


def test_a_client_that_is_told_to_stop(job: Job, ground: Ground, thorough: bool, outcome: Callable[..., None]) -> None:
    """SIGTERM, SIGINT and SIGHUP at step boundaries, between, before the first step and around the commit."""
    _, steps = ground.promise(job)
    trials = Trials(ground, job)
    rng = random.Random(f"signals {job.name}")
    planned = moments(steps, rng, thorough=thorough)
    planned += [Moment(steps, seconds) for seconds in (0.0, 0.001, 0.003)]  # the commit follows the last step
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        done = [pool.submit(stop, trials, moment, rng.choice(list(ENDS))) for moment in planned]
    outcome("kills", name=f"signals to {job.name}", **trials.facts())
    for one in done:
        one.result()
