"""What was kept plus what was given back is what was paid, to the cent, for any split of an order in any order of reading."""

from __future__ import annotations

import uuid
from collections import Counter
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from billing_svc.domain import collecting, facts, invoicing, refunding
from billing_svc.domain import invoice as invoices
from billing_svc.domain.order_account import Change, Moment, OrderAccount
from billing_svc.domain.provider_call import Answer, Outcome
from chassis.money import Money
from order_svc.domain import events, pricing
from order_svc.domain import order as orders
from order_svc.domain.order import LinePart, Order, State
from tests.order_svc.builders import BUYER, LATER, NOW, ORDER_ID, a_confirmed_order

EXAMPLE = (10, 2_390, 2_500, 2_000), (3, 4)
"""23.90 x 10, 25 % off, 20 % tax: 3 shipped, 4 shipped, 3 cancelled."""
Fact = facts.OrderPlaced | facts.OrderShipped | facts.OrderLinesCancelled | str
MOMENT = Moment(NOW, lambda: str(uuid.uuid4()))
LINES = st.tuples(st.integers(1, 40), st.integers(0, 30_000), st.integers(0, 10_000), st.integers(0, 2_500))


def _order(*asked: tuple[int, int, int, int]) -> Order:
    return a_confirmed_order(
        pricing.price(
            [
                pricing.LineRequest(f"SKU-{n}", units, Money("EUR", price), off, rate)
                for n, (units, price, off, rate) in enumerate(asked)
            ]
        )
    )


def _split(order: Order, cuts: list[tuple[int, int]]) -> tuple[Order, list[Fact]]:
    """Ship these (line number, units) one after the other, as far as they remain; then cancel what is left."""
    told: list[Fact] = [_placed(order), "reserved", "paid"]
    for number, units in cuts:
        left = order.lines[number % len(order.lines)].remaining
        if left > 0:
            part = ((number % len(order.lines) + 1, min(units, left)),)
            order, shipment, _ = orders.fulfill(
                order, part, fulfillment_id=str(uuid.uuid4()), tracking_reference=None, now=LATER
            )
            told.append(
                facts.OrderShipped(ORDER_ID, shipment.fulfillment_id, sum((p.net for p in shipment.lines), Money("EUR", 0)))
            )
    if order.state is State.PARTIALLY_FULFILLED:
        order, (cancelled, *_) = orders.cancel_remaining(order, "OTHER", BUYER, cancellation_id=str(uuid.uuid4()), now=LATER)
        assert isinstance(cancelled, events.OrderLinesCancelled)
        lines = tuple(map(_credited, cancelled.cancellation.lines))
        told.append(
            facts.OrderLinesCancelled(ORDER_ID, invoices.LineCancellation(cancelled.cancellation.cancellation_id, lines))
        )
    return order, told


def _placed(order: Order) -> facts.OrderPlaced:
    lines = tuple(
        invoices.Line(
            line.line_number,
            line.sku,
            line.quantity,
            line.unit_price,
            line.discount_basis_points,
            line.tax_rate_basis_points,
            line.net,
            line.tax,
        )
        for line in order.lines
    )
    who = invoices.Person(BUYER.issuer, BUYER.subject, BUYER.username)
    return facts.OrderPlaced(ORDER_ID, who, invoices.Terms("cust-1", "EUR", "pm_ok", NOW, lines))


def _credited(part: LinePart) -> invoices.CreditedLine:
    return invoices.CreditedLine(part.line_number, part.sku, part.quantity, part.net, part.tax)


def _hear(account: OrderAccount, fact: Fact) -> Change:
    match fact:
        case facts.OrderPlaced():
            change = Change(invoicing.place(account, fact))
        case facts.OrderShipped():
            change = invoicing.ship(account, fact)
        case facts.OrderLinesCancelled():
            change = invoicing.cancel_lines(account, fact, "CN-000001", MOMENT)
        case "reserved":
            change = Change(invoicing.reserve(account))
        case _:
            change = _pay(account)
    return change.then(lambda after: invoicing.issue(after, "INV-000001", "CN-000001", MOMENT))


def _pay(account: OrderAccount) -> Change:
    """The provider says that every open attempt succeeded."""
    change = Change(account)
    for attempt in account.attempts:
        paid = Answer(Outcome.SUCCEEDED, attempt.amount, "pi_1")
        change = change.then(partial(collecting.hear_payment, payment_id=attempt.payment_id, answer=paid, moment=MOMENT))
    return change


def _books(facts_told: list[Fact]) -> tuple[OrderAccount, Counter[str]]:
    """Read everything, then let the provider finish; the account and the balance of each ledger account."""
    change = Change(OrderAccount(ORDER_ID))
    for fact in (*facts_told, "paid"):
        change = change.then(partial(_hear, fact=fact))
    for refund in change.account.refunds:
        back = Answer(Outcome.SUCCEEDED, refund.amount, "re_1")
        change = change.then(partial(refunding.hear_refund, refund_id=refund.refund_id, answer=back, moment=MOMENT))
    balances: Counter[str] = Counter()
    for journal in change.journals:
        for entry in journal.entries:
            balances[entry.account] += entry.amount
    return change.account, balances


def _check(order: Order, told: list[Fact]) -> int:
    account, books = _books(told)
    received = sum(amount.minor_units for amount in account.received)
    refunded = sum(amount.minor_units for amount in account.refunded)
    kept = -books["4000"] - books["2000"]
    assert kept + refunded == received
    assert (books["1000"], books["1100"], books["2100"], books["2200"]) == (kept, 0, 0, 0)
    if order.state is State.FULFILLED:
        assert books["2300"] == 0
        assert account.closing is not None or not any(line.quantity_cancelled for line in order.lines)
    return refunded


def test_the_example_keeps_what_was_shipped_and_gives_back_the_rest() -> None:
    asked, shipped = EXAMPLE
    order, told = _split(_order(asked), [(0, units) for units in shipped])
    assert order.total == Money("EUR", 21_510)
    assert _check(order, told) == 6_452


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_kept_and_given_back_is_what_was_paid_in_whatever_order_it_is_read(data: st.DataObject) -> None:
    order = _order(*data.draw(st.lists(LINES, min_size=1, max_size=3)))
    cuts = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 25)), min_size=1, max_size=5))
    order, told = _split(order, cuts)
    again = data.draw(st.lists(st.sampled_from(told), max_size=3))
    _check(order, data.draw(st.permutations([*told, *again])))
