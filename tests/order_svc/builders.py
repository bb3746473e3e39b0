"""Builders of orders, facts and requests, so that each test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from google.protobuf.message import Message

from atlas.common.v1.money_pb2 import Money as MoneyMessage
from atlas.orders.v1 import order_pb2, order_service_pb2
from chassis import telemetry
from chassis.command_handling import CommandCall
from chassis.envelope import Cause
from chassis.handling import Command
from chassis.idempotency import KeyedRequest, hash_request
from chassis.money import Money
from chassis.world import Actor, Context
from order_svc.commands import place_order_command
from order_svc.domain import events, facts
from order_svc.domain import order as orders
from order_svc.domain.facts import Approval, Attempt, Fact, Outcome
from order_svc.domain.order import Deadlines, Fulfillment, Order, Person, Terms
from order_svc.domain.price_list import Price
from order_svc.domain.pricing import Line, LineRequest, price

DEADLINES = Deadlines()
PLACE_ORDER = place_order_command(DEADLINES)
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
BUYER = Person("http://issuer.test", "buyer", "sales")
STRANGER = Person("http://issuer.test", "stranger", "sales2")
ORDER_ID = "0190a000-0000-7000-8000-000000000001"
PAYMENT_ID = "0190a000-0000-7000-8000-0000000000f1"
SECOND_PAYMENT_ID = "0190a000-0000-7000-8000-0000000000f2"
EXCEPTION_ID = "0190a000-0000-7000-8000-0000000000e1"

RESERVED = facts.Reserved()
BACKORDERED = facts.Backordered()
UNKNOWN_ITEM = facts.UnknownItem()
RELEASED = facts.Released()
INVOICED = facts.InvoiceIssued()
VOIDED = facts.InvoiceVoided()
PENDING = facts.PaymentMoved(1, Attempt.PENDING)
UNKNOWN = facts.PaymentMoved(1, Attempt.UNKNOWN)
PAID = facts.PaymentMoved(1, Attempt.SUCCEEDED, PAYMENT_ID, invoice_paid=True)
LATE_MONEY = facts.PaymentMoved(1, Attempt.SUCCEEDED, PAYMENT_ID)
DECLINED_SOFT = facts.PaymentMoved(1, Attempt.FAILED)
DECLINED_FINALLY = facts.PaymentMoved(1, Attempt.FAILED, exception_id=EXCEPTION_ID)
NOT_REQUIRED = facts.ApprovalMoved(Approval.NOT_REQUIRED)
REQUESTED = facts.ApprovalMoved(Approval.PENDING, longest_seconds=3 * 86_400)
GRANTED = facts.ApprovalMoved(Approval.GRANTED)
REJECTED = facts.ApprovalMoved(Approval.REJECTED)
EXPIRED = facts.ApprovalMoved(Approval.EXPIRED)


def closed(outcome: Outcome, revision: int = 1, *payment_ids: str) -> facts.BillingClosed:
    """Billing's answer to a cancellation."""
    return facts.BillingClosed(outcome, revision, frozenset(payment_ids))


def a_line(sku: str = "LAMP-01", quantity: int = 3, unit_price: int = 1_000) -> LineRequest:
    """A line in EUR without discount, with 20 % tax."""
    return LineRequest(sku, quantity, Money("EUR", unit_price), 0, 2_000)


def lines(*requests: LineRequest) -> tuple[Line, ...]:
    """Priced lines; one of three lamps where none is named."""
    return price(requests or (a_line(),))


def an_order(*known: Fact, priced: tuple[Line, ...] = (), order_id: str = ORDER_ID) -> Order:
    """An order that has learned these facts, one after the other."""
    terms = Terms("cust-1", "EUR", "pm_ok", None, priced or lines())
    order, _ = orders.place(order_id, terms, BUYER, NOW, DEADLINES)
    for fact in known:
        order, _ = orders.learn(order, fact, NOW, DEADLINES)
    return order


def a_confirmed_order(priced: tuple[Line, ...] = ()) -> Order:
    """An order with everything that confirms it."""
    return an_order(RESERVED, INVOICED, NOT_REQUIRED, PAID, priced=priced)


def a_shipped_order() -> Order:
    """An order that was shipped as a whole."""
    order, _, _ = orders.fulfill(a_confirmed_order(), (), fulfillment_id=SECOND_PAYMENT_ID, tracking_reference=None, now=LATER)
    return order


def a_part_shipped_order(priced: tuple[Line, ...] = ()) -> Order:
    """An order of which one unit of the first line was shipped."""
    order, _, _ = orders.fulfill(
        a_confirmed_order(priced), ((1, 1),), fulfillment_id=SECOND_PAYMENT_ID, tracking_reference=None, now=LATER
    )
    return order


def a_short_order(priced: tuple[Line, ...] = ()) -> Order:
    """An order of which one unit was shipped, and the rest cancelled."""
    order = a_part_shipped_order(priced)
    return orders.cancel_remaining(order, "OUT_OF_STOCK", BUYER, cancellation_id=ORDER_ID, now=LATER)[0]


Told = tuple[events.Event, ...]


def names(told: Told) -> list[str]:
    """What was said, without the state change that every move says."""
    return [type(event).__name__ for event in told if not isinstance(event, events.OrderStateChanged)]


def ship(order: Order, *wanted: tuple[int, int]) -> tuple[Order, Fulfillment, Told]:
    """Ship units of lines, (line number, units), or all that remains."""
    return orders.fulfill(order, wanted, fulfillment_id=PAYMENT_ID, tracking_reference=None, now=LATER)


def a_cancelled_order(*known: Fact) -> Order:
    """An order that its buyer cancelled when it knew these facts."""
    order, _ = orders.cancel(an_order(*known), "CUSTOMER_REQUEST", BUYER, LATER)
    return order


def an_actor(person: Person = BUYER, *scopes: str) -> Actor:
    """A person's verified identity."""
    return Actor(person.issuer, person.subject, person.username, "atlas-cli", frozenset(scopes), human=True)


def a_context(actor: Actor | None = None, now: datetime = NOW) -> Context:
    """What a decider is told, with ids that count up."""
    numbers = count(1)
    return Context(now, actor or an_actor(), lambda: f"0190a000-0000-7000-9000-{next(numbers):012d}")


def a_place_request(**changes: object) -> order_service_pb2.PlaceOrderRequest:
    """A request for three lamps."""
    line = order_pb2.OrderLineInput(
        sku="LAMP-01", quantity=3, unit_price=MoneyMessage(currency_code="EUR", minor_units=1_000), tax_rate_basis_points=2_000
    )
    fields: dict[str, object] = {
        "customer_id": "cust-1", "currency_code": "EUR", "payment_method": "pm_ok", "lines": [line]
    }  # fmt: skip
    return order_service_pb2.PlaceOrderRequest(**{**fields, **changes})  # type: ignore[arg-type]


def a_price(sku: str = "LAMP-01", unit_price: int = 1_000, *, currency: str = "EUR", valid_from: datetime = NOW) -> Price:
    """A list price with 20 % tax."""
    return Price(str(uuid4()), sku, Money(currency, unit_price), 2_000, valid_from)


def a_call(command: Command[Any], request: Message, actor: Actor | None = None, key: str = "") -> CommandCall:
    """A call as the edge hands it on, under a key of its own unless one is given."""
    caller, trace = actor or an_actor(), telemetry.new_context()
    keyed = KeyedRequest(caller.key, command.name, key or str(uuid4()), hash_request(request))
    return CommandCall(command, command.parse(request), keyed, Cause(trace.correlation_id, "", trace.traceparent, caller))
