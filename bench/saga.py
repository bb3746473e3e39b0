"""P3: the saga engine, placed to confirmed, beside the same SQL one event at a time in a C client.

The engine is what handles messages: four services, each a process on its own durable database, on a broker and a provider
that live in memory, so that neither HTTP nor Kafka is measured here (P4 and P7 measure those).
"""

from __future__ import annotations

import statistics
import time
import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from bench import floor
from bench.shared_broker import BrokerHost
from bench.stack import Databases, pgbench
from bench.worker import SERVICES, Worker

PAIRS = 5
ORDERS = 1_500
SECONDS = 4
# order: reserved, invoiced, paid, approval; inventory: placed, confirmed; billing: placed, reserved, planned, recorded;
# workflow: placed, paid
TRANSACTIONS_PER_SAGA = 12
CONSUMERS = 4
LIMIT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Medians over interleaved pairs: sagas a second, the floor's, and their ratio."""

    per_second: float
    floor_per_second: float
    ratio: float


def run(databases: Databases) -> Confirmed:
    """Measure on migrated databases that nobody else works on."""
    engine = Engine(databases)
    pairs = []
    try:
        engine.prepare()
        for _ in range(PAIRS):
            sagas = engine.sagas_per_second(ORDERS)
            tps = floor.transactions_per_second(
                pgbench(), databases.url("order_svc"), "saga_event.sql", clients=CONSUMERS, seconds=SECONDS
            )
            pairs.append((sagas, tps / TRANSACTIONS_PER_SAGA))
    finally:
        engine.close()
    return Confirmed(
        per_second=statistics.median(sagas for sagas, _ in pairs),
        floor_per_second=statistics.median(floor_sagas for _, floor_sagas in pairs),
        ratio=statistics.median(sagas / floor_sagas for sagas, floor_sagas in pairs),
    )


class Engine:
    """The four services of the saga, each in a process of its own, as they are deployed."""

    def __init__(self, databases: Databases) -> None:
        self._host = BrokerHost()
        self._host.start()
        self._workers = {package: Worker(package, databases.url(package), self._host) for package in SERVICES}
        for worker in self._workers.values():
            worker.wait()
        self._database = sa.create_engine(sa.make_url(databases.url("order_svc")).set(drivername="postgresql+psycopg"))

    def prepare(self) -> None:
        """Make what orders and the floor need: an item with stock, and rows to lock."""
        floor.prepare(self._database)
        self._workers["inventory_svc"].do("stock")
        self._workers["inventory_svc"].wait()

    def sagas_per_second(self, count: int) -> float:
        """Place orders as fast as they are accepted, and wait until all are confirmed."""
        before = self._confirmed()
        started = time.perf_counter()
        self._workers["order_svc"].do("place", count, uuid.uuid4().hex)
        while (confirmed := self._confirmed() - before) < count:
            if time.perf_counter() - started > LIMIT_SECONDS:
                raise RuntimeError(f"{count - confirmed} of {count} orders are not confirmed: the run is void")
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        self._workers["order_svc"].wait()
        return count / seconds

    def _confirmed(self) -> int:
        with self._database.connect() as connection:
            return int(connection.execute(sa.text("SELECT count(*) FROM orders WHERE state = 'CONFIRMED'")).scalar_one())

    def close(self) -> None:
        """Stop the processes and give everything back."""
        for worker in self._workers.values():
            worker.close()
        self._host.shutdown()
        self._database.dispose()
