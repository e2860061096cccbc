"""Run projectors of the example, Balados Sync, until they are told to stop (SIGTERM, or Ctrl-C).

`python projector.py --url postgresql://me@localhost/balados --all`
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
from projections import PROJECTORS
from subscription import Subscription

RETRY_INTERVAL = 60.0  # seconds; Commanded's own
LISTENING = 0.25  # seconds until a projector that waits for events looks whether it is to stop


@dataclass(frozen=True)
class Options:
    """What every projector of this process has in common."""

    url: str
    tables_url: str | None
    schema: str
    until_caught_up: bool
    retry_interval: float
    stop: threading.Event


def main() -> int:
    """Run each projector in a thread, with a connection of its own. One that fails ends them all."""
    words = arguments()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options = Options(words.url, words.tables_url, words.schema, words.until_caught_up, words.retry_interval, stop)
    names = tuple(PROJECTORS) if words.all else tuple(dict.fromkeys(words.projector))
    failures: list[str] = []
    threads = [threading.Thread(target=guarded, args=(name, options, failures), name=name) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)  # a signal's handler runs between two of these
    return 1 if failures else 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Project events into the tables of Balados Sync.")
    parser.add_argument("--url", required=True, help="the database; libpq's PG* variables fill in what is missing")
    parser.add_argument("--tables-url", metavar="URL", help="the database of the tables, if it is another one")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--projector", action="append", choices=PROJECTORS, help="this one; may be repeated")
    which.add_argument("--all", action="store_true", help="every projector, in one process")
    parser.add_argument("--until-caught-up", action="store_true", help="end when there are no more events")
    parser.add_argument("--schema", default="events", metavar="S", help="the event store's schema [events]")
    parser.add_argument(
        "--retry-interval",
        type=float,
        default=RETRY_INTERVAL,
        metavar="SECONDS",
        help="wait before trying again for a lock or connection that was not to be had [60]",
    )
    return parser.parse_args()


def guarded(name: str, options: Options, failures: list[str]) -> None:
    """Run one projector; whatever ends it badly ends the process."""
    try:
        run(name, options)
        say(name, "stopped")
    except Exception as exc:
        say(name, f"failed: {type(exc).__name__}: {exc}")
        failures.append(name)
        options.stop.set()


def run(name: str, options: Options) -> None:
    """Follow the events until told to stop, over as many connections as that takes. The first one must succeed."""
    connect(name, options).close()
    while not options.stop.is_set():
        try:
            with ExitStack() as opened:
                conn = opened.enter_context(connect(name, options))
                tables = opened.enter_context(connect_tables(name, options)) if options.tables_url else None
                follow(Subscription(conn, name, PROJECTORS[name], options.schema, tables), options)
            return
        except psycopg.OperationalError as exc:
            # The lock went with the connection, and others may have had it since: the row is read again.
            say(name, f"disconnected ({exc}); trying again in {options.retry_interval:g} s")
            options.stop.wait(options.retry_interval)


def connect(name: str, options: Options) -> psycopg.Connection[Any]:
    """Open a connection that shows whose it is."""
    return psycopg.connect(options.url, autocommit=True, application_name=name)


def connect_tables(name: str, options: Options) -> psycopg.Connection[Any]:
    """The same, where the tables lie in a database of their own."""
    return psycopg.connect(options.tables_url or "", autocommit=True, application_name=name)


def follow(subscription: Subscription, options: Options) -> None:
    """Subscribe, catch up, wait for more; return when told to stop, or when caught up if that is all."""
    while not subscription.subscribe():
        say(subscription.name, f"another process holds the lock; trying again in {options.retry_interval:g} s")
        if options.stop.wait(options.retry_interval):
            return
    say(subscription.name, f"subscribed at {subscription.position}")
    while not options.stop.is_set():
        if catch_up(subscription, options.stop):
            continue
        if options.until_caught_up:
            return
        while not options.stop.is_set() and not subscription.wait(LISTENING):
            pass


def catch_up(subscription: Subscription, stop: threading.Event) -> bool:
    """Handle one batch of events, in order; False if there were none."""
    events = subscription.read()
    for event in events:
        if stop.is_set():
            break
        subscription.handle(event)
    return bool(events)


def say(name: str, what: str) -> None:
    """Tell whoever watches."""
    print(f"{name}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
