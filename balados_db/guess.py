"""What was inferred and not read: a word, how sure it is, and what it was inferred from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Confidence(str, Enum):
    """How sure a word of the proposal is."""

    PROVED = "proved"  # seen, and it can be nothing else
    DECIDED = "decided"  # somebody said so
    LIKELY = "likely"
    GUESSED = "guessed"
    UNDECIDED = "undecided"  # nobody may guess it: until somebody decides, the manifest is not valid


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One word of the proposal: the manifest's key, its value, how sure it is, and what it was inferred from."""

    key: str
    value: str
    confidence: Confidence
    reason: str
