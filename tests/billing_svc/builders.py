"""Builders of what others publish and of accounts, so that each test names only what it is about."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import partial

from atlas.common.v1.event_metadata_pb2 import Person as PersonMessage
from atlas.inventory.v1 import inventory_events_pb2 as inventory
from atlas.orders.v1 import fulfillment_pb2, order_pb2
from atlas.orders.v1 import order_events_pb2 as orders
from billing_svc.domain import collecting, facts, invoicing, refunding
from billing_svc.domain.invoice import CreditedLine, Line, LineCancellation, Person, Terms
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.provider_call import Answer, DeclineKind, Outcome
from chassis.money import Money
from chassis.values import money_message, time_message

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
ORDER_ID = "0190a000-0000-7000-8000-000000000001"
FULFILLMENT_ID = "0190a000-0000-7000-8000-0000000000a1"
MOVEMENT_ID = "0190a000-0000-7000-8000-0000000000b1"
BUYER = Person("http://issuer.test", "buyer-id", "buyer")
NET, TAX, TOTAL = 3_000, 600, 3_600
NUMBER, CREDIT_NOTE_NUMBER = "INV-000001", "CN-000001"

UNREACHABLE, TIMED_OUT = Answer(Outcome.UNREACHABLE), Answer(Outcome.TIMED_OUT)
PENDING, NOT_FOUND = Answer(Outcome.PENDING), Answer(Outcome.NOT_FOUND)
CANCELED = Answer(Outcome.CANCELED)
DECLINED = Answer(Outcome.DECLINED, decline_kind=DeclineKind.HARD)
SOFT = Answer(Outcome.DECLINED, decline_kind=DeclineKind.SOFT)


def eur(minor_units: int) -> Money:
    """An amount in EUR."""
    return Money("EUR", minor_units)


def succeeded(money: Money | None = None) -> Answer:
    """The provider says that money came in or went back; all of it where no amount is named."""
    return Answer(Outcome.SUCCEEDED, money, "pi_1")


def a_moment() -> Moment:
    """Now, with ids of its own."""
    return Moment(NOW, lambda: str(uuid.uuid4()))


def a_line(net: int = NET, tax: int = TAX, number: int = 1) -> Line:
    """A line of three lamps."""
    return Line(number, "LAMP-01", 3, eur(net // 3), 0, 2_000, eur(net), eur(tax))


def terms(net: int = NET, tax: int = TAX, method: str = "pm_ok") -> Terms:
    """One line's worth of an order."""
    return Terms("cust-1", "EUR", method, NOW, (a_line(net, tax),))


def placed(net: int = NET, tax: int = TAX, method: str = "pm_ok") -> facts.OrderPlaced:
    """The order was placed."""
    return facts.OrderPlaced(ORDER_ID, BUYER, terms(net, tax, method))


CANCELLED = facts.OrderCancelled(ORDER_ID, BUYER)


def cancel(account: OrderAccount) -> Change:
    """The order is cancelled."""
    return invoicing.cancel(account, CANCELLED, CREDIT_NOTE_NUMBER, a_moment())


def lines_cancelled(net: int = 1_000, tax: int = 200, units: int = 1) -> facts.OrderLinesCancelled:
    """One of the three lamps will not be shipped."""
    line = CreditedLine(1, "LAMP-01", units, eur(net), eur(tax))
    return facts.OrderLinesCancelled(ORDER_ID, LineCancellation(FULFILLMENT_ID, (line,)))


def cancel_lines(account: OrderAccount, fact: facts.OrderLinesCancelled | None = None) -> Change:
    """What remained of the order is cancelled."""
    return invoicing.cancel_lines(account, fact or lines_cancelled(), CREDIT_NOTE_NUMBER, a_moment())


def issue(net: int = NET, tax: int = TAX) -> Change:
    """An account with the invoice just issued."""
    account = invoicing.reserve(invoicing.place(OrderAccount(ORDER_ID), placed(net, tax)))
    return invoicing.issue(account, NUMBER, CREDIT_NOTE_NUMBER, a_moment())


def hear(account: OrderAccount, *answers: Answer) -> Change:
    """The first attempt hears answers, one after the other."""
    payment_id = account.attempts[0].payment_id
    change = Change(account)
    for answer in answers:
        change = change.then(partial(collecting.hear_payment, payment_id=payment_id, answer=answer, moment=a_moment()))
    return change


