"""Passwords are taken out of what is said, whatever way they are written; other words stay."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from balados_db.redaction import passwords_in, redacted, redacted_facts, remember, remember_password, spellings

SECRET = "open/sesame:w@rd #42%'\"\\"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://app:{quote(SECRET, safe='')}@db/shop",
        f"postgresql://app:{SECRET}@db/shop",
        f"mysql://app:{SECRET}@db/shop",
        f"postgresql://db/shop?password={quote(SECRET, safe='')}&user=app",
        "password='open/sesame:w@rd #42%\\'\"\\\\' host=db",
        f"sslpassword={quote(SECRET, safe='')}",
        f"postgresql:/app:{SECRET}@db/shop",
        f"postgresql//app:{SECRET}@db/shop",
        f"postgresql;//app:{SECRET}@db/shop",
        f"postgresql:///app:{SECRET}@db/shop",
        f"app:{SECRET}@db/shop",
        f"postgresql://app@db/shop?passwrd={SECRET}",
        f"postgresql://app@db/shop?pasword={quote(SECRET, safe='')}&user=app",
    ],
)
def test_a_password_is_found_however_the_string_is_written(text: str) -> None:
    """Percent-encoded or not, in a URL or in pairs; and then every spelling of it is taken out."""
    remember(text)

    for form in spellings(SECRET):
        assert redacted(f"it says {form}, again {form}") == "it says ***, again ***"


@pytest.mark.parametrize(
    "form", ["://app:{}@db", "password={}", "password = '{}'", "{{'password': '{}'}}", "PGPASSWORD={}"]
)
@pytest.mark.parametrize("password", ["abc", "x", "hunter2"])
def test_what_stands_in_a_passwords_place_is_taken_out_unknown(form: str, password: str) -> None:
    """Nobody has to know it before."""
    assert "***" in redacted(form.format(password))
    assert password not in redacted(form.format(password)).replace("password", "").replace("app", "")


def test_a_short_password_does_not_mangle_the_text() -> None:
    """Replaced everywhere, `a` would be pointed at by every gap; in a password's place it goes."""
    remember("postgresql://app:abc@db/shop")
    remember_password("abc")

    assert redacted("abc: cannot reach postgresql://app:abc@db") == "abc: cannot reach postgresql://app:***@db"


def test_a_password_that_is_a_name_is_not_pointed_at() -> None:
    """testcontainers calls user, password and database `test`: the message stays a sentence."""
    remember("postgresql+psycopg2://test:test@localhost/test")
    remember_password("postgres", "postgres")

    said = 'role "test" does not exist in postgres'
    assert redacted(said) == said
    assert redacted("postgresql://test:test@localhost") == "postgresql://test:***@localhost"


def test_facts_are_redacted_at_every_depth() -> None:
    """What programs read is what people read."""
    remember(f"postgresql://app:{quote(SECRET, safe='')}@db")
    facts = {"problem": SECRET, "objects": [{"reason": f"x {SECRET}"}], "names": ("a", SECRET), "count": 3}

    assert SECRET not in json.loads(json.dumps(redacted_facts(facts)))["objects"][0]["reason"]
    assert redacted_facts(facts) == {
        "problem": "***",
        "objects": [{"reason": "x ***"}],
        "names": ("a", "***"),
        "count": 3,
    }


def test_text_without_a_password_stays_as_it_is() -> None:
    """Times, ports, addresses and e-mails are no passwords."""
    for said in ("127.0.0.1:5432/shop at 10:20:30", "write to me@here: soon", "https://example.com/a:b", "a: b@c"):
        assert redacted(said) == said
        assert list(passwords_in(said)) == []
