"""P3: the saga engine, placed to confirmed, beside the same SQL one event at a time in a C client.

The engine is what handles messages: four services on their own durable databases, on the broker and the provider that live in
memory, so that neither HTTP nor Kafka is measured here (P4 and P7 measure those).
"""

from __future__ import annotations

import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

import billing_svc.app
import billing_svc.settings
import inventory_svc.app
import inventory_svc.settings
import order_svc.app
import order_svc.settings
import workflow_svc.app
import workflow_svc.settings
from bench import floor
from bench.orders import Desk
from bench.stack import Databases, pgbench
from billing_svc.fake_provider import FakeProvider
from chassis.application import Application
from chassis.clock import SandboxClock
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker

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
        floor.prepare(engine.order.database)
        engine.desk.stock()
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
    """The four services of the saga in one process; each has a thread that does its due steps."""

    def __init__(self, databases: Databases) -> None:
        clock, broker = SandboxClock(), MemoryBroker()
        ids = IdSource(clock)
        url = databases.secret
        self.order = order_svc.app.build(order_svc.settings.Settings(database_url=url("order_svc")), clock, broker, ids)
        inventory = inventory_svc.app.build(
            inventory_svc.settings.Settings(database_url=url("inventory_svc")), clock, broker, ids
        )
        billing = billing_svc.app.build(
            billing_svc.settings.Settings(database_url=url("billing_svc")), clock, broker, ids, FakeProvider(clock)
        )
        workflow = workflow_svc.app.build(workflow_svc.settings.Settings(database_url=url("workflow_svc")), clock, broker, ids)
        self.desk = Desk(self.order.service, inventory.service)
        self._applications = (self.order, inventory, billing, workflow)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(app,)) for app in self._applications]
        for thread in self._threads:
            thread.start()

    def _work(self, app: Application) -> None:
        while not self._stopping.is_set():
            steps: tuple[Callable[[], int], ...] = (app.relay.step, app.consumer.step, app.timers.step)
            if not sum([step() for step in steps]):
                self._stopping.wait(0.002)

    def sagas_per_second(self, count: int) -> float:
        """Place orders as fast as they are accepted, and wait until all are confirmed."""
        before = self._confirmed()
        started = time.perf_counter()
        self.desk.place(count, run=uuid.uuid4().hex)
        while (confirmed := self._confirmed() - before) < count:
            if time.perf_counter() - started > LIMIT_SECONDS:
                raise RuntimeError(f"{count - confirmed} of {count} orders are not confirmed: the run is void")
            self._stopping.wait(0.02)
        return count / (time.perf_counter() - started)

    def _confirmed(self) -> int:
        with self.order.database.connect() as connection:
            return int(connection.execute(sa.text("SELECT count(*) FROM orders WHERE state = 'CONFIRMED'")).scalar_one())

    def close(self) -> None:
        """Stop the threads and give everything back."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for app in self._applications:
            app.close()
