"""What a check found: a code for programs, words for people, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """How much a finding matters."""

    ERROR = "error"  # something is broken, unguarded, or will be refused or lost
    WARNING = "warning"  # somebody should look at it
    NOTE = "note"  # good to know: nothing is asked of anybody, and the exit status stays 0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check found. `code` is the contract, the message is not; `subject` is what it is about.

    `file` and `line` say where it stands, when it stands in a file.
    """

    code: str
    subject: str
    message: str
    cure: str = ""
    severity: Severity = Severity.ERROR
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return self.message


def counted(counts: Mapping[str, int]) -> str:
    """What was looked at: numbers by words that end in s, where there is not just one."""
    return ", ".join(f"{n:,} {word.removesuffix('s') if n == 1 else word}" for word, n in counts.items())


def error(
    code: str, subject: str, message: str, cure: str, *, file: str | None = None, line: int | None = None
) -> Finding:
    """Something is broken."""
    return Finding(code=code, subject=subject, message=message, cure=cure, file=file, line=line)


def warning(
    code: str, subject: str, message: str, cure: str, *, file: str | None = None, line: int | None = None
) -> Finding:
    """Somebody should look at it."""
    severity = Severity.WARNING
    return Finding(code=code, subject=subject, message=message, cure=cure, severity=severity, file=file, line=line)


def note(
    code: str, subject: str, message: str, cure: str = "", *, file: str | None = None, line: int | None = None
) -> Finding:
    """Good to know."""
    severity = Severity.NOTE
    return Finding(code=code, subject=subject, message=message, cure=cure, severity=severity, file=file, line=line)
