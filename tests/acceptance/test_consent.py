"""Consent: only the plan's own phrase, given or typed, destroys anything."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.terminal import PROMPT, Terminal
from tests.conftest import EXAMPLE, Database, Result

Run = Callable[..., Result]

PHRASES = {
    "projections": "DELETE",
    "system": "DELETE",
    "events": "DELETE ALL EVENTS",
    "all": "DELETE ALL DATA",
}
SCHEMAS = {
    "projections": ("users", "public"),
    "system": ("system",),
    "events": ("events",),
    "all": ("users", "public", "system", "events"),
}
HISTORY = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock", "schema_migrations")
POSITIONS = ("events.subscriptions", "events.projection_versions")


def refusals(phrase: str) -> list[str]:
    """Everything near a phrase that is not the phrase, and the other phrases."""
    return [
        *sorted({*PHRASES.values()} - {phrase}),
        phrase[:-1],
        phrase[: len(phrase) // 2],
        phrase.lower(),
        phrase.title(),
        f"{phrase} ",
        f" {phrase}",
        f"{phrase}\n",
        f"'{phrase}'",
        phrase.replace(" ", "  ") if " " in phrase else f"{phrase}  {phrase}",
        "",
        "yes",
    ]


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run subprocesses side by side: most of their time is the start of Python."""
    with ThreadPoolExecutor(4) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def contents(database: Database, scope: str) -> dict[str, int]:
    """Rows of every table in a scope, but for the histories of migrations."""
    tables = database.execute(
        "select format('%%I.%%I', schemaname, tablename) from pg_tables"
        " where schemaname = any (%s) and tablename <> all (%s)",
        list(SCHEMAS[scope]),
        list(HISTORY),
    )
    return {table: database.rows(table) for (table,) in tables}


def outside(database: Database, scope: str) -> dict[str, str]:
    """Everything but the scope and the positions that go with it."""
    others = [schema for schema in SCHEMAS["all"] if schema not in SCHEMAS[scope]]
    if not others:
        return {}
    positions = {f"rows {table}" for table in POSITIONS} if scope != "system" else set()
    return {key: fact for key, fact in database.snapshot(*others).items() if key not in positions}


def assert_done(database: Database, scope: str, kept: dict[str, str]) -> None:
    """The scope is empty, whoever followed it is forgotten, the rest is what it was."""
    left = {table: rows for table, rows in contents(database, scope).items() if rows}
    if scope in ("events", "all"):
        assert left == {"events.streams": 1}, "a new event store holds its first stream and nothing else"
    elif scope == "projections":
        names = "BaladosSyncCore.ProcessManagers.AddFeedToDefaultCollection"
        assert database.execute("select subscription_name from events.subscriptions") == [(names,)]
        assert database.rows("events.projection_versions") == 0
    if scope in ("projections", "system"):
        assert left == {}
    assert outside(database, scope) == kept


# ── --confirm ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scope", PHRASES)
def test_only_the_plan_s_own_phrase_passes(scope: str, filled: Database, run_cli: Run) -> None:
    """Other phrases, prefixes, other cases and blanks anywhere change nothing; then the phrase itself is enough."""
    before, kept = filled.snapshot(), outside(filled, scope)

    def attempt(phrase: str) -> Result:
        return run_cli("reset", f"--{scope}", "--json", "--confirm", phrase, database=filled)

    wrong = refusals(PHRASES[scope])
    for phrase, result in zip(wrong, together([lambda p=p: attempt(p) for p in wrong]), strict=True):
        assert (result.status, result.code) == (3, "not_confirmed"), f"{phrase!r} was accepted"
        assert result.json["exit_status"] == 3
        assert "--confirm" not in json.dumps(result.json["next_actions"])
    assert filled.snapshot() == before

    done = attempt(PHRASES[scope])

    assert done.status == 0, done.err
    assert done.json["changed"] is True
    assert_done(filled, scope, kept)


def test_a_refusal_is_one_object_for_programs(filled: Database, run_cli: Run) -> None:
    """With --json, standard output holds one object and standard error nothing; the phrase is nowhere."""
    commands = [("reset", "--all"), ("reset", "--events", "--confirm", "no"), ("rollback", "--schema", "system")]

    for result in together([lambda c=c: run_cli(*c, "--json", database=filled) for c in commands]):
        assert (result.status, result.code, result.err) == (3, "not_confirmed", "")
        assert result.out.count("\n") == 1
        assert (result.json["ok"], result.json["exit_status"], result.json["changed"]) == (False, 3, False)
        (again,) = result.json["next_actions"]
        assert "--dry-run" in again
        assert "--confirm" not in again
        assert "--dry-run" in result.json["errors"][0]["hint"]
        assert "DELETE" not in result.out


