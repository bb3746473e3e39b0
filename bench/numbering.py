"""B4: what an invoice with a gapless number costs billing and PostgreSQL, beside the same with numbers that nobody locks."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from google.protobuf.message import Message
from pydantic import SecretStr

from atlas.common.v1.money_pb2 import Money
from atlas.inventory.v1 import inventory_events_pb2
from atlas.orders.v1 import order_events_pb2
from bench.figures import Check, Outcome, Pair, ratio_of
from bench.orders import ACTOR
from bench.processes import cpu_of, microseconds
from bench.stack import Databases, pids, stack
from billing_svc import app, invariants, reactions
from billing_svc.domain.numbering import Counter
from billing_svc.fake_provider import FakeProvider
from billing_svc.settings import Settings
from billing_svc.tables import invoice
from chassis import collector
from chassis.application import Application
from chassis.broker import OutRecord
from chassis.clock import SandboxClock
from chassis.envelope import Cause, Place, seal
from chassis.handling import Reaction
from chassis.ids import IdSource
from chassis.memory_broker import MemoryBroker
from chassis.telemetry import new_traceparent
from chassis.values import time_message
from chassis.world import Context, Decision, World

GOAL = "B4"
INVOICES, WARM_UP = 2_000, 200
ISSUING: tuple[type[Message], ...] = (order_events_pb2.OrderPlaced, inventory_events_pb2.InventoryReserved)


def run(pairs: int) -> Outcome:
    """Measure on two databases of one stack: with the counter, and without."""
    with stack("postgres") as addresses:
        databases, server = Databases(addresses), pids(addresses)["postgres"]
        with _billing(databases, "gapless") as gapless, _billing(databases, "free") as free:
            _without_counter(free)
            costs = []
            for billing in (gapless, free):
                _issue(billing, WARM_UP)
            for _ in range(pairs):
                costs.append(Pair(_cost(gapless, server), _cost(free, server)))
            checks = _checks(gapless, WARM_UP + pairs * INVOICES), _checks(free, WARM_UP + pairs * INVOICES)
            wrong = _broken(gapless)
    return Outcome((ratio_of(GOAL, costs),), checks=(*checks, wrong))


@contextmanager
def _billing(databases: Databases, name: str) -> Iterator[Application]:
    clock = SandboxClock()
    collector.spare_start_up()
    settings = Settings(database_url=SecretStr(databases.fresh("billing_svc", name).get_secret_value()))
    built = app.build(settings, clock, MemoryBroker(), IdSource(clock), FakeProvider(clock))
    try:
        yield built
    finally:
        built.close()


def _without_counter(billing: Application) -> None:
    """Let a service draw numbers from memory: no row is locked, read or written for them."""
    numbers = itertools.count(1)
    subscriptions = dict(billing.service.subscriptions)
    for kind in ISSUING:
        subscriptions[kind] = _free(subscriptions[kind], numbers)
    service = replace(billing.service, subscriptions=subscriptions)
    billing.service = service
    billing.consumer = type(billing.consumer)(service, billing.broker, billing.settings.batch_events)


def _free(reaction: Reaction[Any], numbers: Iterator[int]) -> Reaction[Any]:
    def react(world: World, fact: Any, context: Context) -> Decision:
        with patch.object(reactions, "drawn", lambda _world, key, _context: Counter(key, 2026, next(numbers))):
            decision = reaction.react(world, fact, context)
        return replace(decision, changed=tuple(each for each in decision.changed if not isinstance(each, Counter)))

    return replace(
        reaction, react=react, keys=lambda fact: frozenset(key for key in reaction.keys(fact) if key[0] is not Counter)
    )


def _cost(billing: Application, server: int) -> float:
    """CPU of an invoice, in µs, of this process and PostgreSQL."""
    watched = {"ours": os.getpid(), "PostgreSQL": server}
    _tell(billing, INVOICES)
    before = cpu_of(watched)
    _read(billing)
    return sum(microseconds(before, cpu_of(watched), INVOICES).values())


def _issue(billing: Application, count: int) -> None:
    _tell(billing, count)
    _read(billing)


def _read(billing: Application) -> None:
    while billing.consumer.step():
        pass


def _tell(billing: Application, count: int) -> None:
    """Publish so many orders that were placed, and that everything is held for them."""
    for _ in range(count):
        order_id, now = str(uuid.uuid4()), datetime.now(UTC)
        placed = order_events_pb2.OrderPlaced(
            order_id=order_id, place_time=time_message(now), customer_id="cust-1", currency_code="EUR", payment_method="pm_ok"
        )
        placed.placed_by.subject, placed.placed_by_issuer = ACTOR.subject, ACTOR.issuer
        line = placed.lines.add(line_number=1, sku="LAMP", quantity=1)
        for amount, units in (
            (line.unit_price, 1_000),
            (line.net, 1_000),
            (line.tax, 200),
            (placed.net, 1_000),
            (placed.tax, 200),
        ):
            amount.CopyFrom(Money(currency_code="EUR", minor_units=units))
        placed.total.CopyFrom(Money(currency_code="EUR", minor_units=1_200))
        reserved = inventory_events_pb2.InventoryReserved(order_id=order_id)
        reserved.lines.add(line_number=1, sku="LAMP", quantity=1)
        for payload in (placed, reserved):
            _publish(billing, payload, order_id, now)


def _publish(billing: Application, payload: Any, order_id: str, now: datetime) -> None:
    kind = billing.service.catalog.by_payload[type(payload)]
    place = Place(str(uuid.uuid4()), now, "Order", order_id, 1)
    sealed = seal(kind, payload, place, Cause("bench", "bench", new_traceparent(), ACTOR))
    broker = billing.broker
    if not isinstance(broker, MemoryBroker):
        raise TypeError("billing reads from a broker in memory here")
    broker.append(OutRecord(kind.topic, order_id, sealed.value, sealed.headers))


def _checks(billing: Application, issued: int) -> Check:
    with billing.database.connect() as connection:
        found = connection.execute(sa.select(sa.func.count(invoice.c.invoice_number.distinct()))).scalar_one()
    return Check(GOAL, "invoices issued", issued, found)


def _broken(billing: Application) -> Check:
    with billing.database.connect() as connection:
        wrong = [finding.name for finding in invariants.check(connection) if finding.wrong]
    return Check(GOAL, "broken invariants", 0, len(wrong))
