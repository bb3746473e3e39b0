"""P3: the saga engine, placed to confirmed, beside the same SQL one event at a time in a C client.

The engine is what handles messages: four services, each a process on its own durable database, on a broker and a provider
that live in memory, so that neither HTTP nor Kafka is measured here (P4 and P7 measure those).
"""

from __future__ import annotations

import time
import uuid

from bench import floor
from bench.figures import Check, Outcome, Pair, ratio_of
from bench.promises import Books
from bench.shared_broker import BrokerHost
from bench.stack import Databases, pgbench, stack
from bench.worker import SERVICES, Worker

GOAL = "P3"
ORDERS = 1_500
SECONDS = 4
# order: reserved, invoiced, paid, approval; inventory: placed, confirmed; billing: placed, reserved, planned, recorded;
# workflow: placed, paid
TRANSACTIONS_PER_SAGA = 12
CONSUMERS = 4


def run(pairs: int) -> Outcome:
    """Measure on databases of its own that nobody else works on."""
    with stack("postgres") as addresses:
        databases = Databases(addresses)
        databases.migrate(*SERVICES)
        below = floor.Floor(pgbench(), databases.floor())
        floor.prepare(below)
        engine = Engine(databases)
        try:
            engine.prepare()
            rates = []
            for _ in range(pairs):
                sagas = engine.sagas_per_second(ORDERS)
                events = below.run("saga_event.sql", clients=CONSUMERS, seconds=SECONDS).per_second
                rates.append(Pair(sagas, events / TRANSACTIONS_PER_SAGA))
            checks = engine.checks(pairs * ORDERS)
        finally:
            engine.close()
    return Outcome((ratio_of(GOAL, rates),), checks=checks)


class Engine:
    """The four services of the saga, each in a process of its own, as they are deployed."""

    def __init__(self, databases: Databases) -> None:
        self._host = BrokerHost()
        self._host.start()
        self._workers = {package: Worker(package, databases.url(package), self._host) for package in SERVICES}
        for worker in self._workers.values():
            worker.wait()
        self._books = Books(databases, SERVICES)

    def prepare(self) -> None:
        """Make what orders need: an item with stock."""
        self._workers["inventory_svc"].do("stock")
        self._workers["inventory_svc"].wait()

    def sagas_per_second(self, count: int) -> float:
        """Place orders as fast as they are accepted, and wait until all are confirmed."""
        wanted = self._books.confirmed() + count
        started = time.perf_counter()
        self._workers["order_svc"].do("place", count, uuid.uuid4().hex)
        self._books.wait_for_confirmed(wanted)
        seconds = time.perf_counter() - started
        self._workers["order_svc"].wait()
        return count / seconds

    def checks(self, count: int) -> tuple[Check, ...]:
        """Look at every database once all orders are confirmed and all that follows is published."""
        self._books.wait_for_outboxes()
        return (Check(GOAL, "orders confirmed", count, self._books.confirmed()), *self._books.checks(GOAL))

    def close(self) -> None:
        """Stop the processes and give everything back."""
        for worker in self._workers.values():
            worker.close()
        self._host.shutdown()
        self._books.close()
