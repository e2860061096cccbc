"""`explain`: an error code, an exit status, or the JSON Schema of a command's object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from string import Formatter

import click

from balados_db.answers.learning import ExplainAnswer, ExplainedCode, ExplainedFinding, ExplainedStatus
from balados_db.cli.options import command
from balados_db.cli.session import Session
from balados_db.errors import BaladosDbError, UsageError, sentence
from balados_db.exits import ExitStatus
from balados_db.finding_codes import FINDING_CODES, SQUAWK
from balados_db.report import Report


@command(
    "explain",
    """The code of an error or finding, or an exit status, in full; without one, all of them.

    With --schema the JSON Schema of what a command prints with --json; without a command, those of all, by name.""",
)
@click.argument("words", nargs=-1, metavar="[CODE | COMMAND]")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of this command's object.")
def explain(session: Session, words: tuple[str, ...], schema: bool) -> Report:
    """Look the words up."""
    if schema:
        return _schemas(session, " ".join(words))
    if len(words) > 1:
        raise UsageError(problem="one code or exit status at a time", hint="`balados-db explain` lists them all")
    answer, text = _looked_up(words[0]) if words else _everything()
    return Report(command=session.command, result=answer, text=text)


def _looked_up(word: str) -> tuple[ExplainAnswer, str]:
    errors = tuple(described_code(error) for code, error in codes().items() if code == word)
    findings = described_findings(word)
    statuses = tuple(described_status(s) for s in ExitStatus if word in (str(int(s)), s.name.lower()))
    if not (errors or findings or statuses):
        raise _unknown(word)
    texts = (*map(_words_for_status, statuses), *map(_words_for_code, errors), *map(_words_for_finding, findings))
    return ExplainAnswer(statuses=statuses, codes=errors, finding_codes=findings), "\n\n".join(texts)


# ── looking up ───────────────────────────────────────────────────────────────────────────────────────────


def codes() -> dict[str, type[BaladosDbError]]:
    """Every error by its code, in the order in which they are written down."""
    found: dict[str, type[BaladosDbError]] = {}
    for error in _tree(BaladosDbError):
        found.setdefault(error.code, error)
    return found


def _tree(error: type[BaladosDbError]) -> Iterator[type[BaladosDbError]]:
    yield error
    for child in error.__subclasses__():
        yield from _tree(child)


def _unknown(word: str) -> UsageError:
    known = [*codes(), *FINDING_CODES, *(status.name.lower() for status in ExitStatus)]
    problem = f"{word!r} is neither a code nor an exit status"
    return UsageError(problem=problem, hint=_nearest(word, known) + "`balados-db explain` lists them all")


def _nearest(word: str, known: list[str]) -> str:
    near = get_close_matches(word.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? " if near else ""


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────


def _schemas(session: Session, name: str) -> Report:
    from balados_db.rendering.schemas import every_schema

    found = every_schema()
    if name and name not in found:
        hint = _nearest(name, list(found)) + "`balados-db explain --schema` prints them all"
        raise UsageError(problem=f"there is no command {name!r}", hint=hint)
    if name:
        found = {name: found[name]}
    text = json.dumps(found[name] if name else found, indent=2, ensure_ascii=False)
    return Report(command=session.command, result=ExplainAnswer(schemas=found), text=text)


# ── describing ───────────────────────────────────────────────────────────────────────────────────────────


def described_status(status: ExitStatus) -> ExplainedStatus:
    """An exit status as facts."""
    return ExplainedStatus(
        exit_status=int(status),
        name=status.name.lower(),
        means=status.means,
        retryable=status.retryable,
        do=status.do,
        codes=tuple(code for code, error in codes().items() if error.exit_status is status),
    )


def described_code(error: type[BaladosDbError]) -> ExplainedCode:
    """An error as facts; what differs from run to run stands in <angle brackets>."""
    return ExplainedCode(
        code=error.code,
        message=_template(sentence(error)),
        exit_status=int(error.exit_status),
        name=error.exit_status.name.lower(),
        means=error.exit_status.means,
        retryable=error.exit_status.retryable,
        do=_template(error.cure) or "what the message and its hint say",
    )


def described_findings(word: str | None = None) -> tuple[ExplainedFinding, ...]:
    """The findings of this code, one or none; all of them without one."""
    known = dict(FINDING_CODES)
    if word is not None and word not in known and word.startswith(SQUAWK):
        known[word] = "A rule of squawk's: its own pages say what it means."
    return tuple(ExplainedFinding(code=code, means=means) for code, means in known.items() if word in (code, None))


def _template(text: str) -> str:
    parts = Formatter().parse(text)
    return "".join(before + (f"<{name}>" if name else "") for before, name, _, _ in parts)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────


def _words_for_code(facts: ExplainedCode) -> str:
    return "\n".join(
        (
            f"{facts.code}: exit {facts.exit_status}, {facts.name}",
            "",
            f"  {facts.message}",
            "",
            f"  means       {facts.means}",
            f"  try again?  {_again(facts)}",
            f"  what to do  {facts.do}",
        )
    )


def _words_for_finding(facts: ExplainedFinding) -> str:
    return "\n".join(
        (
            f"{facts.code}: a finding",
            "",
            f"  {facts.means}",
            "",
            "  A check that finds it exits with 4, unless it is a note. The finding says what it is about.",
        )
    )


def _words_for_status(facts: ExplainedStatus) -> str:
    return "\n".join(
        (
            f"exit {facts.exit_status}: {facts.name}",
            "",
            f"  means       {facts.means}",
            f"  try again?  {_again(facts)}",
            f"  what to do  {facts.do}",
            f"  codes       {', '.join(facts.codes) or 'none'}",
        )
    )


def _again(facts: ExplainedCode | ExplainedStatus) -> str:
    if facts.exit_status == ExitStatus.OK:
        return "no need"
    return "yes, the same command" if facts.retryable else "no, something has to change first"


def _everything() -> tuple[ExplainAnswer, str]:
    answer = ExplainAnswer(
        statuses=tuple(described_status(status) for status in ExitStatus),
        codes=tuple(described_code(error) for error in codes().values()),
        finding_codes=described_findings(),
    )
    message = {facts.code: facts.message for facts in answer.codes}
    lines = ["Exit statuses and, below each, the error codes that end with it.", ""]
    for facts in answer.statuses:
        lines.append(f"{facts.exit_status:>3}  {facts.name}: {facts.means}")
        lines += [f"       {code:<28}{message[code]}" for code in facts.codes]
    lines += ["", "Codes of findings.", "", *(f"       {f.code:<28}{f.means}" for f in answer.finding_codes)]
    return answer, "\n".join([*lines, "", "balados-db explain CODE says what to do."])
