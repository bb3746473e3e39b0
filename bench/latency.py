"""P6: from the commit of an event to its consumer, 200 a second, beside producing and consuming it without an outbox.

On our side one process commits and relays, as a service does, and another consumes; on the floor's side one process produces
and another consumes. Every clock is the machine's monotonic one.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from bench.figures import Check, Outcome, Pair, quantile, ratio_of
from bench.raw_kafka import Cluster
from bench.receiver import Place, Receiver
from bench.stack import REAL_KAFKA, Databases, stack
from chassis import outbox
from chassis.database import make_engine
from chassis.envelope import Sealed
from chassis.kafka import KafkaBroker
from chassis.relay import Relay

TOPIC = "bench.latency.v1"
RATE = 200
WARM_UP = 200
EVENTS = 1_200
PATIENCE_SECONDS = 30.0
VALUE = bytes(632)  # an OrderPlaced of one line
Send = Callable[[Sealed], int]
"""Sends an event and returns from when its way counts, in ns."""


def run(pairs: int, providers: Mapping[str, str] = REAL_KAFKA) -> Outcome:
    """Measure on a stack of its own."""
    p50, p99, checks = [], [], []
    with stack("postgres", "kafka", providers=providers) as addresses:
        databases = Databases(addresses)
        databases.migrate("order_svc")
        cluster = Cluster.of(addresses)
        cluster.make_topic(TOPIC)
        for _ in range(pairs):
            with _through_outbox(databases, cluster) as send:
                ours = _latencies(cluster, "ours", send)
            floor = _latencies(cluster, "bare", _straight(cluster))
            p50.append(Pair(quantile(ours, 0.5), quantile(floor, 0.5)))
            p99.append(Pair(quantile(ours, 0.99), quantile(floor, 0.99)))
            checks += [
                Check("P6", "events received once", EVENTS, len(ours)),
                Check("P6", "floor: events received once", EVENTS, len(floor)),
            ]
    return Outcome((ratio_of("P6.p50", p50), ratio_of("P6.p99", p99)), (), tuple(checks))


def _latencies(cluster: Cluster, kind: str, send: Send) -> Sequence[float]:
    """Send events at the rate; return the ms on their way of those after the warm-up that came exactly once."""
    receiver = Receiver(kind, Place(cluster, TOPIC, cluster.new_group(TOPIC)))
    events = [_event() for _ in range(WARM_UP + EVENTS)]
    sent = {event.event_id: send(event) for event in _paced(events)}
    arrivals = receiver.collect(len(events), PATIENCE_SECONDS)
    arrived: dict[str, list[int]] = {}
    for event_id, moment in arrivals:
        arrived.setdefault(event_id, []).append(moment)
    measured = [event.event_id for event in events[WARM_UP:]]
    return [(arrived[each][0] - sent[each]) / 1e6 for each in measured if len(arrived.get(each, ())) == 1]


def _paced(events: Sequence[Sealed]) -> Iterator[Sealed]:
    """Hand out the events at the rate, not later ones faster because earlier ones were slow."""
    started = time.monotonic()
    for number, event in enumerate(events):
        time.sleep(max(0.0, started + number / RATE - time.monotonic()))
        yield event


def _event() -> Sealed:
    """Make an event with the headers and the size of an OrderPlaced."""
    event_id, key, now = str(uuid.uuid4()), str(uuid.uuid4()), datetime.now(UTC)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_type": "OrderPlaced",
        "ce_source": "order-svc",
        "ce_time": now.isoformat(timespec="milliseconds"),
        "ce_subject": key,
        "ce_dataschema": "atlas.orders.v1.OrderEvent",
        "content-type": "application/protobuf",
        "traceparent": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01",
    }
    return Sealed(event_id, "OrderPlaced", TOPIC, key, 1, now, headers, VALUE)


@contextmanager
def _through_outbox(databases: Databases, cluster: Cluster) -> Iterator[Send]:
    """Commit an event to the outbox and wake the relay, which runs on a thread beside, as in a service."""
    engine = make_engine(databases.url("order_svc"), name="bench", pool_size=2)
    relay = Relay(engine, KafkaBroker(cluster.bootstrap, cluster.provider).publisher("order-svc"))
    stopping = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stopping,))
    thread.start()

    def send(event: Sealed) -> int:
        with engine.begin() as connection:
            outbox.append(connection, [event])
        committed = time.monotonic_ns()
        relay.wake()
        return committed

    try:
        _wait_for_lead(engine)
        yield send
    finally:
        stopping.set()
        relay.wake()
        thread.join()
        engine.dispose()


def _wait_for_lead(engine: sa.Engine) -> None:
    """Wait until the relay holds its advisory lock: before that nobody publishes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    held = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if connection.execute(held).scalar_one():
                return
        time.sleep(0.02)
    raise RuntimeError("the relay does not lead")


def _straight(cluster: Cluster) -> Send:
    """Produce an event without an outbox; its way counts from when the producer is called."""
    producer = cluster.producer()

    def send(event: Sealed) -> int:
        started = time.monotonic_ns()
        producer.produce(event.topic, key=event.stream_key.encode(), value=event.value, headers=list(event.headers.items()))
        return started

    return send
