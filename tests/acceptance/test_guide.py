"""`guide`: the decision tree on a terminal, as text and as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.conftest import COMMAND, EXAMPLE, Result, clean_environment

RunCli = Callable[..., Result]

SHOP = """
version = 1
[schemas."Verkäufe 2"]
kind = "permanent"
[schemas.lists]
kind = "projection"
[schemas.log]
kind = "event_store"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A manifest with names of its own."""
    file = tmp_path / "shop.toml"
    file.write_text(SHOP, encoding="utf-8")
    return file


class Terminal:
    """A person in front of `balados-db guide`; what the command answers on standard output goes to a file."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.answer = folder / "answer"
        words = " ".join((*COMMAND, "--manifest", str(EXAMPLE), "guide", *arguments))
        self.child = pexpect.spawn(
            "/bin/sh",
            ["-c", f"exec {words} > {self.answer}"],
            # Nobody here answers where the cursor is; without that variable every question waits a second for it.
            env=clean_environment(**{"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **environment}),
            encoding="utf-8",
            timeout=20,
            dimensions=(40, 120),
        )

    def press(self, after: str, keys: str) -> None:
        """Press keys once the question is there, and the prompt has had time to listen."""
        self.child.expect_exact(after)
        time.sleep(0.2)
        self.child.send(keys)

    def end(self) -> int:
        """Wait for the end; returns the exit status."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus or 0)


def test_questions_lead_to_one_command(tmp_path: Path) -> None:
    """On a terminal a few keys lead to the one command; the questions are no part of standard output."""
    person = Terminal(tmp_path)
    person.press("What do you want to know?", "1\r")
    person.press("What do you want to do?", "4\r")
    person.press("What is wrong, or what do you need?", "\r")
    person.press("How many of them?", "\r")

    assert person.end() == 0
    answer = person.answer.read_text(encoding="utf-8")
    assert answer.startswith("balados-db reset --projections\n")
    assert "SAFE: users and public start empty" in answer
    assert "?" not in answer


def test_questions_lead_to_the_schema_of_a_new_table(tmp_path: Path) -> None:
    """A table that can be rebuilt from events, and whose readers are the public, belongs in `public`."""
    person = Terminal(tmp_path)
    person.press("What do you want to know?", "2\r")
    person.press("authentication or authorization", "2\r")
    person.press("rebuilt from events?", "2\r")
    person.press("Whose data is it", "2\r")

    assert person.end() == 0
    assert person.answer.read_text(encoding="utf-8").startswith("balados-db new NAME --schema public\n")


def test_control_c_interrupts(tmp_path: Path) -> None:
    """Ctrl-C at a question ends with status 130 and answers nothing."""
    person = Terminal(tmp_path)
    person.press("What do you want to know?", "\x03")

    assert person.end() == 130
    assert person.answer.read_text(encoding="utf-8") == ""


def test_end_of_input_shows_the_whole_tree(tmp_path: Path) -> None:
    """Ctrl-D at a question gives up being asked, not the answer: the whole tree is printed."""
    person = Terminal(tmp_path)
    person.press("What do you want to know?", "1\r")
    person.press("What do you want to do?", "\x04")

    assert person.end() == 0
    assert "→ balados-db reset --all" in person.answer.read_text(encoding="utf-8")


def test_a_dumb_terminal_is_not_asked(tmp_path: Path) -> None:
    """A terminal that cannot move its cursor is shown the tree at once."""
    person = Terminal(tmp_path, TERM="dumb")

    assert person.end() == 0
    assert "→ balados-db reset --all" in person.answer.read_text(encoding="utf-8")


def test_without_a_terminal_the_whole_tree_is_text(run_cli: RunCli) -> None:
    """Without a terminal nothing is asked: every question, answer and command is printed."""
    done = run_cli("guide")

    assert (done.status, done.err) == (0, "")
    for command in (
        "up",
        "status",
        "migrate",
        "reset --projections",
        "reset --system",
        "reset --events",
        "reset --all",
    ):
        assert f"→ balados-db {command}\n" in done.out
    assert "Do not reset: create test data instead." in done.out


def test_names_are_the_manifests_own(run_cli: RunCli, shop: Path) -> None:
    """The tree speaks of the schemas that the manifest declares, quoted for a shell, and of no others."""
    done = run_cli("guide", manifest=shop)

    assert "balados-db new NAME --schema 'Verkäufe 2'" in done.out
    assert "balados-db reset --schema lists" in done.out
    assert "Whose data is it" not in done.out, "with one projection schema there is nothing to ask"
    assert "It keeps lists and log." in done.out


def test_without_a_manifest_it_speaks_of_kinds(run_cli: RunCli) -> None:
    """Where no manifest is found the tree says how to get one, and names kinds instead of schemas."""
    done = run_cli("guide", manifest=None)

    assert done.status == 0
    assert "balados-db manifest init" in done.out
    assert 'a schema with kind = "projection"' in done.out


def test_a_manifest_that_was_named_must_be_there(run_cli: RunCli, tmp_path: Path) -> None:
    """A manifest that was asked for and is missing is an error, not a tree without names."""
    done = run_cli("guide", manifest=tmp_path / "missing.toml")

    assert (done.status, done.code) == (2, "manifest_missing")


def test_json_holds_the_tree(run_cli: RunCli) -> None:
    """--json prints one object in which every branch ends in an answer with its reason."""
    tree = run_cli("guide", "--json").json["result"]["tree"]

    ends = list(leaves(tree))
    assert len(ends) > 10
    assert all(end["answer"] and end["why"] for end in ends)


def leaves(node: dict[str, Any]) -> Any:
    """The ends of a tree."""
    for choice in node["choices"]:
        if choice["advice"]:
            yield choice["advice"]
        else:
            yield from leaves(choice["question"])
