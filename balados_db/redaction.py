"""Keep passwords out of what is said: which ones a connection string may hold, and how a text is rid of them.

What was once seen in a connection string is remembered for the process: it must not be said in any run of it. A
password of fewer than four letters, or one that is also a name which is said openly (user, database, host), is taken
out only where it stands as a password (`:…@`, `password=…`): replaced everywhere, it would be pointed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "***"
SHORT = 4  # letters; a shorter password is in too many words

SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_SECRETS = f"(?:{'|'.join(SECRETS)})"
_LOGIN = re.compile(r"(://[^\s:/?#@\[]*:)(\S+)(?=@)")
_STATED = re.compile(
    rf"((?:\b|PG){_SECRETS}(?:\s*=|['\"]\s*:)\s*)('(?:\\.|[^'\\])*'?|\"[^\"]*\"?|[^\s&'\"]+)", re.IGNORECASE
)
_URL = re.compile(r"[\w+.-]+://[^:@/\s]*:(.*)", re.DOTALL)
# What may be one where the scheme is mistyped or left out, or the parameter's name is.
_LOGIN_ALONE = re.compile(r"(?:^|[/;\s='\"])[^:@/;\s='\"]*:(?!/)(.*)", re.DOTALL)
_ALMOST_STATED = re.compile(r"\bpass?w?\w*=([^&]+)", re.IGNORECASE)
_NAMES = re.compile(
    r"\b(?:user|dbname|host|hostaddr)\s*=\s*('(?:\\.|[^'\\])*'|[^\s&]+)|://([^\s:/?#@]+)|[@/]([^\s:/?#@]+)"
)

_known: set[str] = set()


def remember(text: str | None) -> None:
    """Take note of the passwords in a text that is, or might be, a connection string."""
    if text:
        _known.update(passwords_in(text))


def remember_password(password: str | None, *names: str | None) -> None:
    """Take note of a password that stands by itself; `names` are those of its user, host and database."""
    if password and len(password) >= SHORT and password not in names:
        _known.add(password)


def passwords_in(text: str) -> Iterator[str]:
    """Whatever in a text may be a password, right or mistyped; not what is too short, or a name as well."""
    names = {unquote(name).strip("'") for found in _NAMES.findall(text) for name in found if name}
    for written in _written(text):
        for password in (written, unquote(written), re.sub(r"\\(.)", r"\1", written)):
            if len(password) >= SHORT and password not in names:
                yield password


def _written(text: str) -> Iterator[str]:
    """Where a URL's password ends is not certain when its `@` is not percent-encoded: it may be at any of them."""
    login = _URL.search(text) or _LOGIN_ALONE.search(text)
    if login:
        parts = login[1].split("@")
        yield from ("@".join(parts[:end]) for end in range(1, len(parts)))
    yield from (found[2].strip("'\"") for found in _STATED.finditer(text))
    yield from _ALMOST_STATED.findall(text)


def redacted(text: str) -> str:
    """The text without any password that is known, in every spelling, nor what stands where one would."""
    spelled = {form for password in _known for form in spellings(password)}
    for form in sorted(spelled, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return _STATED.sub(rf"\1{HIDDEN}", _LOGIN.sub(rf"\1{HIDDEN}", text))


def spellings(password: str) -> Iterator[str]:
    """How a password may be written: as it is, percent-encoded, with backslashes, as Python and JSON show it."""
    yield password
    yield quote(password, safe="")
    yield quote(password)
    yield re.sub(r"([\\'])", r"\\\1", password)
    yield repr(password)[1:-1]
    yield json.dumps(password)[1:-1]
    yield json.dumps(password, ensure_ascii=False)[1:-1]


def redacted_facts(value: Any) -> Any:
    """The same for facts: texts inside of tuples, lists and dictionaries."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {redacted_facts(key): redacted_facts(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(redacted_facts(inner) for inner in value) if type(value) in (list, tuple) else value
    return value
