"""inventory_svc on an empty database of its own and a broker in memory, as its process would build it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import SecretStr

from atlas.orders.v1 import order_events_pb2
from bench.figures import Check
from bench.orders import ACTOR
from chassis import collector
from chassis.application import Application
from chassis.broker import OutRecord
from chassis.clock import SandboxClock
from chassis.envelope import Cause, Place, seal
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from chassis.telemetry import new_traceparent
from chassis.values import time_message
from inventory_svc import app, invariants
from inventory_svc.settings import Settings


@contextmanager
def warehouse(url: SecretStr, batch: int = Settings.model_fields["batch_events"].default) -> Iterator[Application]:
    """Build the service; `batch` is how many events it handles in a transaction at most."""
    clock = SandboxClock()
    collector.spare_start_up()
    built = app.build(Settings(database_url=url, batch_events=batch), clock, MemoryBroker(), IdSource(clock))
    try:
        yield built
    finally:
        built.close()


def tell_of_orders(inventory: Application, sku: str, count: int) -> None:
    """Publish OrderPlaced of so many new orders, of one unit each."""
    kind = inventory.service.catalog.by_payload[order_events_pb2.OrderPlaced]
    broker = inventory.broker
    if not isinstance(broker, MemoryBroker):
        raise TypeError("a warehouse reads from a broker in memory")
    for _ in range(count):
        order_id, now = str(uuid.uuid4()), datetime.now(UTC)
        event = order_events_pb2.OrderPlaced(order_id=order_id, place_time=time_message(now), placed_by_issuer="issuer")
        event.placed_by.subject = ACTOR.subject
        event.lines.add(line_number=1, sku=sku, quantity=1)
        place = Place(str(uuid.uuid4()), now, "Order", order_id, 1)
        sealed = seal(kind, event, place, Cause("bench", "bench", new_traceparent(), ACTOR))
        broker.append(OutRecord(kind.topic, order_id, sealed.value, sealed.headers))


def broken(goal: str, inventory: Application) -> Check:
    """Check what the service promises of its own database."""
    with inventory.database.connect() as connection:
        wrong = [finding.name for finding in invariants.check(connection) if finding.wrong]
    return Check(goal, "broken invariants", 0, len(wrong))
