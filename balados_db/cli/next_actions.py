"""What is to be run next is about the same manifest and the same database: it gets the words that name them."""

from __future__ import annotations

from collections.abc import Iterable

from balados_db.cli.options import named_url

NO_DATABASE = ("check", "new", "server", "manifest check", "manifest schema")
NOWHERE = (("guide",), ("explain",))


def placed(action: tuple[str, ...], manifest: str | None, urls: Iterable[str]) -> tuple[str, ...]:
    """An action with the --manifest and the --url of the command line that it follows, as far as it takes them.

    A password is left out of a URL: whoever runs the action has it in PGPASSWORD or a password file. Without the URL it
    would be about whatever database the environment names.
    """
    if action[:1] != ("balados-db",) or "--help" in action or action[1:2] in NOWHERE:
        return action
    known = "--manifest" in action or action[1:2] == ("apply",)  # a plan file knows its own
    added = ["--manifest", manifest] if manifest is not None and not known else []
    if not " ".join(action[1:]).startswith(NO_DATABASE):
        added += [word for url in map(_openly, urls) if url for word in ("--url", url)]
    end = action.index("--") if "--" in action else len(action)
    return (*action[:end], *added, *action[end:])


def _openly(written: str) -> str | None:
    from balados_db.postgres.source import without_password

    name, url = named_url(written)
    found = without_password(url)
    return f"{name}={found}" if name and found else found
