"""A shop on the Python library `eventsourcing`: it writes orders, and projects them with the library's own runner.

    python -m tests.stores.shop sell 5          # five orders, each opened and filled
    python -m tests.stores.shop project Totals Customers [--until N]

PERSISTENCE_MODULE, POSTGRES_DBNAME … say which database, as the library reads them.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import get_topic


class Order(Aggregate):
    """Who ordered, and how much."""

    @event("Opened")
    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.amount = 0

    @event("Filled")
    def fill(self, amount: int) -> None:
        self.amount += amount


class Shop(Application):
    """Its events lie in `shop_events`."""

    snapshotting_intervals = {Order: 2}

    def sell(self, customer: str, amount: int) -> None:
        order = Order(customer=customer)
        order.fill(amount=amount)
        self.save(order)


class Returns(Application):
    """A second application with events, and numbers, of its own."""

    def take_back(self, customer: str) -> None:
        self.save(Order(customer=customer))


class TotalsView(PostgresTrackingRecorder):
    """Rows and place in one transaction, as the library wants it; the table itself is made by a migration."""

    def note(self, sql: str, values: tuple[Any, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(sql, values)
            self._insert_tracking(cursor, tracking)


TOTALS = "insert into sales.totals (order_id, amount) values (%s, %s) on conflict (order_id) do update set amount = totals.amount + excluded.amount"
CUSTOMERS = "insert into sales.customers (customer, orders) values (%s, 1) on conflict (customer) do update set orders = customers.orders + 1"


class Totals(Projection[TotalsView]):
    """How much each order is worth: counted up, so that an event that is seen twice or never shows."""

    topics = (get_topic(Order.Filled),)

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.note(TOTALS, (str(domain_event.originator_id), domain_event.amount), tracking)


class Customers(Projection[TotalsView]):
    """How many orders each customer has."""

    topics = (get_topic(Order.Opened),)

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.note(CUSTOMERS, (domain_event.customer,), tracking)


PROJECTIONS: dict[str, type[Projection[TotalsView]]] = {"Totals": Totals, "Customers": Customers}


def project(names: list[str], until: int | None) -> None:
    """Run these until they are terminated, or until each has seen the last event of its kind up to `until`."""
    with ExitStack() as stack:
        runners = [
            stack.enter_context(
                ProjectionRunner(application_class=Shop, projection_class=PROJECTIONS[name], view_class=TotalsView)
            )
            for name in names
        ]
        print("running", flush=True)
        while until is None or any((r.view.max_tracking_id("Shop") or 0) < until - 1 for r in runners):
            for runner in runners:
                runner.run_forever(timeout=0.05)


def main(command: str, *arguments: str) -> None:
    if command == "sell":
        shop = Shop()
        for number in range(int(arguments[0])):
            shop.sell(f"customer {number % 3}", number + 1)
        shop.close()
        return
    if command == "take-back":
        returns = Returns()
        returns.take_back("customer 1")
        returns.close()
        return
    until = int(arguments[arguments.index("--until") + 1]) if "--until" in arguments else None
    project([a for a in arguments if a in PROJECTIONS], until)


if __name__ == "__main__":
    main(*sys.argv[1:])
