"""Shipping in parts and cancelling what remains: what an order becomes, and that its parts carry exactly its money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import Money, total
from order_svc.domain import events, pricing
from order_svc.domain import order as orders
from order_svc.domain.errors import NothingToClose, OrderNotCancellable, OrderNotShippable
from order_svc.domain.facts import Fact, Outcome
from order_svc.domain.order import LinePart, Order, Settlement, State
from order_svc.domain.shown import show
from tests.order_svc.builders import (
    BUYER,
    DEADLINES,
    EXPIRED,
    LATER,
    PAYMENT_ID,
    REJECTED,
    RELEASED,
    RESERVED,
    UNKNOWN_ITEM,
    VOIDED,
    Told,
    a_cancelled_order,
    a_confirmed_order,
    a_line,
    a_part_shipped_order,
    a_shipped_order,
    a_short_order,
    an_order,
    closed,
    lines,
    names,
    ship,
)


def _close(order: Order) -> tuple[Order, Told]:
    return orders.cancel_remaining(order, "OUT_OF_STOCK", BUYER, cancellation_id=PAYMENT_ID, now=LATER)


def test_what_remains_is_cancelled_with_the_rest_of_its_money() -> None:
    before = a_part_shipped_order(lines(a_line("LAMP-01", 3), a_line("DESK-02", 1)))
    after, told = _close(before)
    assert (after.state, after.settlement, after.terms_version) == (State.FULFILLED, Settlement.PENDING, 2)
    assert [(line.quantity_shipped, line.quantity_cancelled) for line in after.lines] == [(1, 2), (0, 1)]
    assert names(told) == ["OrderLinesCancelled", "OrderFulfilled"]
    cancelled, fulfilled, changed = told
    assert isinstance(cancelled, events.OrderLinesCancelled)
    assert [(part.line_number, part.quantity, part.net.minor_units) for part in cancelled.cancellation.lines] == [
        (1, 2, 2_000),
        (2, 1, 1_000),
    ]
    assert isinstance(fulfilled, events.OrderFulfilled)
    assert fulfilled.fulfillment is None
    assert isinstance(changed, events.OrderStateChanged)


@pytest.mark.parametrize(
    "order",
    [an_order(RESERVED), a_confirmed_order(), a_shipped_order(), a_cancelled_order(), a_short_order()],
    ids=["unpaid", "nothing shipped", "everything shipped", "cancelled", "closed before"],
)
def test_only_what_remains_of_a_shipped_part_can_be_cancelled(order: Order) -> None:
    with pytest.raises(NothingToClose):
        _close(order)


def test_an_order_closed_short_can_be_neither_shipped_nor_cancelled() -> None:
    order = a_short_order()
    with pytest.raises(OrderNotShippable):
        ship(order)
    with pytest.raises(OrderNotCancellable):
        orders.cancel(order, "OTHER", BUYER, LATER)


@pytest.mark.parametrize("cause", [VOIDED, REJECTED, EXPIRED, UNKNOWN_ITEM], ids=lambda cause: type(cause).__name__)
def test_after_a_shipment_no_fact_cancels_any_more(cause: Fact) -> None:
    for order in (a_part_shipped_order(), a_short_order()):
        assert orders.learn(order, cause, LATER, DEADLINES)[0].state is order.state


def test_a_short_order_is_settled_by_released_stock_and_billings_answer() -> None:
    order = a_short_order()
    told: list[str] = []
    for fact in (RELEASED, closed(Outcome.REFUND_FAILED, 1, PAYMENT_ID), closed(Outcome.REFUNDED, 2, PAYMENT_ID)):
        order, said = orders.learn(order, fact, LATER, DEADLINES)
        told += [*names(said), str(order.settlement)]
        assert order.state is State.FULFILLED
    assert told == ["PENDING", "OrderCancellationSettled", "FAILED", "OrderCancellationSettled", "SETTLED"]


def test_what_was_shipped_of_a_short_order_stays_sold() -> None:
    known = a_short_order().known.learn(RELEASED).learn(closed(Outcome.REFUNDED, 1, PAYMENT_ID))
    shown = show(known, is_kept=True)
    assert (shown.reservation, shown.invoice, shown.payment) == ("RESERVED", "PAID", "PAID")


@given(
    quantity=st.integers(1, 60),
    price=st.integers(0, 10_000),
    discount=st.integers(0, 10_000),
    rate=st.integers(0, 2_500),
    cuts=st.lists(st.integers(1, 20), max_size=12),
    is_short=st.booleans(),
)
def test_the_parts_carry_exactly_what_the_line_carries(
    quantity: int, price: int, discount: int, rate: int, cuts: list[int], is_short: bool
) -> None:
    order = a_confirmed_order(pricing.price([pricing.LineRequest("LAMP-01", quantity, Money("EUR", price), discount, rate)]))
    parts: list[LinePart] = []
    for cut in (*cuts, quantity):
        if is_short and order.state is State.PARTIALLY_FULFILLED and cut == quantity:
            order, told = _close(order)
            assert isinstance(told[0], events.OrderLinesCancelled)
            parts += told[0].cancellation.lines
        elif (left := order.lines[0].remaining) > 0:
            order, fulfillment, _ = ship(order, (1, min(cut, left)))
            parts += fulfillment.lines
    assert order.state is State.FULFILLED
    assert sum(part.quantity for part in parts) == quantity
    assert total((part.net for part in parts), "EUR") == order.net
    assert total((part.tax for part in parts), "EUR") == order.tax
