"""P5: the relay drains an outbox of order_svc to Kafka, beside the bare idempotent producer sending the same bytes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Producer

from bench import orders
from bench.figures import Check, Outcome, Pair, medians, ratio_of
from bench.processes import cpu_of, microseconds
from bench.raw_kafka import Cluster, Ready, produce_all
from bench.stack import REAL_KAFKA, Databases, pids, stack
from chassis import collector, outbox
from chassis.application import Application
from chassis.broker import OutRecord
from chassis.clock import SandboxClock
from chassis.ids import IdSource
from chassis.kafka import KafkaBroker
from order_svc import app
from order_svc.settings import Settings

GOAL = "P5"
TOPIC = "atlas.orders.v1"
ORDERS = 10_000  # two events each
WARM_UP = 250
MANY = 10**6


@dataclass(frozen=True, slots=True)
class Drained:
    """One way of sending all events: how long it took, and the CPU of each process in µs an event."""

    per_second: float
    microseconds: dict[str, float]


def run(pairs: int, providers: Mapping[str, str] = REAL_KAFKA) -> Outcome:
    """Measure on a stack of its own."""
    with stack("postgres", "kafka", providers=providers) as addresses, _order_svc(Databases(addresses)) as order_svc:
        running = pids(addresses)
        servers = {"PostgreSQL": running["postgres"], "Kafka": running["kafka"]}
        bench = Bench(order_svc, Cluster.of(addresses), servers)
        bench.pair(WARM_UP)
        measured = [bench.pair(ORDERS) for _ in range(pairs)]
    rates = [Pair(ours.per_second, floor.per_second) for ours, floor, _ in measured]
    details = (
        *medians(GOAL, [ours.microseconds for ours, _, _ in measured], "µs CPU/event"),
        *medians(GOAL, [_floor_row(floor) for _, floor, _ in measured], "µs CPU/event"),
    )
    return Outcome((ratio_of(GOAL, rates),), details, tuple(check for _, _, checks in measured for check in checks))


def _floor_row(floor: Drained) -> dict[str, float]:
    return {f"floor: {name}": value for name, value in floor.microseconds.items() if name != "PostgreSQL"}


@contextmanager
def _order_svc(databases: Databases) -> Iterator[Application]:
    """Build order_svc as its process would, on a Kafka broker."""
    databases.migrate("order_svc")
    cluster = Cluster.of(databases.addresses)
    clock = SandboxClock()
    settings = Settings(database_url=databases.secret("order_svc"))
    collector.spare_start_up()
    built = app.build(settings, clock, KafkaBroker(cluster.bootstrap, cluster.provider), IdSource(clock))
    try:
        yield built
    finally:
        built.close()


def _checks(records: Sequence[OutRecord], arrived: Sequence[tuple[str, str]], pending: int) -> tuple[Check, ...]:
    """Compare the outbox with what the topic got: each event once, and those of a key in their order."""
    wanted, found = defaultdict(list), defaultdict(list)
    for record in records:
        wanted[record.key].append(record.headers["ce_id"])
    for key, event_id in arrived:
        found[key].append(event_id)
    in_order = sum(found[key] == ids for key, ids in wanted.items())
    return (
        Check(GOAL, "events in the topic", len(records), len(arrived)),
        Check(GOAL, "orders whose events arrived once and in order", len(wanted), in_order),
        Check(GOAL, "events left in the outbox", 0, pending),
    )


class Bench:
    """An order_svc with its outbox, its relay and a bare producer beside it."""

    def __init__(self, order_svc: Application, cluster: Cluster, servers: dict[str, int]) -> None:
        self._order_svc = order_svc
        self._cluster = cluster
        self._servers = servers
        self._bare: Producer = cluster.producer()
        self._runs = 0

    def pair(self, count: int) -> tuple[Drained, Drained, tuple[Check, ...]]:
        """Fill the outbox, drain it by the relay, then send the same again by the bare producer."""
        self._runs += 1
        orders.place(self._order_svc.service, count, f"drain-{self._runs}")
        with self._order_svc.database.connect() as connection:
            records = [record for _id, record in outbox.pending(connection, floor=0, limit=MANY)]
        start = self._cluster.ends(TOPIC)
        ours = self._timed(len(records), self._relay)
        checks = _checks(records, self._cluster.read(TOPIC, start), self._pending())
        ready = [Ready.of(record) for record in records]
        before = sum(self._cluster.ends(TOPIC).values())
        floor = self._timed(len(records), lambda: produce_all(self._bare, ready))
        sent = sum(self._cluster.ends(TOPIC).values()) - before
        return ours, floor, (*checks, Check(GOAL, "floor: events in the topic", len(records), sent))

    def _relay(self) -> None:
        while self._order_svc.relay.step():
            pass

    def _pending(self) -> int:
        with self._order_svc.database.connect() as connection:
            return sum(1 for _ in outbox.pending(connection, floor=0, limit=MANY))

    def _timed(self, count: int, work: Callable[[], None]) -> Drained:
        before, started = self._cpu(), time.perf_counter()
        work()
        seconds = time.perf_counter() - started
        return Drained(count / seconds, microseconds(before, self._cpu(), count))

    def _cpu(self) -> dict[str, float]:
        return {"this side": time.process_time()} | cpu_of(self._servers)
