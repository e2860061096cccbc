"""What torture tests found out: carried from the workers, printed in the end, kept as JSON lines for the matrix.

A line is `{"kind": …, "test": …, "passed": …, …facts}`. Besides the kinds of `FACTS` there are `failure` and `skip`, which
are written here for every test that ended so.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.torture.case import BY_CHOICE, CASES, WAYS

FILE = "BALADOS_DB_TEST_OUTCOMES"
# The kinds that a test may report, and the facts that a table of many runs is made of. Others are welcome.
FACTS = {
    "case": ("name", "way", "expect", "exit", "code"),
    "missing": ("name", "extensions"),
    "kills": ("name", "count"),
    "loop": ("name", "rounds"),
    "size": ("name", "seconds"),
}
Outcome = dict[str, Any]


def new(kind: str, facts: Outcome) -> Outcome:
    """An outcome of a known kind with the facts of that kind; anything else is a mistake in the test."""
    lacking = [name for name in FACTS[kind] if name not in facts]
    assert not lacking, f"an outcome of kind {kind} needs {', '.join(lacking)}"
    return {"kind": kind, **facts}


class Outcomes:
    """Collects in the first process of a run what the tests report, wherever they run."""

    def __init__(self) -> None:
        self.found: list[Outcome] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for outcome in _reported(report):
            self.found.append(outcome)
            if FILE in os.environ:
                with Path(os.environ[FILE]).open("a") as file:
                    file.write(json.dumps(outcome) + "\n")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if broken_promises(self.found) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        lines = [*summary(self.found), *(f"FAILED {promise}" for promise in broken_promises(self.found))]
        if lines:
            terminalreporter.section("torture")
        for line in lines:
            terminalreporter.write_line(line)


def _reported(report: pytest.TestReport) -> list[Outcome]:
    # A report of each phase carries everything reported until then: the call's is complete, and comes once.
    carried = [json.loads(str(value)) for name, value in report.user_properties if name == "outcome"]
    found = [{**facts, "test": report.nodeid, "passed": report.passed} for facts in carried if report.when == "call"]
    if report.failed or report.skipped:
        kind = "failure" if report.failed else "skip"
        found.append({"kind": kind, "test": report.nodeid, "reason": _reason(report)})
    return found


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    said = crash.message.splitlines()[:1] if crash else report.longreprtext.splitlines()[-1:]
    return "".join(said)[:300]


def ending(case: Outcome) -> str:
    """How a case ended: done, refused or failed."""
    if not case["passed"]:
        return "failed"
    return "done" if case["exit"] == 0 else "refused"


def summary(found: list[Outcome]) -> list[str]:
    """One line a case, one a number that somebody will want to see, and the sums."""
    cases = sorted((o for o in found if o["kind"] == "case"), key=lambda o: (o["name"], o["way"]))
    lines = [f"{_ways(list(group))}" for group in _by_name(cases)]
    lines += dict.fromkeys(_told(o) for o in found if o["kind"] in ("missing", "kills", "loop", "size"))
    return [*lines, _sums(cases, found)] if lines else []


def _by_name(cases: list[Outcome]) -> list[list[Outcome]]:
    names = dict.fromkeys(case["name"] for case in cases)
    return [[case for case in cases if case["name"] == name] for name in names]


def _ways(cases: list[Outcome]) -> str:
    told = (f"{c['way']}: {' '.join(filter(None, (ending(c), c['code'] or '')))}" for c in cases)
    return f"{cases[0]['name']:42} {', '.join(told)}"


def _told(outcome: Outcome) -> str:
    facts = (f"{k}={v}" for k, v in outcome.items() if k not in ("kind", "name", "test", "passed"))
    return f"{outcome['kind']} {outcome['name']}: {', '.join(facts)}" + ("" if outcome["passed"] else " FAILED")


def broken_promises(found: list[Outcome]) -> list[str]:
    """What does not hold of the whole, once every case has been run each way; nothing of a part."""
    cases = [o for o in found if o["kind"] == "case"]
    seen = {(o["name"], o["way"]) for o in cases}
    lacking = {o["name"] for o in found if o["kind"] == "missing"}
    if not {(case.name, way) for case in CASES if case.name not in lacking for way in WAYS} <= seen:
        return []
    chosen = [o for o in cases if o["way"] == BY_CHOICE]
    refused = [o["name"] for o in chosen if o["expect"] == "success" and ending(o) != "done"]
    broken = [f"refused by the plan's own choice, where success is expected: {', '.join(refused)}"] if refused else []
    return broken + [f"more refused than done ({told})" for told, part in (("each way", cases), ("by choice", chosen))
                     if _more_refused(part)]  # fmt: skip


def _more_refused(cases: list[Outcome]) -> bool:
    ends = Counter(ending(case) for case in cases)
    return ends["refused"] > ends["done"]


def _sums(cases: list[Outcome], found: list[Outcome]) -> str:
    ends = Counter(ending(case) for case in cases)
    codes = Counter(case["code"] for case in cases if ending(case) == "refused")
    named = ", ".join(f"{n} {code}" for code, n in codes.most_common())
    parts = [f"{ends['done']} done", f"{ends['refused']} refused" + (f" ({named})" if named else "")]
    parts += [f"{ends['failed']} failed"] if ends["failed"] else []
    return ", ".join([*parts, f"{total(found, 'kills', 'count')} killed, {total(found, 'loop', 'rounds')} loop rounds"])


def total(found: list[Outcome], kind: str, fact: str) -> int:
    """The sum of a fact over all outcomes of a kind."""
    return sum(int(outcome[fact]) for outcome in found if outcome["kind"] == kind)
