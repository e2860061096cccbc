"""User accounts and app tokens, written as the application writes them: directly, because no event tells of them.

`python accounts.py --url postgresql://me@localhost/balados`
"""

from __future__ import annotations

import argparse
import uuid
from datetime import datetime

import psycopg

NAMESPACE = uuid.UUID("5ba1ad05-0000-4000-8000-000000000001")
NAMES = (
    *("ada", "bela", "chloe", "david", "elif", "farid", "greta", "hugo", "ines", "jonas", "kim", "lea"),
    *("malik", "nora", "oskar", "pia", "quentin", "rosa", "selim", "tara", "ugo", "vera", "wanda", "yann"),
)
SIGNED_UP = datetime(2024, 12, 1, 9, 0)  # a fixed time: the same rows on every run

INSERT_USER = """
insert into system.users
       (id, email, username, hashed_password, confirmed_at, public_name, inserted_at, updated_at)
values (%(id)s, %(email)s, %(username)s, %(password)s, %(at)s, %(public_name)s, %(at)s, %(at)s)
    on conflict do nothing
"""
INSERT_TOKEN = """
insert into system.app_tokens
       (id, user_id, app_id, token_name, token_scopes, public_key, inserted_at, updated_at)
values (%(token)s, %(id)s, %(app)s, 'Phone', '{sync}', %(key)s, %(at)s, %(at)s)
    on conflict do nothing
"""


def user_id(name: str) -> str:
    """A user's id: the same in accounts and in events."""
    return str(uuid.uuid5(NAMESPACE, f"user:{name}"))


def account(name: str) -> dict[str, object]:
    """One user and the token of the app on their phone. The password's hash is none that any password has."""
    return {
        "id": user_id(name),
        "email": f"{name}@example.org",
        "username": name,
        "public_name": name.title(),
        "password": f"!no-password-has-this-hash:{name}",
        "token": uuid.uuid5(NAMESPACE, f"token:{name}"),
        "app": f"org.example.player.{name}",
        "key": f"-----BEGIN PUBLIC KEY----- {name} -----END PUBLIC KEY-----",
        "at": SIGNED_UP,
    }


def main() -> None:
    """Write every account in one transaction."""
    parser = argparse.ArgumentParser(description="Write a few user accounts and their tokens.")
    parser.add_argument("--url", required=True, help="the database; libpq's PG* variables fill in what is missing")
    options = parser.parse_args()
    with psycopg.connect(options.url, application_name="accounts") as conn:
        for name in NAMES:
            conn.execute(INSERT_USER, account(name))
            conn.execute(INSERT_TOKEN, account(name))
    print(f"{len(NAMES)} users, each with a token")


if __name__ == "__main__":
    main()