# ── without a terminal ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scope", PHRASES)
def test_without_a_terminal_nobody_is_asked(scope: str, filled: Database, run_cli: Run) -> None:
    """No input, and a phrase that is piped in, decline at once; the message names the flag and not the phrase."""
    before = filled.snapshot()
    piped = f"{PHRASES[scope]}\n"

    for result in together(
        [
            lambda: run_cli("reset", f"--{scope}", database=filled, timeout=20),
            lambda: run_cli("reset", f"--{scope}", database=filled, timeout=20, stdin=piped),
            lambda: run_cli("reset", f"--{scope}", "--quiet", database=filled, timeout=20, stdin=piped * 3),
        ]
    ):
        assert (result.status, result.code, result.out) == (3, "not_confirmed", "")
        assert "--confirm" in result.err
        assert PHRASES[scope] not in result.err
        assert PROMPT not in result.err
    assert filled.snapshot() == before


def test_nothing_around_the_command_grants_consent(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """No environment variable, no other option and no key of the manifest stands in for the phrase."""
    before = filled.snapshot()
    names = ("BALADOS_DB_CONFIRM", "BALADOS_DB_YES", "BALADOS_DB_FORCE", "CI", "DEBIAN_FRONTEND", "CONFIRM")
    granted = {**dict.fromkeys(names, "DELETE"), "BALADOS_DB_ASSUME_YES": "1"}
    options = ("--yes", "-y", "--force", "-f", "--no-confirm", "--assume-yes", "--no-input")
    keys = ('auto = "DELETE"', "skip = true", 'projections = ""', 'projections = "D"', 'projections = "DELETE "')

    def with_key(number: int, key: str) -> Result:
        file = tmp_path / f"{number}.toml"
        file.write_text(f'version = 1\n[schemas.users]\nkind = "projection"\n[confirmation]\n{key}\n')
        return run_cli("reset", "--projections", "--confirm", "DELETE", database=filled, manifest=file)

    assert run_cli("reset", "--projections", database=filled, env=granted).status == 3
    for result in together([lambda o=o: run_cli("reset", "--projections", o, database=filled) for o in options]):
        assert result.status == 2, result.arguments
    for result in together([lambda n=n, k=k: with_key(n, k) for n, k in enumerate(keys)]):
        assert (result.status, result.code) == (2, "manifest_invalid"), result.err
    assert filled.snapshot() == before


def test_a_longer_phrase_replaces_the_default(filled: Database, run_cli: Run, tmp_path: Path) -> None:
    """Where the manifest makes a phrase longer, the default is as wrong as anything else."""
    phrase = "DELETE what can be rebuilt — really"
    manifest = tmp_path / "balados-db.toml"
    here = EXAMPLE.read_text().replace('"migrations/', f'"{EXAMPLE.parent}/migrations/')
    here = here.replace('"sql/eventstore"', f'"{EXAMPLE.parent}/sql/eventstore"')
    manifest.write_text(f'{here}\n[confirmation]\nprojections = "{phrase}"\n')
    before, kept = filled.snapshot(), outside(filled, "projections")

    def attempt(*words: str) -> Result:
        return run_cli("reset", "--json", "--projections", *words, database=filled, manifest=manifest)

    wrong = ["DELETE", phrase[:-1], phrase.upper(), f"{phrase} ", "DELETE ALL DATA"]
    for result in together([lambda w=w: attempt("--confirm", w) for w in wrong]):
        assert (result.status, result.code) == (3, "not_confirmed")
    assert attempt("--dry-run").json["plan"]["phrase"] == phrase
    assert filled.snapshot() == before

    assert attempt("--confirm", phrase).status == 0
    assert_done(filled, "projections", kept)


def test_one_phrase_confirms_one_plan(filled: Database, run_cli: Run) -> None:
    """Two phrases, like two scopes, are refused rather than one of them chosen."""
    before = filled.snapshot()

    for words in (("--confirm", "no", "--confirm", "DELETE"), ("--system", "--confirm", "DELETE")):
        result = run_cli("reset", "--projections", *words, database=filled)
        assert (result.status, result.code) == (2, "usage")
    assert filled.snapshot() == before


def test_a_dry_run_asks_for_nothing_and_changes_nothing(filled: Database, run_cli: Run) -> None:
    """--dry-run shows the plan and its phrase's place to programs, whatever --confirm says."""
    before = filled.snapshot()

    for scope, result in zip(
        PHRASES,
        together([lambda s=s: run_cli("reset", f"--{s}", "--dry-run", "--json", database=filled) for s in PHRASES]),
        strict=True,
    ):
        assert (result.status, result.json["changed"], result.json["dry_run"]) == (0, False, True)
        assert result.json["plan"]["phrase"] == PHRASES[scope]
    assert run_cli("reset", "--all", "--dry-run", "--confirm", "DELETE ALL DATA", database=filled).status == 0
    assert filled.snapshot() == before


# ── at a terminal ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scope", PHRASES)
def test_the_phrase_can_be_typed(scope: str, filled: Database) -> None:
    """At a terminal the preview comes first, then the question; the right answer carries the plan out."""
    kept = outside(filled, scope)

    terminal = Terminal(filled, "reset", f"--{scope}").asked()
    status, shown = terminal.type(PHRASES[scope]).end()

    assert status == 0, shown
    assert filled.name in terminal.before
    assert all(schema in terminal.before for schema in SCHEMAS[scope])
    assert_done(filled, scope, kept)


def test_wrong_answers_decline(filled: Database) -> None:
    """Typed phrases are taken to the letter too: prefixes, cases, blanks and other phrases change nothing."""
    before = filled.snapshot()
    wrong = ["DELETE", "DELETE ALL DATA ", " DELETE ALL DATA", "DELETE  ALL DATA", "delete all data", "DELETE ALL", ""]

    for answer, terminal in [(answer, Terminal(filled, "reset", "--all")) for answer in wrong]:
        status, shown = terminal.asked().type(answer).end()
        assert (status, "error[not_confirmed]" in shown) == (3, True), f"{answer!r}: {shown}"
        assert "Nothing was changed" in shown
    assert filled.snapshot() == before


def test_keys_that_leave_the_prompt_decline(filled: Database) -> None:
    """Ctrl-D declines (3), Ctrl-C and SIGINT interrupt (130), SIGTERM ends (143): nothing is changed by any of them."""
    before = filled.snapshot()
    d, c, interrupted, terminated = (Terminal(filled, "reset", "--system") for _ in range(4))

    assert d.asked().press("d").end()[0] == 3
    assert c.asked().press("c").end()[0] == 130
    assert interrupted.asked().kill(signal.SIGINT).end()[0] == 130
    assert terminated.asked().kill(signal.SIGTERM).end()[0] == 143
    assert filled.snapshot() == before


def test_what_was_typed_before_the_question_is_no_answer(filled: Database) -> None:
    """A phrase that was pasted along with the command does not confirm what nobody has seen yet."""
    before = filled.snapshot()
    terminal = Terminal(filled, "reset", "--system")

    terminal.type("DELETE")
    terminal.type("DELETE").asked()
    status, shown = terminal.press("d").end()

    assert status == 3, shown
    assert filled.snapshot() == before


def test_a_terminal_on_one_side_is_not_enough(filled: Database, tmp_path: Path) -> None:
    """Without a terminal on standard error nobody would see the question: declined at once, no prompt."""
    before, conversation = filled.snapshot(), tmp_path / "err"

    status, shown = Terminal(filled, "reset", "--projections", redirect=f"2>{conversation}").end()

    assert (status, shown) == (3, "")
    assert "error[not_confirmed]" in conversation.read_text()
    assert PROMPT not in conversation.read_text()
    assert filled.snapshot() == before


@pytest.mark.parametrize("options", [(), ("--quiet",), ("--json",)], ids=["words", "quiet", "json"])
def test_the_conversation_keeps_to_standard_error(options: tuple[str, ...], filled: Database, tmp_path: Path) -> None:
    """Preview and question stand on the terminal, whatever the options; standard output holds the answer alone."""
    answer, before = tmp_path / "out", filled.snapshot()
    declined = Terminal(filled, *options, "reset", "--projections", redirect=f">{answer}").asked()
    assert "SAFE" in declined.before
    assert filled.name in declined.before
    assert declined.type("no").end()[0] == 3
    refusal = answer.read_text()
    assert filled.snapshot() == before

    terminal = Terminal(filled, *options, "reset", "--projections", redirect=f">{answer}").asked()
    status, shown = terminal.type("DELETE").end()

    assert status == 0, shown
    written = answer.read_text()
    assert not any(words in written + refusal for words in (PROMPT, "SAFE", "\x1b"))
    if "--json" in options:
        assert json.loads(refusal)["errors"][0]["code"] == "not_confirmed"
        assert json.loads(written)["changed"] is True
    else:
        assert refusal == ""
        assert ("Done." in written) is (not options)


def test_a_dumb_terminal_can_be_typed_at(filled: Database) -> None:
    """TERM=dumb takes colours, boxes and the moving cursor away, not the question, nor how it is to be answered."""
    dumb = {"TERM": "dumb"}
    shown = io.StringIO()
    terminal, wrong, ended = (Terminal(filled, "reset", "--projections", env=dumb) for _ in range(3))
    terminal.child.logfile_read = shown

    declined = [wrong.asked().type("DELETE ").end()[0], ended.asked().press("d").end()[0]]
    kept = filled.rows("users.subscriptions")
    assert terminal.asked().type("DELETE").end()[0] == 0
    assert "\x1b" not in shown.getvalue()
    assert (declined, kept) == ([3, 3], 20)
    assert filled.rows("users.subscriptions") == 0
