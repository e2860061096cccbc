"""What a check found: a code for programs, words for people, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """How much a finding matters."""

    ERROR = "error"  # something is broken, unguarded, or will be refused or lost
    WARNING = "warning"  # somebody should look at it
    NOTE = "note"  # good to know: nothing is asked of anybody, and the exit status stays 0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check found. `code` is the contract, the message is not; `subject` is what it is about."""

    code: str
    subject: str
    message: str
    cure: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return self.message


def error(code: str, subject: str, message: str, cure: str) -> Finding:
    """Something is broken."""
    return Finding(code=code, subject=subject, message=message, cure=cure)


def warning(code: str, subject: str, message: str, cure: str) -> Finding:
    """Somebody should look at it."""
    return Finding(code=code, subject=subject, message=message, cure=cure, severity=Severity.WARNING)


def note(code: str, subject: str, message: str, cure: str = "") -> Finding:
    """Good to know."""
    return Finding(code=code, subject=subject, message=message, cure=cure, severity=Severity.NOTE)
