"""The smallest service that uses everything of the chassis: it counts, by command and by event, in the order it was told.

Its messages are borrowed from the orders contract: CancelOrder counts, OrderConfirmed with a label as its SKU counts too,
and every count is told as OrderStateChanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.dialects import postgresql as pg

from atlas.common.v1.event_metadata_pb2 import EventMetadata
from atlas.orders.v1 import order_events_pb2, order_pb2, order_service_pb2
from chassis import tables
from chassis.application import Application, Blueprint, Finding
from chassis.broker import Broker
from chassis.clock import Clock
from chassis.contracts import EventCatalog
from chassis.errors import IllegalState
from chassis.handling import Command, Reaction
from chassis.ids import IdSource
from chassis.settings import Settings
from chassis.store import Child, Columns, Store
from chassis.store import Mapping as StoreMapping
from chassis.timers import Work
from chassis.world import NOTHING, Context, Decision, Keys, Timer, World, keys

metadata = sa.MetaData()
IN, OUT = "test.in.v1", "test.out.v1"

counters = sa.Table(
    "counter",
    metadata,
    sa.Column("counter_id", pg.UUID(as_uuid=False), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
    *tables.aggregate_columns(),
)
counts = sa.Table(
    "counter_step",
    metadata,
    sa.Column("counter_id", pg.UUID(as_uuid=False), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Counter:
    """What was counted, as labels in order."""

    key: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter has moved."""

    counter_id: str


@dataclass(frozen=True, slots=True)
class Count:
    """Count once under a label."""

    counter_id: str
    label: str
    key: str = ""


@dataclass
class Faults:
    """What goes wrong on purpose: how often a label fails, which cannot be read, which error the infrastructure throws."""

    failing: dict[str, int] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    infrastructure: list[Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    on_ask: Callable[[str], object] = lambda label: None

    def check(self, label: str) -> None:
        """Fail if this label has failures left."""
        if self.infrastructure:
            raise self.infrastructure.pop()
        if self.failing.get(label, 0) > 0:
            self.failing[label] -= 1
            raise RuntimeError("the secret is 4711")


def _columns(counter: Counter) -> Columns:
    return {"value": len(counter.labels)}


def _steps(counter: Counter) -> list[Columns]:
    return [{"counter_id": counter.key, "position": p, "label": label} for p, label in enumerate(counter.labels, 1)]


def _restored(row: Any, children: list[list[Any]]) -> Counter:
    return Counter(row.counter_id, tuple(step.label for step in children[0]))


STORE = Store(
    StoreMapping(Counter, counters, "counter_id", _columns, _restored, (Child(counts, "counter_id", _steps),), is_stream=True)
)


def _keys(count: Count) -> Keys:
    return keys(Counter, [count.counter_id])


def _count(world: World, count: Count, _context: Context) -> Decision:
    counter = world.find(Counter, count.counter_id) or Counter(count.counter_id)
    counted = replace(counter, labels=(*counter.labels, count.label))
    return Decision((counted,), (Counted(count.counter_id),), result=counted)


def _parse_request(request: order_service_pb2.CancelOrderRequest) -> Count:
    return Count(request.order_id, request.comment)


def _encode(world: World, counter: Counter) -> Message:
    order = order_pb2.Order(order_id=counter.key, version=world.version(counter), terms_version=len(counter.labels))
    return order_service_pb2.CancelOrderResponse(order=order)


def _payload(event: Counted) -> Message:
    return order_events_pb2.OrderStateChanged(order_id=event.counter_id)


def catalog(topics: Mapping[str, str]) -> EventCatalog:
    """The events of the orders contract, OrderConfirmed coming in on one topic and all others going out on another."""
    result = EventCatalog([])
    result.types = [
        replace(t, topic=topics[IN if t.payload is order_events_pb2.OrderConfirmed else OUT])
        for t in EventCatalog([order_events_pb2]).types
    ]
    result.by_payload = {t.payload: t for t in result.types}
    result.by_name = {t.name: t for t in result.types}
    result.envelopes = {t.topic: t.envelope for t in result.types}
    return result


def count_command(faults: Faults) -> Command[Count]:
    """CancelOrder as the command that counts under its comment; `refuse` is refused, and `timer` sets a timer too."""

    def decide(world: World, count: Count, context: Context) -> Decision:
        if count.label == "refuse":
            raise IllegalState("it was asked to refuse")
        faults.check(count.label)
        decision = _count(world, count, context)
        if count.label != "timer":
            return decision
        due = context.now + timedelta(hours=1)
        return replace(decision, timers=(Timer("ring", count.counter_id, due),))

    return Command("CancelOrder", order_service_pb2.CancelOrderResponse, _parse_request, _keys, decide, _encode)


def _reactions(faults: Faults) -> dict[type[Message], Reaction[Any]]:
    def parse(payload: order_events_pb2.OrderConfirmed, metadata: EventMetadata) -> Count:
        label = payload.lines[0].sku if payload.lines else ""
        if label in faults.unreadable:
            raise ValueError(label)
        return Count(payload.order_id, label)

    def react(world: World, count: Count, context: Context) -> Decision:
        faults.check(count.label)
        return _count(world, count, context)

    return {order_events_pb2.OrderConfirmed: Reaction(parse, _keys, react)}


def _works(faults: Faults) -> dict[str, Work[Any, Any]]:
    def plan(world: World, key: str, context: Context) -> str | None:
        return key if world.find(Counter, key) else None

    def perform(key: str) -> str:
        faults.asked.append(key)
        faults.on_ask(key)
        return "rung"

    def record(world: World, key: str, answer: str, context: Context, attempt: int) -> Decision:
        faults.check(answer)
        if answer in world_labels(world, key):
            return NOTHING
        return _count(world, Count(key, answer), context)

    return {"ring": Work(lambda key: keys(Counter, [key]), plan, perform, record)}


def world_labels(world: World, key: str) -> tuple[str, ...]:
    """What a counter of a world has counted."""
    counter = world.find(Counter, key)
    return counter.labels if counter else ()


def _invariants(connection: sa.Connection) -> list[Finding]:
    wrong = sa.select(counters.c.counter_id).where(
        counters.c.value != sa.select(sa.func.count()).where(counts.c.counter_id == counters.c.counter_id).scalar_subquery()
    )
    found = tuple(connection.execute(wrong).scalars())
    total = connection.execute(sa.select(sa.func.count()).select_from(counters)).scalar_one()
    return [Finding("C1", "A counter's value is the number of its steps.", total, found)]


def build(settings: Settings, clock: Clock, broker: Broker, ids: IdSource, **custom: Any) -> Application:
    """Build the service; `custom` has faults, identity, topics and servicers where a test needs its own."""
    faults = custom.get("faults") or Faults()
    blueprint = Blueprint(
        package="counter",
        identity=custom.get("identity", "order-svc"),
        store=STORE,
        catalog=catalog(custom.get("topics") or {IN: IN, OUT: OUT}),
        payload=_payload,
        subscriptions=_reactions(faults),
        works=_works(faults),
        servicers=custom.get("servicers", lambda edge: []),
        invariants=_invariants,
    )
    return Application(blueprint, settings, clock=clock, broker=broker, ids=ids)
