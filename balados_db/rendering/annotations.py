"""Findings as other programs show them: GitHub's workflow commands, GitLab's Code Quality report, lines for people."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence

from balados_db.finding import Finding, Severity

_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_GITLAB = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────

FILES = 8  # of one thing that is found again and again; programs get each


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """`file:line: severity: message [code]` as editors and people know it; what to do is said once below.

    What is said in the same words of several places is said once, with the places below it.
    """
    said: set[tuple[str, str]] = set()
    for same in _alike(findings):
        first = same[0]
        at = f"{_place(first)}: " if first.file and len(same) == 1 else ""
        yield f"{at}{first.severity.value}: {first.message} [{first.code}]"
        if first.cure and (first.code, first.cure) not in said:
            yield f"  → {first.cure}"
        said.add((first.code, first.cure))
        if len(same) > 1:
            yield from _places(same)


def _alike(findings: Sequence[Finding]) -> Iterator[Sequence[Finding]]:
    """Findings that differ in their places alone, in the order of the first of them; without a file each by itself."""
    groups: dict[object, list[Finding]] = {}
    for number, found in enumerate(findings):
        key = (found.severity, found.code, found.message, found.cure) if found.file else number
        groups.setdefault(key, []).append(found)
    return iter(groups.values())


def _place(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}" if finding.line else str(finding.file)


def _places(same: Sequence[Finding]) -> Iterator[str]:
    """A line a file; of many the first ones."""
    files: dict[str, list[str]] = {}
    for found in same:
        files.setdefault(str(found.file), []).extend([str(found.line)] if found.line else [])
    shown = len(files) if len(files) <= FILES + 1 else FILES  # "and 1 more" would take the line that it has
    for file, numbers in [*files.items()][:shown]:
        yield f"    {file}:{', '.join(numbers)}" if numbers else f"    {file}"
    if len(files) > shown:
        rest = sum(len(numbers) or 1 for numbers in [*files.values()][shown:])
        yield f"    and {rest} more in {len(files) - shown} other files; --format json has each"


# ── GitHub ───────────────────────────────────────────────────────────────────────────────────────────────


def github(findings: Sequence[Finding]) -> Iterator[str]:
    """One workflow command a finding: it becomes an annotation beside the line."""
    for finding in findings:
        where = {"file": finding.file, "line": finding.line, "title": f"balados-db {finding.code}"}
        said = ",".join(f"{name}={_property(str(value))}" for name, value in where.items() if value)
        text = f"{finding.message}\n{finding.cure}" if finding.cure else finding.message
        yield f"::{_GITHUB[finding.severity]} {said}::{_message(text)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


# ── GitLab ───────────────────────────────────────────────────────────────────────────────────────────────


def gitlab(findings: Sequence[Finding], elsewhere: str) -> str:
    """A Code Quality report. What stands in no file is shown at the first line of `elsewhere`, the manifest."""
    seen: Counter[str] = Counter()
    entries = []
    for finding in findings:
        what = "\0".join((finding.code, finding.file or elsewhere, finding.subject, finding.message))
        seen[what] += 1
        entries.append(_entry(finding, elsewhere, f"{what}\0{seen[what]}"))
    return json.dumps(entries, indent=2, ensure_ascii=False)


def _entry(finding: Finding, elsewhere: str, what: str) -> dict[str, object]:
    """The fingerprint knows the content, not the line: a finding that moved is the same one."""
    return {
        "description": f"{finding.message} → {finding.cure}" if finding.cure else finding.message,
        "check_name": finding.code,
        "fingerprint": hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest(),
        "severity": _GITLAB[finding.severity],
        "location": {"path": finding.file or elsewhere, "lines": {"begin": finding.line or 1}},
    }
