"""Drives inventory_svc in a test: what order_svc publishes, what people ask, and what the service publishes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from atlas.inventory.v1 import adjustment_pb2, announcement_pb2, backorder_pb2, stock_pb2
from atlas.orders.v1 import order_events_pb2
from chassis.application import Application
from chassis.broker import InRecord, OutRecord
from chassis.clock import ManualClock
from chassis.command_handling import Answer, CommandCall, run_commands
from chassis.envelope import Cause, EnvelopeReader, Place, seal
from chassis.handling import Command
from chassis.idempotency import KeyedRequest, hash_request
from chassis.memory_broker import MemoryBroker
from chassis.values import time_message
from chassis.world import SYSTEM, Actor
from inventory_svc.commands import ADJUST_STOCK, RECEIVE_STOCK, create_item_command, update_item_command
from inventory_svc.queue_commands import ANNOUNCE_STOCK, PRIORITIZE_BACKORDER, RELEASE_HELD
from tests.inventory_svc.builders import NOON

TOPIC = "atlas.inventory.v1"
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
OPS = Actor("issuer", "ops", "ops", "atlas-cli", frozenset({"inventory:manage", "inventory:read", "orders:read_all"}))


def a_buyer(subject: str) -> Actor:
    """A caller who sees his own orders only."""
    return Actor("issuer", subject, subject, "atlas-shop", frozenset({"inventory:read"}))


@dataclass(frozen=True)
class Order:
    """An order as order_svc would tell of it."""

    wants: tuple[tuple[str, int], ...]
    by: str = "buyer"
    place_time: datetime = NOON
    order_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def placed(self) -> order_events_pb2.OrderPlaced:
        """OrderPlaced."""
        event = order_events_pb2.OrderPlaced(order_id=self.order_id, place_time=time_message(self.place_time))
        event.placed_by.subject, event.placed_by_issuer = self.by, "issuer"
        for number, (sku, quantity) in enumerate(self.wants, 1):
            event.lines.add(line_number=number, sku=sku, quantity=quantity)
        return event

    def cancelled(self) -> order_events_pb2.OrderCancelled:
        """OrderCancelled."""
        event = order_events_pb2.OrderCancelled(order_id=self.order_id, place_time=time_message(self.place_time))
        event.placed_by.subject, event.placed_by_issuer = self.by, "issuer"
        for number, (sku, quantity) in enumerate(self.wants, 1):
            event.lines.add(line_number=number, sku=sku, quantity=quantity)
        return event

    def confirmed(self) -> order_events_pb2.OrderConfirmed:
        """OrderConfirmed."""
        return order_events_pb2.OrderConfirmed(order_id=self.order_id, lines=self.cancelled().lines)

    def partially_fulfilled(self, units: int) -> order_events_pb2.OrderPartiallyFulfilled:
        """OrderPartiallyFulfilled, so many units of the first line."""
        event = order_events_pb2.OrderPartiallyFulfilled(order_id=self.order_id)
        event.fulfillment.fulfillment_id = str(uuid.uuid5(uuid.NAMESPACE_URL, self.order_id))
        event.fulfillment.lines.add(line_number=1, sku=self.wants[0][0], quantity=units)
        return event

    def fulfilled(self, *, but: int = 0) -> order_events_pb2.OrderFulfilled:
        """OrderFulfilled, everything in one shipment but for some units of the first line."""
        event = order_events_pb2.OrderFulfilled(order_id=self.order_id)
        event.fulfillment.fulfillment_id = str(uuid.uuid5(uuid.NAMESPACE_OID, self.order_id))
        for number, (sku, quantity) in enumerate(self.wants, 1):
            event.fulfillment.lines.add(line_number=number, sku=sku, quantity=quantity - (but if number == 1 else 0))
        return event

    def lines_cancelled(self, units: Mapping[int, int]) -> order_events_pb2.OrderLinesCancelled:
        """OrderLinesCancelled, so many units of these lines (by number)."""
        event = order_events_pb2.OrderLinesCancelled(order_id=self.order_id, terms_version=2)
        event.cancellation_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, self.order_id))
        for number, quantity in sorted(units.items()):
            event.lines.add(line_number=number, sku=self.wants[number - 1][0], quantity=quantity)
        return event


def an_order(*wants: tuple[str, int], by: str = "buyer", minute: int = 0) -> Order:
    """An order placed some minutes after noon."""
    return Order(wants, by, NOON + timedelta(minutes=minute))


@dataclass
class Counter:
    """The service between its broker and its callers."""

    application: Application
    broker: MemoryBroker
    clock: ManualClock
    _sequences: dict[str, int] = field(default_factory=dict)

    def publish(self, *payloads: Any) -> None:
        """Publish order events, each under a new id, and let the service read them one batch after another."""
        for payload in payloads:
            self.send(payload)
            self.settle()

    def send(self, payload: Any) -> None:
        """Put one event on its topic."""
        record = self.record(payload)
        self.broker.append(OutRecord(record.topic, record.key, record.value, record.headers))

    def record(self, payload: Any) -> InRecord:
        """Seal one event under a new id, as a consumer would read it."""
        kind = self.application.service.catalog.by_payload[type(payload)]
        key = payload.order_id
        number = self._sequences[key] = self._sequences.get(key, 0) + 1
        place = Place(str(uuid.uuid4()), self.clock.now(), "Order", key, number)
        sealed = seal(kind, payload, place, Cause("corr", "cause", TRACE, SYSTEM))
        return InRecord(kind.topic, 0, number, key, sealed.value, dict(sealed.headers))

    def settle(self) -> None:
        """Let everything run until nothing is left."""
        while self.application.consumer.step() + self.application.relay.step():
            pass

    def published(self, key: str) -> list[Any]:
        """What the service said about an order or a SKU; its stream has no gap."""
        reader = EnvelopeReader(self.application.service.catalog)
        records = [record for record in self.broker.topic(TOPIC) if record.key == key]
        received = [reader.read(InRecord(r.topic, 0, 0, r.key, r.value, dict(r.headers))) for r in records]
        assert [each.metadata.stream_sequence for each in received] == list(range(1, len(received) + 1))
        return [each.payload for each in received]

    def kinds(self, key: str) -> list[str]:
        """The names of what it said."""
        return [payload.DESCRIPTOR.name for payload in self.published(key)]

    def create(self, sku: str, *, on_hand: int = 0, currency: str = "EUR") -> Answer:
        """Make an item, with stock if wanted."""
        request = stock_pb2.CreateItemRequest(sku=sku, name=f"item {sku}")
        request.standard_cost.currency_code, request.standard_cost.minor_units = currency, 1200
        (answer,) = self.run(a_call(create_item_command("EUR"), request))
        if on_hand:
            self.receive((sku, on_hand))
        return answer

    def receive(self, *arrived: tuple[str, int]) -> Any:
        """Receive stock; the receipt."""
        (answer,) = self.run(a_receipt(*arrived))
        assert answer.error is None, answer.error
        response: Any = answer.response
        return response.receipt

    def adjust(self, *corrected: tuple[str, int], reason: str = "COUNT") -> Any:
        """Correct stock; the adjustment."""
        (answer,) = self.run(an_adjustment(*corrected, reason=reason))
        assert answer.error is None, answer.error
        response: Any = answer.response
        return response.adjustment

    def revalue(self, sku: str, minor_units: int) -> Any:
        """Change the standard cost of an item; the item."""
        (answer,) = self.run(an_update(sku, cost=("EUR", minor_units)))
        assert answer.error is None, answer.error
        response: Any = answer.response
        return response.item

    def do(self, call: CommandCall) -> Any:
        """Run a call that has to succeed; its response."""
        (answer,) = self.run(call)
        assert answer.error is None, answer.error
        return answer.response

    def run(self, *calls: CommandCall) -> list[Answer]:
        """Run calls in one batch, and let the others know."""
        answers = run_commands(self.application.service, calls)
        self.settle()
        return answers


def a_release(order: Order) -> CommandCall:
    """A call of ReleaseHeldStock."""
    return a_call(RELEASE_HELD, backorder_pb2.ReleaseHeldStockRequest(order_id=order.order_id))


def a_priority(order: Order, priority: int) -> CommandCall:
    """A call of PrioritizeBackorder."""
    return a_call(PRIORITIZE_BACKORDER, backorder_pb2.PrioritizeBackorderRequest(order_id=order.order_id, priority=priority))


def an_announcement(reference: str, at: datetime, *units: tuple[str, int]) -> CommandCall:
    """A call of AnnounceStock."""
    request = announcement_pb2.AnnounceStockRequest(reference=reference, expected_time=time_message(at))
    for sku, quantity in units:
        request.lines.add(sku=sku, quantity=quantity)
    return a_call(ANNOUNCE_STOCK, request)


def a_receipt(*arrived: tuple[str, int], key: str = "", reference: str = "PO-1") -> CommandCall:
    """A call of ReceiveStock."""
    request = stock_pb2.ReceiveStockRequest(reference=reference)
    for sku, quantity in arrived:
        request.lines.add(sku=sku, quantity=quantity)
    return a_call(RECEIVE_STOCK, request, key)


def an_adjustment(*corrected: tuple[str, int], reason: str = "COUNT") -> CommandCall:
    """A call of AdjustStock."""
    number = adjustment_pb2.AdjustmentReason.Value(f"ADJUSTMENT_REASON_{reason}")
    request = adjustment_pb2.AdjustStockRequest(reason=number, comment="as counted")
    for sku, quantity in corrected:
        request.lines.add(sku=sku, quantity=quantity)
    return a_call(ADJUST_STOCK, request)


def an_update(sku: str, *, name: str | None = None, cost: tuple[str, int] | None = None) -> CommandCall:
    """A call of UpdateItem."""
    request = stock_pb2.UpdateItemRequest(sku=sku, name=name)
    if cost:
        request.standard_cost.currency_code, request.standard_cost.minor_units = cost
    return a_call(update_item_command("EUR"), request)


def a_call(command: Command[Any], request: Message, key: str = "") -> CommandCall:
    """A call by the warehouse's people."""
    keyed = KeyedRequest(OPS.key, command.name, key or str(uuid.uuid4()), hash_request(request))
    return CommandCall(command, command.parse(request), keyed, Cause("corr", "request", TRACE, OPS))
