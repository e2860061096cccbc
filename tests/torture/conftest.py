"""How a torture test says what it found out.

`outcome(kind, **facts)` reports one outcome; a test may report many, and reports before it asserts, so that a failure is
counted too. Each kind has facts that the summary and the matrix read; any others are printed as they are:

    outcome("case", name="T01_ext_in_public", way="empty", expect="success", exit=0, code="")
    outcome("kills", name="client at any step", count=300, before=120, promised=180)
    outcome("loop", name="projector's life", rounds=50)
    outcome("size", name="1,600 tables recreated", seconds=12.3)

Facts are JSON values. pytest's terminal summary shows all of them, under xdist too; BALADOS_DB_TEST_OUTCOMES names a file that
gets them as JSON lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.torture import outcomes


@pytest.fixture
def outcome(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Report what was found out: a kind of `outcomes.FACTS`, and facts."""

    def report(kind: str, **facts: Any) -> None:
        text = json.dumps(outcomes.new(kind, facts))
        record_property("outcome", text)
        print(text)

    return report


@pytest.fixture
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether this is `make torture`: hundreds of crashes, minutes of loops."""
    return bool(pytestconfig.getoption("--thorough"))
