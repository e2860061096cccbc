"""Which scope a reset has: the one that was named, or what a schema or a projector implies; and whose name is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balados_db.errors import BaladosDbError
from balados_db.model import Scope
from balados_db.planning.scope import scope_of
from tests.unit.builders import LOG, MANIFEST, MEMBERS, READING

SAID = {
    "nothing": ((None, None, None), None),
    "a scope": (("all", None, None), Scope.ALL),
    "a permanent schema": ((None, MEMBERS, None), Scope.SYSTEM),
    "a projection": ((None, READING, None), Scope.PROJECTIONS),
    "the event store": ((None, LOG, None), Scope.EVENTS),
    "a projector": ((None, None, "Feed"), Scope.PROJECTIONS),
    "a scope that its schema does not have: refused later": (("projections", LOG, None), Scope.PROJECTIONS),
    "a projector and a schema": ((None, LOG, "Feed"), Scope.PROJECTIONS),
}
REFUSED = {
    "an unknown schema": ((None, "readings", None), "unknown_schema", "did you mean 'reading'?"),
    "an unknown schema beside a scope": (("all", "zzz", None), "unknown_schema", "it declares members, reading"),
    "an unknown projector": ((None, None, "Fed"), "unknown_projector", "did you mean 'Feed'?"),
    "who must never replay": (("projections", None, "Mailer"), "replay_never", "not as a projector"),
}


@pytest.mark.parametrize(("said", "scope"), SAID.values(), ids=SAID)
def test_what_was_named_has_a_scope(said: tuple[str | None, str | None, str | None], scope: Scope | None) -> None:
    """The scope itself wins; a projector means projections, a schema its kind."""
    assert scope_of(MANIFEST, *said) is scope


@pytest.mark.parametrize(("said", "code", "hint"), REFUSED.values(), ids=REFUSED)
def test_a_name_that_nobody_declared_is_refused(
    said: tuple[str | None, str | None, str | None], code: str, hint: str
) -> None:
    """The command and the library say the same: which name, and the nearest right one."""
    with pytest.raises(BaladosDbError) as refused:
        scope_of(replace(MANIFEST, subscriptions={"Mailer": "never"}), *said)

    assert refused.value.code == code
    assert hint in refused.value.hint