def hear_refund(account: OrderAccount, *answers: Answer) -> Change:
    """The first refund hears answers, one after the other."""
    refund_id = account.refunds[0].refund_id
    change = Change(account)
    for answer in answers:
        change = change.then(partial(refunding.hear_refund, refund_id=refund_id, answer=answer, moment=a_moment()))
    return change


def names(change: Change) -> list[str]:
    """What a change says."""
    return [type(event).__name__ for event in change.events]


def entries(change: Change) -> dict[str, dict[str, int]]:
    """What a change posts, by kind of journal: signed amounts by account."""
    return {j.kind.value: {e.account: e.amount for e in j.entries} for j in change.journals}


# What arrives on the wire.


def order_placed(
    order_id: str, *, method: str = "pm_ok", net: int = NET, tax: int = TAX, subject: str = BUYER.subject
) -> orders.OrderPlaced:
    """OrderPlaced over one line."""
    line = a_line(net, tax)
    return orders.OrderPlaced(
        order_id=order_id,
        place_time=time_message(NOW),
        placed_by=PersonMessage(subject=subject, username=BUYER.username),
        placed_by_issuer=BUYER.issuer,
        customer_id="cust-1",
        currency_code="EUR",
        payment_method=method,
        net=money_message(line.net),
        tax=money_message(line.tax),
        total=money_message(line.net + line.tax),
        terms_version=1,
        lines=[
            orders.PlacedLine(
                line_number=1,
                sku=line.sku,
                quantity=line.quantity,
                unit_price=money_message(line.unit_price),
                tax_rate_basis_points=2_000,
                net=money_message(line.net),
                tax=money_message(line.tax),
            )
        ],
    )


def inventory_reserved(order_id: str) -> inventory.InventoryReserved:
    """Everything is held."""
    return inventory.InventoryReserved(order_id=order_id, lines=[inventory.StockLine(line_number=1, sku="LAMP-01", quantity=3)])


def order_cancelled(order_id: str) -> orders.OrderCancelled:
    """The order was cancelled."""
    return orders.OrderCancelled(
        order_id=order_id,
        reason=order_pb2.CANCEL_REASON_CUSTOMER_REQUEST,
        place_time=time_message(NOW),
        placed_by=PersonMessage(subject=BUYER.subject, username=BUYER.username),
        placed_by_issuer=BUYER.issuer,
    )


def order_fulfilled(order_id: str, fulfillment_id: str) -> orders.OrderFulfilled:
    """Everything was shipped at once."""
    return orders.OrderFulfilled(order_id=order_id, fulfillment=_shipment(fulfillment_id, 3))


def order_shipped_in_parts(
    order_id: str, first_id: str, last_id: str
) -> tuple[orders.OrderPartiallyFulfilled, orders.OrderFulfilled]:
    """One lamp was shipped, then the other two."""
    return (
        orders.OrderPartiallyFulfilled(order_id=order_id, fulfillment=_shipment(first_id, 1)),
        orders.OrderFulfilled(order_id=order_id, fulfillment=_shipment(last_id, 2)),
    )


def _shipment(fulfillment_id: str, units: int) -> orders.Shipment:
    net, tax = eur(NET * units // 3), eur(TAX * units // 3)
    line = fulfillment_pb2.FulfillmentLine(
        line_number=1, sku="LAMP-01", quantity=units, net=money_message(net), tax=money_message(tax)
    )
    return orders.Shipment(fulfillment_id=fulfillment_id, lines=[line])


def stock_shipped(order_id: str, fulfillment_id: str, value: int = 1_500) -> inventory.StockShipped:
    """Three lamps left the warehouse."""
    line = inventory.ShippedLine(line_number=1, sku="LAMP-01", quantity=3, unit_cost=money_message(eur(value // 3)))
    return inventory.StockShipped(
        order_id=order_id, fulfillment_id=fulfillment_id, lines=[line], value=money_message(eur(value))
    )


def stock_adjusted(movement_id: str, value: int, sku: str = "LAMP-01") -> inventory.StockAdjusted:
    """Lamps were found, are lost, or are worth something else."""
    return inventory.StockAdjusted(
        sku=sku,
        movement_id=movement_id,
        unit_cost=money_message(eur(500)),
        value_change=money_message(eur(value)),
    )


def stock_received(movement_id: str, value: int = 5_000, sku: str = "LAMP-01") -> inventory.StockReceived:
    """Ten lamps came in."""
    return inventory.StockReceived(
        sku=sku,
        movement_id=movement_id,
        receipt_id=movement_id,
        reference="PO-1",
        quantity=10,
        unit_cost=money_message(eur(value // 10)),
        value_change=money_message(eur(value)),
    )
